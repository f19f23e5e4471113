"""The link with the real firmware in the simulator, over a pty: who it is, a press, a lamp, a reset, a lost line."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from firmware_bridge.commands import Answer
from firmware_bridge.link import BoardLink
from firmware_bridge.messages import Beat, CommandKind, EventKind, Hello, LineClass, Pattern
from firmware_bridge.session import Session, Told
from firmware_bridge.told import Happened
from tests.firmware_bridge.simulator import built_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("avr-gcc") is None:
        pytest.skip("there is no avr-gcc: scripts/setup.sh test")
    return built_once(tmp_path_factory)


class Simulated:
    """The firmware in the simulator, in real time."""

    def __init__(self, process: asyncio.subprocess.Process, pty: str) -> None:
        self._process = process
        self.pty = pty

    def do(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")


@asynccontextmanager
async def simulated(built: Path) -> AsyncIterator[Simulated]:
    process = await asyncio.create_subprocess_exec(
        built / "simhost",
        built / "siaga-uno.elf",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    reading = None
    try:
        pty = ""
        while not pty:
            word, _, rest = (await process.stdout.readline()).decode().strip().partition(" ")
            assert word, "the simulator ended"
            pty = rest if word == "pty" else ""
        reading = asyncio.ensure_future(process.stdout.read())  # so that it never waits for us
        yield Simulated(process, pty)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if reading is not None:
            await reading


async def until(told: AsyncIterator[list[Told]], wanted: Callable[[Told], bool], into: list[Told]) -> Told:
    async with asyncio.timeout(20):
        async for some in told:
            into += some
            for each in some:
                if wanted(each):
                    return each
    raise AssertionError("it ended")


def is_press(told: Told) -> bool:
    return isinstance(told, Happened) and told.kind is EventKind.PRESS


async def test_the_firmware_says_hello_tells_a_press_once_lights_a_lamp_and_survives_a_reset(built: Path) -> None:
    all_told: list[Told] = []
    async with simulated(built) as board:
        link = BoardLink(board.pty, Session(session=4_711))
        told = link.told()
        hello = await until(told, lambda each: isinstance(each, Hello), all_told)
        assert isinstance(hello, Hello)
        assert (hello.protocol, hello.buttons, hello.lines, hello.lamps, hello.sirens) == (1, 2, 2, 2, 1)
        await until(told, lambda each: isinstance(each, Beat), all_told)

        board.do("press 0 300")
        press = await until(told, is_press, all_told)
        assert isinstance(press, Happened)
        assert (press.number, press.index) == (1, 0)
        assert press.error_ns is not None
        link.say(lambda session: session.press_stored(1))

        now_ns = time.monotonic_ns()
        asked: list[int] = []
        link.say(lambda session: asked.append(session.command(CommandKind.LAMP, 1, Pattern.SOLID, now_ns)))
        answer = await until(told, lambda each: isinstance(each, Answer), all_told)
        assert answer == Answer(asked[0], 0, Pattern.SOLID)

        board.do("reset")
        again = await until(told, lambda each: isinstance(each, Hello) and each != hello, all_told)
        assert isinstance(again, Hello)
        assert again.boots == hello.boots + 1
        board.do("press 1 300")
        press = await until(told, is_press, all_told)
        assert isinstance(press, Happened)
        assert (press.number, press.index) == (2, 1)
        assert [each.number for each in all_told if is_press(each)] == [1, 2]  # type: ignore[union-attr]
        assert link.wrong is None
        await told.aclose()


async def test_a_cut_line_is_a_fault_within_10_s_and_a_press_of_that_time_comes_afterwards(
    built: Path,
) -> None:
    all_told: list[Told] = []
    async with simulated(built) as board:
        link = BoardLink(board.pty, Session(session=1))
        told = link.told()
        await until(told, lambda each: isinstance(each, Beat), all_told)
        board.do("cut")
        async with asyncio.timeout(10):
            async for _ in told:
                if (link.wrong or "").startswith("silent: "):
                    break
        board.do("press 0 300")
        board.do("mend")
        press = await until(told, is_press, all_told)
        assert isinstance(press, Happened)
        assert press.number == 1
        await told.aclose()


async def test_an_open_line_is_told_by_event_and_beat(built: Path) -> None:
    all_told: list[Told] = []
    async with simulated(built) as board:
        link = BoardLink(board.pty, Session(session=1))
        told = link.told()
        await until(told, lambda each: isinstance(each, Beat), all_told)
        board.do("adc 1 5000")
        found = await until(told, lambda each: isinstance(each, Happened) and each.value == LineClass.OPEN, all_told)
        assert isinstance(found, Happened)
        assert (found.kind, found.index) == (EventKind.LINE, 1)
        await told.aclose()


async def test_info_tells_who_the_board_is(built: Path) -> None:
    async with simulated(built) as board:
        asking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "siaga.main", "bridge", "info", board.pty),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            out, error = await asking.communicate()
    assert asking.returncode == 0, error
    assert out.startswith(b"board uno-328p, firmware siaga-1.1, protocol 1: 2 buttons, 2 lines, 2 lamps, 1 sirens;")
    assert b"0 presses ever" in out


async def test_a_port_that_is_not_there_is_told_and_looked_for_again(tmp_path: Path) -> None:
    link = BoardLink(str(tmp_path / "none"), Session(session=1))
    told = link.told()
    async with asyncio.timeout(5):
        for _ in range(3):
            assert await anext(told) == []
    assert (link.wrong or "").startswith("cannot be opened: ")
    await told.aclose()
