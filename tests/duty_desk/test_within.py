"""Time in which the loop stood still is no silence of another."""

from __future__ import annotations

import asyncio
import time

import pytest

from duty_desk import within as within_module
from duty_desk.within import within


@pytest.mark.slow
async def test_a_wait_in_which_the_loop_stood_still_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within_module, "_LATE_S", 0.05)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()
    waiting = asyncio.create_task(within(answer, 0.3))
    await asyncio.sleep(0)
    time.sleep(0.4)  # nothing awaits: a process that is frozen
    loop.call_later(0.03, answer.set_result, None)
    assert await waiting


async def test_a_loop_that_is_always_late_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within_module, "_LATE_S", -1.0)  # each wait is too late
    assert not await asyncio.wait_for(within(asyncio.get_running_loop().create_future(), 0.01), 5.0)


async def test_a_wait_ends_at_its_time_and_leaves_what_it_waits_for() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not await within(answer, 0.01)
    assert not answer.done()
    answer.set_result(None)
    assert await within(answer, 0.0)
