"""A part that fails is counted and started again; one that returns is done."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from link import supervise
from link.supervise import keep_running


async def test_a_part_that_fails_is_counted_and_started_again() -> None:
    faults: Counter[str] = Counter()
    runs = 0

    async def part() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise KeyError("unforeseen")

    await keep_running("sensor gps", part, faults)
    assert (runs, faults) == (2, {"sensor gps: failed": 1})


async def test_a_part_that_ran_well_for_long_is_soon_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "AGAIN_S", 0.001)
    monkeypatch.setattr(supervise, "CLEAR_NS", 0)
    runs = 0

    async def part() -> None:
        nonlocal runs
        runs += 1
        if runs <= 20:
            raise KeyError("unforeseen")

    async with asyncio.timeout(10):  # its waits would grow to 15 s at least in all
        await keep_running("button sos", part, Counter())
    assert runs == 21


async def test_a_stop_stops() -> None:
    running = asyncio.create_task(keep_running("x", asyncio.Event().wait, Counter()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
