"""Pieces of work that fail end no other, and everything that goes wrong is counted by its name."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections import Counter

import pytest

from contract.errors import BodyError
from edge_agent.outbox.writer import OutboxError
from edge_agent.workers import Workers
from link import PublishRefusedError


async def test_a_piece_of_work_that_fails_is_counted_and_ends_no_other() -> None:
    workers = Workers(Counter())
    done = []

    async def fail() -> None:
        raise KeyError("unforeseen")

    async def go_on() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append(True)

    async with asyncio.TaskGroup() as group:
        workers.group = group
        workers.spawn(fail(), "send-press")
        workers.spawn(go_on(), "send-batch")
    assert done == [True]
    assert workers.faults == {"send-press: failed": 1}


async def test_a_stop_ends_work_that_never_began_and_starts_none() -> None:
    workers = Workers(Counter())
    began = []

    async def begin() -> None:
        began.append(True)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            workers.group = group
            try:
                await asyncio.Event().wait()
            finally:
                workers.spawn(begin(), "send-press")
                asyncio.get_running_loop().call_soon(lambda: workers.spawn(begin(), "commit-press"))

    running = asyncio.create_task(run())
    await asyncio.sleep(0)
    running.cancel()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(asyncio.CancelledError):
            await running
        gc.collect()
    assert [str(each.message) for each in told] == [], "a coroutine that was never awaited"
    assert (began, workers.faults) == ([], {})


async def test_work_carries_its_name_and_is_ended_with_the_group() -> None:
    workers = Workers(Counter())

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            workers.group = group
            workers.spawn(asyncio.Event().wait(), "commit-press")  # type: ignore[arg-type]

    running = asyncio.create_task(run())
    await asyncio.sleep(0)
    assert "commit-press" in {task.get_name() for task in asyncio.all_tasks()}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert workers.faults == {}, "a stop is no failure"


def test_a_missing_subscriber_is_told_from_what_a_person_must_mend(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers(Counter())
    workers.refused("press", PublishRefusedError("t", 0x10, "no matching subscribers"))
    assert caplog.records == []
    workers.refused("press", PublishRefusedError("t", 0x87, "not authorized"))
    assert len(caplog.records) == 1
    assert workers.faults == {"press: nobody listens": 1, "press: refused by the broker": 1}


def test_a_card_and_a_garbled_message_have_their_own_names() -> None:
    workers = Workers(Counter())
    workers.disk_fault(OutboxError("full"))
    workers.garbled("lamp", BodyError("not JSON", b"{"))
    assert workers.faults == {"card": 1, "garbled message": 1}
