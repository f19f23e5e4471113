"""Work on a thread of its own: its result, its error, and what becomes of it when nobody waits any more."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from edge_agent.aside import aside, in_thread


async def test_the_result_and_the_error_come_back() -> None:
    assert await aside(lambda: 7, "seven") == 7

    def fail() -> None:
        raise OSError("the card is gone")

    with pytest.raises(OSError, match="the card is gone"):
        await aside(fail, "fail")


@pytest.mark.parametrize(("error", "raised"), [(ValueError("no"), ValueError), (StopIteration("no"), RuntimeError)])
async def test_what_a_thread_raises_is_raised_to_whoever_waits(error: Exception, raised: type[Exception]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(raised, match="no"):
        await in_thread(fail, "fails")
    with pytest.raises(raised, match="no"):
        await aside(fail, "fails")
    assert await in_thread(lambda: 7, "works") == 7


async def test_a_result_that_nobody_wants_is_handed_back() -> None:
    go, dropped = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    results: list[int] = []

    def work() -> int:
        go.wait(10)
        return 7

    def unwanted(result: int) -> None:
        results.append(result)
        loop.call_soon_threadsafe(dropped.set)

    task = asyncio.create_task(aside(work, "late", unwanted=unwanted))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    go.set()
    async with asyncio.timeout(5):
        await dropped.wait()
    assert results == [7]


async def test_a_result_that_came_just_before_nobody_wanted_it_is_handed_back_too() -> None:
    results: list[int] = []
    go = threading.Event()

    def work() -> int:
        go.wait(10)
        return 7

    task = asyncio.create_task(aside(work, "just-before", unwanted=results.append))
    await asyncio.sleep(0)
    (thread,) = [one for one in threading.enumerate() if one.name == "just-before"]
    go.set()
    thread.join()  # the result waits for the next turn of the loop, and this before the task does
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results == [7]


def test_a_loop_that_is_closed_is_no_error_and_nothing_leaks() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> int:
        go.wait(10)
        return 7

    async def begin() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await aside(work, "later", unwanted=lambda _: done.set())

    asyncio.run(begin())
    go.set()
    assert done.wait(5)
