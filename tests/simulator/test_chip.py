"""A box's board with the real firmware, behind the simulator's socket: a press, its lamp, a line that is cut."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_bridge.link import BoardLink
from firmware_bridge.messages import Beat, CommandKind, EventKind, LineClass, Pattern
from firmware_bridge.session import Session, Told
from firmware_bridge.told import Happened
from simulator.chip import ChipBoard, ChipClock
from simulator.control import BoardControl, Lamp
from simulator.panel import PanelError
from tests.firmware_bridge.simulator import built_once

MS = 1_000_000


def test_the_chips_time_is_that_of_the_line_that_was_read_soonest() -> None:
    clock = ChipClock()
    assert clock.moment_ns(1_000, 500 * MS) == 500 * MS
    assert clock.moment_ns(11_000, 540 * MS) == 510 * MS, "it was read 30 ms late"
    assert clock.moment_ns(21_000, 519 * MS) == 519 * MS, "the first was late itself"
    assert clock.moment_ns(31_000, 5_000 * MS) == 5_000 * MS, "the machine was asleep"


@pytest.mark.slow
async def test_a_press_and_a_cut_line_are_told_and_the_lamp_is_the_chips(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if shutil.which("avr-gcc") is None:
        pytest.skip("there is no avr-gcc: scripts/setup.sh test")
    told: list[Told] = []

    async def hear(link: BoardLink) -> None:
        async for some in link.told():
            told.extend(some)

    def blink(session: Session) -> None:
        session.press_stored(1)
        session.command(CommandKind.LAMP, 0, Pattern.FAST, time.monotonic_ns())

    def press() -> bool:
        return any(isinstance(each, Happened) and each.kind is EventKind.PRESS for each in told)

    def line_open() -> bool:
        return any(isinstance(each, Happened) and each.value == LineClass.OPEN for each in told)

    async with ChipBoard(tmp_path / "b.sock", tmp_path / "b.tty", built_once(tmp_path_factory)) as board:
        link = BoardLink(str(tmp_path / "b.tty"), Session(session=1))
        tasks = [asyncio.create_task(board.run()), asyncio.create_task(hear(link))]
        try:
            await until(lambda: any(isinstance(each, Beat) for each in told))
            began_ns = time.monotonic_ns()
            record = await asyncio.to_thread(ask, board, "sos")
            assert record >= began_ns
            await until(press)
            link.say(blink)
            await until(lambda: seen(board) == "fast")
            assert board.lamp("sos")[1][0][0] > record
            assert board.lamp("siren") == (False, [])
            await asyncio.to_thread(do, board, "adc 0 5000")
            await until(line_open)
            for line in ("quit", "press 0 5", "reset\nquit", "send 00"):
                with pytest.raises(PanelError, match="a board does adc"):
                    await asyncio.to_thread(do, board, line)
            with pytest.raises(PanelError, match="no button 'siren'"):
                await asyncio.to_thread(ask, board, "siren")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert not (tmp_path / "b.tty").is_symlink()


def seen(board: ChipBoard) -> str:
    """Return the pattern that a person sees; a machine that is busy shows another one for a while."""
    changes = board.lamp("sos")[1]
    return Lamp(True, changes).pattern(changes[-1][0])[0] if changes else "off"


def ask(board: ChipBoard, line: str) -> int:
    with BoardControl(board.path) as control:
        return control.press(line).timestamp_ns


def do(board: ChipBoard, line: str) -> None:
    with BoardControl(board.path) as control:
        control.do(line)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - the chip's pins are looked at, as a person does
            await asyncio.sleep(0.01)
