"""A waking is never lost, and a moment that is over does not make anybody wait."""

from __future__ import annotations

import asyncio
import time

import pytest

from edge_agent.waiting import Signal, wait_until


async def test_all_who_wait_are_woken_and_who_comes_later_waits_for_the_next() -> None:
    signal = Signal()
    before = signal.current
    waiting = [asyncio.create_task(before.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    signal.wake()
    await asyncio.gather(*waiting)
    assert before.is_set()
    assert not signal.current.is_set()


async def test_no_waking_is_lost_between_looking_and_waiting() -> None:
    signal = Signal()
    taken = signal.current
    signal.wake()
    async with asyncio.timeout(10):
        await wait_until(taken, None)


async def test_it_ends_at_the_event_or_at_the_moment_whichever_is_first() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    async with asyncio.timeout(10):
        await wait_until(event, time.monotonic_ns() + 3_600 * 10**9)
    begun_ns = time.monotonic_ns()
    until_ns = begun_ns + 100_000_000
    async with asyncio.timeout(10):
        await wait_until(asyncio.Event(), until_ns)
    assert time.monotonic_ns() >= until_ns - 2_000_000


async def test_a_moment_that_is_over_gives_the_others_a_turn_and_does_not_wait() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async with asyncio.timeout(10):
        for _ in range(5):
            await wait_until(asyncio.Event(), time.monotonic_ns() - 1)
    task.cancel()
    assert turns >= 4, "a wait in the past must not keep the loop for itself"


async def test_a_stop_ends_it() -> None:
    task = asyncio.create_task(wait_until(asyncio.Event(), time.monotonic_ns() + 3_600 * 10**9))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
