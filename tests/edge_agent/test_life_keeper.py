"""The record of a life, kept on a card that works, refuses or stands still."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent import life_keeper
from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.life_file import NAME, LifeFile
from edge_agent.life_keeper import NOT_KEPT, UNREADABLE, LifeKeeper

S = 10**9
NOW = EARLIEST_NS + 400 * 86_400 * S


@asynccontextmanager
async def living(folder: Path, clock: Clock, number: int = 1) -> AsyncIterator[tuple[LifeKeeper, Counter[str]]]:
    faults: Counter[str] = Counter()
    keeper = LifeKeeper(folder, clock, f"{number:016x}", "boot-1", began_ns=0, faults=faults)
    task = asyncio.create_task(keeper.run())
    yield keeper, faults
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def comes(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - the file and the counts are all it shows
            await asyncio.sleep(0.005)


def trusted_until_ns(folder: Path) -> int:
    left = LifeFile(folder).read()
    return 0 if left is None else left.trusted_until_ns


async def test_the_next_life_counts_from_where_the_last_one_ended(tmp_path: Path) -> None:
    clock = Clock(0, 0)
    clock.tell("ntp", NOW, 0)
    async with living(tmp_path, clock) as (keeper, faults):
        await comes(lambda: trusted_until_ns(tmp_path) > NOW)
        await keeper.end(clean=True)
        assert not keeper.floor_in_use
    later = Clock(0, 0)
    async with living(tmp_path, later, 2) as (keeper, more_faults):
        await keeper.heard.wait()
        assert keeper.left is not None
        assert (keeper.left.stream, keeper.left.clean) == (f"{1:016x}", True)
        assert keeper.floor_in_use
        assert later.time_ns(0) == keeper.left.trusted_until_ns >= NOW
        await comes(lambda: (left := LifeFile(tmp_path).read()) is not None and not left.clean)
    assert not faults + more_faults


async def test_a_card_that_refuses_is_a_fault_until_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_keeper, "AGAIN_S", 0.02)
    folder = tmp_path / "data"
    folder.write_text("a file where the folder should be")
    async with living(folder, Clock(0, 0)) as (keeper, faults):
        await comes(lambda: faults[UNREADABLE] >= 2)
        assert not keeper.heard.is_set()
        folder.unlink()
        await comes(lambda: faults[NOT_KEPT] >= 2)
        folder.mkdir()
        await comes(lambda: LifeFile(folder).read() is not None)


async def test_a_damaged_record_is_a_fault_and_the_clock_starts_in_2026(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff" * 8_192)
    clock = Clock(0, 0)
    async with living(tmp_path, clock) as (keeper, faults):
        await keeper.heard.wait()
        assert faults == {UNREADABLE: 1}
        assert keeper.left is None
        assert clock.time_ns(0) == EARLIEST_NS


async def test_a_card_that_stands_still_holds_up_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)  # opening it blocks until somebody writes
    async with living(tmp_path, Clock(0, 0)) as (keeper, _):
        await asyncio.sleep(0.02)
        async with asyncio.timeout(10):
            await keeper.end(clean=True)
        assert not keeper.heard.is_set()
    os.close(os.open(tmp_path / NAME, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go
