"""What the process does about a fault of its own in what is not its first duty."""

from __future__ import annotations

import asyncio
import logging

import pytest

from collector.main import for_ever


async def test_a_fault_of_ours_in_the_books_is_logged_and_they_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0
    third = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            third.set()
            await asyncio.Event().wait()
        if begun == 2:
            raise ExceptionGroup("of a task group", [KeyError("ours")])
        raise KeyError("ours")

    task = asyncio.create_task(for_ever(work, 0.001), name="work")
    async with asyncio.timeout(5):
        await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
