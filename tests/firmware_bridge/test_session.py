"""The session with a model board in virtual time: hello, presses over losses and resets, commands, faults."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.commands import MOST_WAITING, Answer
from firmware_bridge.errors import CommandError
from firmware_bridge.frame import Deframer, Frame, encode_frame, seal
from firmware_bridge.messages import Beat, CommandKind, EventKind, Hello, LineClass, Pattern, Type
from firmware_bridge.numbers import WINDOW, NumberLog, Stored
from firmware_bridge.session import MOST_OUTPUT, Session, Told
from firmware_bridge.supervision import Supervision
from firmware_bridge.told import Happened
from tests.firmware_bridge.model_board import MS, ModelBoard, Pair


def a_pair(board: ModelBoard | None = None, *, rate: float = 0.0, seed: int = 1) -> Pair:
    return Pair(Session(session=77), ModelBoard() if board is None else board, rate=rate, seed=seed)


def presses(told: list[Told]) -> list[Happened]:
    return [each for each in told if isinstance(each, Happened) and each.kind is EventKind.PRESS]


def test_a_board_says_who_it_is_and_is_ready() -> None:
    pair = a_pair()
    told = pair.run(1)
    assert isinstance(told[0], Hello)
    assert (told[0].board, told[0].lamps, told[0].boots) == ("uno", 2, 1)
    assert pair.session.state == "ready"
    assert pair.session.beat is not None
    assert pair.session.beat.lines == (LineClass.NORMAL, LineClass.NORMAL)
    assert pair.run(60)
    assert pair.session.fault(pair.now_ns) is None
    assert pair.session.counters["boots"] == 1


def test_a_host_that_starts_later_asks_a_board_that_was_answered_already() -> None:
    pair = a_pair()
    pair.run(10)
    later = Pair(Session(session=78), pair.board)
    assert isinstance(later.run(2)[0], Hello)
    assert later.session.state == "ready"


def test_a_press_is_told_once_and_kept_by_the_board_until_it_is_stored() -> None:
    pair = a_pair()
    pair.run(1)
    pressed_ns = pair.now_ns
    number = pair.board.press()
    [press] = presses(pair.run(5))
    assert press.number == number
    assert press.happened_ns is not None
    assert press.error_ns is not None
    assert abs(press.happened_ns - pressed_ns) <= press.error_ns + 10 * MS  # a step of the model
    assert press.error_ns < 60 * MS
    assert pair.board.acknowledged == set()
    pair.session.press_stored(number)
    assert presses(pair.run(5)) == []
    assert pair.board.acknowledged == {number}


def test_the_answers_to_pings_make_the_moment_of_a_press_sharper() -> None:
    pair = a_pair()
    pair.run(10)
    for _ in range(20):
        pressed_ns = pair.now_ns
        number = pair.board.press()
        [press] = presses(pair.run(1.3))
        pair.session.press_stored(number)
        assert press.happened_ns is not None
        assert press.error_ns is not None
        assert abs(press.happened_ns - pressed_ns) <= press.error_ns + 10 * MS
        assert press.error_ns < 30 * MS
    assert pair.session.clock.restarts == 0


def test_events_that_are_no_press_are_acknowledged_at_once() -> None:
    pair = a_pair()
    pair.run(1)
    number = pair.board.other(EventKind.LINE, 1, LineClass.OPEN)
    told = [each for each in pair.run(1) if isinstance(each, Happened)]
    assert [(each.kind, each.index, each.value) for each in told] == [(EventKind.LINE, 1, LineClass.OPEN)]
    assert number in pair.board.acknowledged


def test_an_event_of_a_number_that_was_used_before_the_reset_is_told() -> None:
    pair = a_pair()
    for _ in range(2):
        pair.run(3)
        number = pair.board.other(EventKind.LINE, 0, LineClass.SHORT)
        assert [each.number for each in pair.run(1) if isinstance(each, Happened)] == [number]
        pair.board.reset()


def test_a_press_of_before_a_reset_is_told_without_a_moment() -> None:
    pair = a_pair()
    pair.run(1)
    pair.board.press()
    pair.board.reset()
    [press] = presses(pair.run(3))
    assert (press.number, press.happened_ns, press.error_ns) == (1, None, None)
    assert pair.session.counters["boots"] == 2


@pytest.mark.parametrize(("lost", "within_ms"), [(Type.HELLO, 1_500), (Type.HELLO_ACK, 3_000)])
def test_a_board_that_has_no_session_is_asked_who_it_is(lost: Type, within_ms: int) -> None:
    """It started anew, and its own hellos are lost; or our answer to the first is, and its later ones."""
    session, board = Session(session=1), ModelBoard()
    session.opened(0)
    told: list[Told] = []
    reset_ms, came_ms = 6_600, None  # the next ping is due at 7.6 s, after two beats: nothing is missed yet
    acks = asked = later = 0
    for now_ms in range(0, 16_000, 10):
        if now_ms == reset_ms:
            assert session.state == "ready"
            board.reset()
            board.press()
        heard = Deframer().feed(board.step(10))
        if now_ms >= reset_ms and not asked and (lost is Type.HELLO or acks):
            heard = [frame for frame in heard if frame.type != Type.HELLO]
        told += session.feed(b"".join(map(encode_frame, heard)), now_ms * MS)
        said = Deframer().feed(session.take_output())
        if now_ms >= reset_ms:
            asks = sum(frame.type == Type.HELLO for frame in said)
            asked, later = asked + asks, later + asks * (came_ms is not None)
            acks += sum(frame.type == Type.HELLO_ACK for frame in said)
            if lost is Type.HELLO_ACK and acks == 1:
                said = [frame for frame in said if frame.type != Type.HELLO_ACK]
        board.hear(b"".join(map(encode_frame, said)))
        if came_ms is None and presses(told):
            came_ms = now_ms
            session.press_stored(1)
    assert [each.number for each in presses(told)] == [1]
    assert came_ms is not None
    assert came_ms - reset_ms < within_ms
    assert (asked, later) == (1, 0), "it is left alone once it has a session"
    assert session.counters["boots"] == 2


def test_a_board_that_was_asked_who_it_is_is_not_taken_for_deaf() -> None:
    hello = Hello(1, "siaga-1.1", "uno-328p", 2, 2, 2, 1, boots=3, reset_cause=2)
    for asked, words in ((True, "none"), (False, "deaf: ")):
        supervision = Supervision(0)
        for number in range(6):
            supervision.heard(hello, number * 2 * 10**9, asked=asked)
        assert (supervision.fault(10 * 10**9) or "none").startswith(words)


def test_a_press_whose_acknowledgement_was_lost_is_acknowledged_again_and_not_told_again() -> None:
    pair = a_pair()
    pair.run(1)
    pair.board.press()
    assert len(presses(pair.run(1))) == 1
    pair.session.press_stored(1)
    pair.session.take_output()  # the acknowledgement does not arrive
    assert presses(pair.run(1)) == []
    assert pair.board.acknowledged == {1}


def test_a_later_press_that_comes_first_hides_no_earlier_one_not_even_over_a_restart_of_the_host() -> None:
    pair = a_pair()
    pair.run(1)
    pair.board.press()
    pair.board.press()
    pair.board.acknowledged.add(1)  # its frames are lost for now
    assert [each.number for each in presses(pair.run(1))] == [2]
    pair.session.press_stored(2)
    pair.board.acknowledged.clear()
    restarted = Pair(Session(session=5, stored=pair.session.stored), pair.board)
    assert [each.number for each in presses(restarted.run(2))] == [1]
    assert pair.board.acknowledged == {2}


def test_a_board_whose_eeprom_was_erased_counts_anew_and_none_of_its_presses_is_passed_over() -> None:
    pair = a_pair()
    pair.run(1)
    for _ in range(20):
        pair.board.press()
        for press in presses(pair.run(0.5)):
            pair.session.press_stored(press.number)
    pair.board.erase()
    pair.board.press()
    assert [each.number for each in presses(pair.run(3))] == [1]
    assert pair.session.counters["presses counted anew"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_none_of_80_presses_is_lost_or_doubled_with_one_byte_in_a_hundred_damaged_and_resets(seed: int) -> None:
    draw = random.Random(seed)
    board = ModelBoard()
    pair = a_pair(board, rate=0.01, seed=seed)
    told: list[int] = []
    for turn in range(80):
        board.press()
        if turn % 8 == 5:
            board.reset()
        if turn % 20 == 13:
            pair.session.lost()
            pair.run(draw.random())
            pair.session.opened(pair.now_ns)
        if turn % 27 == 26:
            # The host restarts with what it stored.
            pair.session = Session(session=draw.randrange(1, 2**32), stored=pair.session.stored)
            pair.session.opened(pair.now_ns)
        for press in presses(pair.run(draw.random() * 2)):
            told.append(press.number)
            pair.session.press_stored(press.number)
    pair.rate = 0
    for _ in range(30):
        for press in presses(pair.run(1)):
            told.append(press.number)
            pair.session.press_stored(press.number)
    assert sorted(told) == list(range(1, 81))
    assert board.acknowledged >= set(range(1, 81))


def test_a_command_is_done_once_though_its_answer_is_lost() -> None:
    pair = a_pair()
    pair.run(1)
    id_ = pair.session.command(CommandKind.LAMP, 1, Pattern.FLASHES, pair.now_ns)
    pair.mended = lambda data: b""
    assert pair.run(0.5) == []
    pair.mended = lambda data: data
    assert Answer(id_, 0, Pattern.FLASHES) in pair.run(1)
    assert pair.board.done == [(1, 1, 4)]


def test_a_command_has_its_answer_within_two_seconds_even_when_no_board_is_there() -> None:
    session = Session(session=1)
    id_ = session.command(CommandKind.SIREN, 0, Pattern.SOLID, 0)
    assert session.due_ns() == 2_000 * MS
    assert session.tick(2_000 * MS) == [Answer(id_, None, None)]
    assert session.due_ns() is None


def test_what_the_board_does_not_have_and_a_ninth_command_are_refused() -> None:
    pair = a_pair()
    pair.run(1)
    with pytest.raises(CommandError, match="the board has 1 of siren, there is no 1"):
        pair.session.command(CommandKind.SIREN, 1, Pattern.SOLID, pair.now_ns)
    for _ in range(MOST_WAITING):
        pair.session.command(CommandKind.LAMP, 0, Pattern.SOLID, pair.now_ns)
    with pytest.raises(CommandError, match="wait for the board"):
        pair.session.command(CommandKind.LAMP, 0, Pattern.SOLID, pair.now_ns)
    pair.run(1)
    assert len(pair.board.done) == MOST_WAITING


def test_a_reset_that_was_told_is_done_when_the_board_says_hello_again() -> None:
    pair = a_pair(ModelBoard(acknowledges=False))
    pair.run(1)
    id_ = pair.session.command(CommandKind.RESET, 0, 0, pair.now_ns)
    pair.run(0.1)
    pair.board.reset()
    assert Answer(id_, 0, 0) in pair.run(1)


def wrong_after(pair: Pair, seconds: float = 10) -> str:
    pair.run(seconds)
    return pair.session.fault(pair.now_ns) or ""


def test_a_silent_board_is_a_fault_within_10_s_and_well_again_when_it_talks() -> None:
    pair = a_pair()
    pair.run(3)
    pair.mended = lambda data: b""
    assert wrong_after(pair).startswith("silent: ")
    pair.mended = lambda data: data
    assert wrong_after(pair, 3) == ""


def test_a_board_that_was_never_there_is_silent_and_not_before_5_s() -> None:
    pair = a_pair()
    pair.mended = lambda data: b""
    assert wrong_after(pair, 4.9) == ""
    assert wrong_after(pair, 0.2).startswith("silent: ")


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_baud_rate_is_told_as_garbled(seed: int) -> None:
    pair = a_pair()
    draw = random.Random(seed)
    # At another rate bytes become others, and fewer or more of them.
    pair.mended = lambda data: draw.randbytes(len(data) // 2 + 1) if data else b""
    told = wrong_after(pair)
    assert told.startswith("garbled: ")
    assert "115200" in told


def test_a_board_of_another_version_of_frames_is_told_so() -> None:
    pair = a_pair()
    pair.mended = lambda data: seal(bytes.fromhex("02010000a0")) if data else b""
    assert wrong_after(pair).startswith("other version: its frames are of version 2, ours of 1; flash")


def test_a_board_of_another_protocol_is_told_so_and_is_never_ready() -> None:
    pair = a_pair(ModelBoard(protocol=2))
    assert wrong_after(pair).startswith("other version: it speaks protocol 2, this host 1; flash")
    assert pair.session.state == "asking"
    pair.board.press()
    assert presses(pair.run(2)) == []


def test_a_board_that_talks_without_hello_is_told_so() -> None:
    pair = a_pair(ModelBoard(says_hello=False))
    pair.board.press()
    assert wrong_after(pair).startswith("no hello: ")
    assert presses(pair.told) == []
    assert pair.session.counters["without hello"] > 5


def test_a_board_that_never_hears_is_told_so() -> None:
    assert wrong_after(a_pair(ModelBoard(hears=False))).startswith("deaf: it is heard, but never answers")


def test_a_board_that_never_acknowledges_is_told_so() -> None:
    pair = a_pair(ModelBoard(acknowledges=False))
    pair.run(1)
    for _ in range(3):
        pair.session.command(CommandKind.LAMP, 0, Pattern.SOLID, pair.now_ns)
        pair.run(2.5)
    assert (pair.session.fault(pair.now_ns) or "").startswith("deaf: 3 commands in a row")
    pair.board.acknowledges = True
    pair.session.command(CommandKind.LAMP, 0, Pattern.SOLID, pair.now_ns)
    assert wrong_after(pair, 1) == ""


def test_noise_from_the_board_makes_the_host_say_no_more_than_it_may_hold() -> None:
    session = Session(session=1)
    session.opened(0)
    hello = encode_frame(Frame(1, 0, {0: 1, 1: "x", 2: "y", 3: [1, 1, 1, 1], 4: 1, 5: 0}))
    session.feed(hello * 300, 1)
    assert len(session.take_output()) <= MOST_OUTPUT
    assert session.counters["not said: too much waits"] > 100


def test_presses_that_nobody_stores_are_bounded_and_none_of_them_is_lost() -> None:
    log = NumberLog()
    assert [number for number in range(1, 200) if log.tell(number)] == list(range(1, WINDOW + 1))
    for number in range(1, WINDOW + 1):
        log.store(number)
    assert log.stored == Stored(WINDOW)
    assert log.tell(WINDOW + 1)


def test_a_log_that_begins_in_the_middle_stays_small() -> None:
    log = NumberLog()
    for number in range(5_000, 6_000):
        assert log.tell(number)
        log.store(number)
        assert not log.tell(number)
    assert len(log.stored.above) <= WINDOW
    assert log.highest == 5_999


def test_a_beat_is_told_each_second_even_with_lines_out_of_order() -> None:
    pair = a_pair()
    pair.board.lines = bytes((LineClass.SHORT, LineClass.OPEN))
    beats = [each for each in pair.run(10) if isinstance(each, Beat)]
    assert len(beats) >= 10
    assert beats[-1].lines == (LineClass.SHORT, LineClass.OPEN)
