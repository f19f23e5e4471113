"""The lamp's output shows what the panel says, blinks on its own, and is opened again when it is lost."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.lamp import Lamp
from edge_agent.lamp_output import drive
from edge_agent.waiting import Signal
from simulator.board import Board


async def comes(look: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - the board's lamp tells nobody
            await asyncio.sleep(0.005)


def changes(board: Board) -> list[tuple[int, bool]]:
    return board.lamp("sos")[1]


def flashes(board: Board) -> list[tuple[int, int]]:
    """Return from when to when the lamp was lit, each time that is over."""
    return [(earlier, later) for (earlier, on), (later, _) in itertools.pairwise(changes(board)) if on]


@pytest.mark.slow
async def test_it_follows_the_panel_and_comes_back_when_the_board_does(tmp_path: Path) -> None:
    lamp, changed, faults = Lamp(), Signal(), Counter[str]()
    uri = f"sim://{tmp_path}/board.sock?line=sos"
    task = asyncio.create_task(drive(uri, lamp, changed, faults))
    await comes(lambda: faults["lamp lost"] == 1)
    async with Board(tmp_path / "board.sock") as board:
        lamp.told("accepted")
        changed.wake()
        await comes(lambda: board.lamp("sos")[0])
        lamp.told("off")
        changed.wake()
        await comes(lambda: not board.lamp("sos")[0])
        lit = len(changes(board))
        told_ns = time.monotonic_ns()
        lamp.told("received")
        changed.wake()
        await comes(lambda: len(changes(board)) >= lit + 6)
        for number, (at_ns, on) in enumerate(changes(board)[lit:]):
            assert on == (number % 2 == 0)
            assert at_ns >= told_ns + number * 100_000_000, "a fast blink changes each 100 ms; any may come late"
    async with Board(tmp_path / "board.sock") as board:
        await comes(lambda: len(changes(board)) >= 2)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.slow
async def test_a_press_that_nobody_has_is_shown_without_anybody_waking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From `kept` to `not delivered` the lamp changes by its own time."""
    monkeypatch.setattr("edge_agent.lamp.NOT_DELIVERED_AFTER_NS", 300_000_000)
    lamp, changed = Lamp(), Signal()
    async with Board(tmp_path / "board.sock") as board:
        task = asyncio.create_task(drive(f"sim://{tmp_path}/board.sock?line=sos", lamp, changed, Counter()))
        await comes(lambda: board._writers)
        lamp.pressed("event", time.monotonic_ns())
        changed.wake()
        # Short flashes. A busy machine may make one longer; there are three of them a second.
        await comes(lambda: any(later - earlier < 150_000_000 for earlier, later in flashes(board)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
