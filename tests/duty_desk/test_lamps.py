"""What the lamps say."""

from __future__ import annotations

from duty_desk.incidents.board import Board
from duty_desk.incidents.intake import UNKNOWN_BUTTON
from duty_desk.incidents.lamps import MAX_LAMPS, Versions, lamps_of
from tests.duty_desk.test_incident import NOW, alarm, do, press


def lamps(board: Board) -> dict[str, str]:
    """Return the lamps of box-1, which has the buttons sos and other."""
    found = lamps_of("box-1", ["sos", "other"], board.of_device("box-1"), version=1, now_ns=NOW)
    return dict(found.lamps)


def test_the_lamp_follows_the_incident() -> None:
    board = Board()
    assert lamps(board) == {"sos": "off", "other": "off"}
    incident = press(board, alarm())
    assert lamps(board) == {"sos": "received", "other": "off"}
    do(board, "accept", incident)
    assert lamps(board) == {"sos": "accepted", "other": "off"}
    press(board, alarm())
    assert lamps(board) == {"sos": "accepted", "other": "off"}
    do(board, "depart", incident)
    assert lamps(board) == {"sos": "accepted", "other": "off"}
    do(board, "resolve", incident)
    assert lamps(board) == {"sos": "off", "other": "off"}


def test_an_accepted_drill_does_not_tell_a_real_person_that_somebody_comes() -> None:
    board = Board()
    drill = press(board, alarm(status="Exercise"))
    do(board, "accept", drill)
    assert lamps(board)["sos"] == "accepted"
    press(board, alarm())
    assert lamps(board)["sos"] == "received"


def test_a_press_after_it_is_resolved_is_not_told_that_an_officer_comes() -> None:
    board = Board()
    incident = press(board, alarm())
    do(board, "accept", incident)
    do(board, "resolve", incident)
    press(board, alarm())
    assert lamps(board)["sos"] == "received"


def test_a_fault_of_the_line_lights_no_lamp() -> None:
    board = Board()
    do(board, "accept", press(board, alarm(cause="tamper")))
    assert lamps(board)["sos"] == "off"
    press(board, alarm())
    assert lamps(board)["sos"] == "received"


def test_a_button_outside_the_inventory_has_a_lamp_and_an_unknown_one_has_none() -> None:
    board = Board()
    press(board, alarm("new"))
    press(board, alarm(UNKNOWN_BUTTON))
    assert lamps(board) == {"sos": "off", "other": "off", "new": "received"}


def test_versions_rise_over_restarts() -> None:
    first = Versions(1_000)
    last = [first.next() for _ in range(2_000)][-1]
    assert Versions(1_003).next() > last
    first.raise_to(10)
    assert first.next() == last + 1
    first.raise_to(5_000)
    assert first.next() > 5_000 * 1_024
    assert Versions(4_102_444_800_000).next() < 2**53


def test_a_box_that_makes_buttons_up_still_gets_its_lamps() -> None:
    board = Board()
    for number in range(MAX_LAMPS + 10):
        press(board, alarm(f"b{number}"))
    press(board, alarm("other"))
    found = lamps(board)
    assert len(found) == MAX_LAMPS
    assert (found["sos"], found["other"]) == ("off", "received")
