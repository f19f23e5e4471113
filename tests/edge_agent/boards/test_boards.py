"""A board on its link: with the real firmware in the simulator, and with boards that misbehave, on ptys."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
import tty
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contract.identity import new_event_id, new_stream_id
from contract.messages import Press
from edge_agent.alarm_lane import KeptPress
from edge_agent.board_siren import BoardSiren
from edge_agent.boards import Board
from edge_agent.drivers.board import Raised, parse_board_uri
from edge_agent.inputs import ButtonState
from edge_agent.lamp import Lamp
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.waiting import Signal
from firmware_bridge.frame import Frame, Payload, encode_frame
from pins.errors import LineError
from tests.firmware_bridge.simhost import Simhost, simhost
from tests.firmware_bridge.simulator import BEAT, HELLO, built_once

pytestmark = pytest.mark.slow
HELLO_OF_OURS: Payload = {0: 1, 1: "siaga-1.1", 2: "uno-328p", 3: [2, 2, 2, 1], 4: 1, 5: 1}


@dataclass
class Ran:
    """What a board's part of the agent told."""

    board: Board
    state: ButtonState
    faults: Counter[str]
    raised: list[Raised] = field(default_factory=list)
    opened: int = 0

    def open(self) -> None:
        self.opened += 1


@asynccontextmanager
async def running(port: str, what: str = "button=0", stored: list[int] | None = None) -> AsyncIterator[Ran]:
    part, faults = parse_board_uri(f"board://{port}?{what}", ("button", "line")), Counter[str]()
    ran = Ran(Board(port, {"sos": part}, "boot", faults), ButtonState("boot", None), faults)
    ran.board.restored({}, stored or [], {"sos": ran.state})
    work = asyncio.create_task(
        ran.board.run(ran.raised.append, lambda button: None, forgot=lambda: None, opened=ran.open)
    )
    try:
        yield ran
        assert not work.done()
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def until(look: Callable[[], object], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not look():  # noqa: ASYNC110 - a level tells nobody
            await asyncio.sleep(0.02)


def _follow(wanted: tuple[str, ...], levels: list[str]) -> bool:
    """Return whether these levels came one after the other, whatever came between."""
    coming = iter(levels)
    return all(each in coming for each in wanted)


@pytest.fixture
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simhost]:
    if shutil.which("avr-gcc") is None:
        pytest.skip("there is no avr-gcc: scripts/setup.sh test")
    with simhost(built_once(tmp_path_factory)) as board:
        yield board


async def test_a_press_stays_with_the_board_until_the_outbox_has_it_and_is_told_once(
    simulated: Simhost, tmp_path: Path
) -> None:
    async with running(simulated.pty) as ran:
        simulated.do("press 0 300")
        await until(lambda: ran.raised)
        await asyncio.sleep(0.5)  # it is told again each 200 ms
        assert [each.number for each in ran.raised] == [1]
    # Killed before the commit: the next run is told again.
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    async with running(simulated.pty) as ran:
        await until(lambda: ran.raised)
        (told,) = ran.raised
        press = Press(
            event_id=new_event_id(), device="box-1", button="sos", cause="press", status="Actual",
            pressed_at_ns=0, clock="none", stream=new_stream_id(), sequence=0,
        )  # fmt: skip
        assert told.number == 1
        await outbox.add(KeptPress(press, "boot", told.monotonic_ns, (simulated.pty, told.number)))
    # Killed after the commit, before the board was told: it tells it again, and nothing comes of it.
    await outbox.load()
    outbox.writer.stop()
    async with running(simulated.pty, stored=outbox.board_presses[simulated.pty]) as ran:
        await until(lambda: ran.opened)
        simulated.do("press 0 300")
        await until(lambda: ran.raised)
        assert [each.number for each in ran.raised] == [2]
        assert ran.board.wrong is None


async def test_a_siren_ends_by_the_boards_clock_when_the_box_is_gone_and_is_asked_again_after_a_reset(
    simulated: Simhost,
) -> None:
    uri = f"board://{simulated.pty}?siren=0"
    async with running(simulated.pty) as ran:
        siren = BoardSiren("siren", ran.board, parse_board_uri(uri, ("siren",)), uri, 3)
        await until(lambda: ran.opened)
        assert await siren.set(True, 60) == 3
        began_s = time.monotonic()
        assert siren.on
        await until(lambda: simulated.pins[2:] == ("1",))
        seen = len(simulated.changes)
        simulated.do("reset")
        # However short the silence was.
        await until(lambda: _follow(("0", "1"), [levels[2] for levels in simulated.changes[seen:]]))
    await until(lambda: simulated.pins[2:] == ("0",))
    assert 2 < time.monotonic() - began_s < 10
    async with running(simulated.pty) as ran:
        siren = BoardSiren("siren", ran.board, parse_board_uri(uri.replace("siren=0", "siren=4"), ("siren",)), uri, 3)
        await until(lambda: ran.opened)
        with pytest.raises(LineError, match="the board has 1 sirens"):
            await siren.set(True, 60)


async def test_a_lamp_goes_on_by_the_board_and_a_test_press_needs_its_beat(simulated: Simhost) -> None:
    async with running(simulated.pty) as ran:
        lamp, changed = Lamp(), Signal()
        showing = asyncio.create_task(ran.board.show(1, lamp, changed))
        await until(lambda: ran.opened)
        assert await ran.state.trial.press(10.0) is not None
        lamp.told("accepted")
        changed.wake()
        await until(lambda: simulated.pins[1:2] == ("1",))
        showing.cancel()
        simulated.do("cut")
        simulated.obeyed()
        # One beat may have been under way.
        assert await ran.state.trial.press(2.0) is None or await ran.state.trial.press(2.0) is None
        assert not ran.raised, "a test press is no press"


def _frames(*payloads: tuple[int, Payload]) -> bytes:
    return b"".join(b"\0" + encode_frame(Frame(kind, 0, payload)) for kind, payload in payloads)


def _beat(ms: int) -> tuple[int, Payload]:
    return BEAT, {0: ms, 1: b"\2\2", 2: 0, 3: 0, 4: 0}


def _other_version(round_: int) -> bytes:
    from cobs import cobs

    from firmware_bridge.frame import crc16

    raw = bytes([2, BEAT, 0, 0, 0xA0])
    return bytes(cobs.encode(raw + crc16(raw).to_bytes(2, "little"))) + b"\0"


def _wrong_baud(round_: int) -> bytes:
    return random.Random(round_).randbytes(24)


WRONG: dict[str, Callable[[int], bytes]] = {
    "other version: its frames": _other_version,
    "other version: it speaks protocol 2": lambda _: _frames((HELLO, HELLO_OF_OURS | {0: 2})),
    "no hello: ": lambda round_: _frames(_beat(round_ * 500)),
    "deaf: ": lambda round_: _frames((HELLO, HELLO_OF_OURS)) if round_ % 4 == 0 else b"",
    "garbled: ": _wrong_baud,
    "silent: ": lambda _: b"",
}


async def test_a_board_that_misbehaves_is_a_fault_within_10_s_that_says_what_it_is() -> None:
    async def told(words: str, talk: Callable[[int], bytes]) -> None:
        ours, theirs = os.openpty()
        tty.setraw(ours)
        os.set_blocking(ours, False)
        try:
            async with running(os.ttyname(theirs)) as ran:
                async with asyncio.timeout(30):
                    round_ = 0  # half a second each, and more on a machine that is slow with all of it
                    while not (ran.board.wrong or "").startswith(words):
                        assert round_ <= 20, f"not within 10 s: {words}; it is {ran.board.wrong}"
                        with suppress(BlockingIOError):
                            os.read(ours, 65_536)
                        os.write(ours, talk(round_))
                        round_ += 1
                        await asyncio.sleep(0.5)
                assert ran.faults[f"{ran.board.name}: {words.partition(':')[0]}"] == 1
                assert ran.opened, "a box is ready beside a board that is not"
                assert ran.board.wrong is not None
                assert "; " in ran.board.wrong, "it says what to do"
        finally:
            os.close(ours)
            os.close(theirs)

    await asyncio.gather(*(told(words, talk) for words, talk in WRONG.items()))


async def test_an_index_that_the_board_has_not_is_a_fault_of_the_button(simulated: Simhost) -> None:
    async with running(simulated.pty, "button=5") as ran:
        await until(lambda: (ran.state.wrong or "").startswith("is not there: the board has 2 buttons"))
        simulated.do("press 0 300")
        await until(lambda: ran.faults[f"{ran.board.name}: button 0 is in no table"])
        assert not ran.raised
