"""Fault 31: the store is down for hours. By a virtual clock the hours, with real processes the seconds of it."""

from __future__ import annotations

import asyncio
import heapq
import os
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from collector.receipts import Receipts
from collector.roster import Roster
from collector.top import fetch
from collector.trouble import LEAST_RETRY_AFTER_S, MOST_RETRY_AFTER_S, Trouble
from contract.batch import TelemetryReceipt
from contract.messages import decode
from contract.topics import telemetry
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from tests.collector.box import Box, box
from tests.collector.test_process import Start, count, send, start

__all__ = ["start"]  # a fixture

BOXES = 100
HOURS = 6
WINDOW = 8


@pytest.mark.slow
def test_fault_31_through_six_hours_every_box_is_told_to_wait_and_the_broker_has_little_to_carry() -> None:
    """Boxes that heed what they are told, each with a full window of 8; an impatient one heeds nothing."""
    draw = random.Random(31)
    trouble, receipts, roster = Trouble(), Receipts(), Roster()
    topics = [telemetry(f"box-{number}") for number in range(BOXES)]
    trouble.begin("down", 0.0)
    due = [(draw.uniform(0, 30), number) for number in range(BOXES)]
    heapq.heapify(due)
    sent = told = 0
    longest_s = 0.0
    last_told_s = dict.fromkeys(range(BOXES), 0.0)
    while due[0][0] < HOURS * 3_600:
        now_s, number = heapq.heappop(due)
        sent += WINDOW
        device = roster.at(topics[number])
        assert device is not None
        receipts.ask_patience(device, trouble.retry_after_s(now_s), now_s)
        wait_s = 30.0
        for taken in receipts.take(BOXES):
            receipt = decode(TelemetryReceipt, taken.body)
            assert (receipt.ranges, receipt.device) == ([], f"box-{number}")
            assert receipt.retry_after_s is not None
            assert LEAST_RETRY_AFTER_S <= receipt.retry_after_s <= MOST_RETRY_AFTER_S
            wait_s = receipt.retry_after_s
            longest_s = max(longest_s, now_s - last_told_s[number])
            last_told_s[number] = now_s
            told += 1
        assert receipts.notes == 0
        impatient = number == 0
        heapq.heappush(due, (now_s + (1.0 if impatient else wait_s * draw.uniform(1, 1.2)), number))
    patient = sent - WINDOW * HOURS * 3_600
    assert patient / (HOURS * 3_600) < BOXES * WINDOW / MOST_RETRY_AFTER_S * 1.1, "messages a second of all the patient"
    assert longest_s <= MOST_RETRY_AFTER_S * 2.5, "nobody is forgotten"
    assert told < 1.2 * BOXES * HOURS * 3_600 / MOST_RETRY_AFTER_S + HOURS * 3_600 / 15, "nor told too often"
    assert trouble.end(HOURS * 3_600.0) == HOURS * 3_600.0
    receipts.trouble_over()
    assert receipts.take(BOXES) == []


@pytest.mark.slow
async def test_fault_31_a_store_that_is_down_costs_no_reading_and_every_box_is_told_to_wait(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    told = await outage(start, telemetry_broker, tmp_path, seconds=1.0, batches=48, late_boxes=3, rounds=4)
    assert told["retry_after_s"] >= LEAST_RETRY_AFTER_S
    assert told["held_messages"] <= 20_000, "the receive maximum"
    assert told["grown_bytes"] < 30_000_000


async def outage(
    start: Start, broker: Mosquitto, folder: Path, *, seconds: float, batches: int, late_boxes: int, rounds: int
) -> dict[str, float]:
    """Run an outage for boxes with a backlog of `batches` each; another box then sends `rounds` fresh ones.

    Raises:
        AssertionError: A reading is missing afterwards.
    """
    server = InfluxDB(folder / "influxdb")
    server.start()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    try:
        start(broker, server, server.database, metrics_port=port)
        async with AsyncExitStack() as stack:
            names = [f"box-{number}" for number in range(late_boxes + 1)]
            fresh, *late = [await stack.enter_async_context(box(broker, name, resend=False)) for name in names]
            await send(fresh, range(10))
            await fresh.all_receipted()
            before = await asyncio.to_thread(fetch, url)
            server.kill()
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            catching_up = [tasks.create_task(_patient(one, batches), name=one.device) for one in late]
            began_s = time.monotonic()
            for one in late:
                while not any(receipt.retry_after_s for receipt in one.receipts):
                    await one.receipt(30)
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began_s)))
            during = await asyncio.to_thread(fetch, url)
            assert during["store_ok"] == 0
            asked = [receipt.retry_after_s or 0.0 for one in late for receipt in one.receipts]
            await asyncio.to_thread(server.start)
            back_s = time.monotonic()
            waits_s = [await _fresh(fresh, number) for number in range(10, 10 + rounds)]
            unfinished = sum(not task.done() for task in catching_up)
            await asyncio.wait(catching_up)
            caught_up_s = time.monotonic() - back_s
        wanted = {"box-0": 4 * (10 + rounds)} | {one.device: 4 * batches for one in late}
        assert await asyncio.to_thread(count, server, server.database) == wanted
    finally:
        server.kill()
    return {
        "retry_after_s": max(asked),
        "unfinished": unfinished,
        "held_messages": during["held_messages"],
        "resident_bytes": during["resident_bytes"],
        "grown_bytes": during["resident_bytes"] - before["resident_bytes"],
        "fresh_s": round(max(waits_s), 2),
        "caught_up_s": round(caught_up_s, 2),
    }


async def _patient(one: Box, batches: int) -> None:
    """Send as an agent does: at most 8 without receipt, again after a while, and not before it may."""
    for first in range(0, batches, WINDOW):
        wait_s = 5.0
        left = list(range(first, min(first + WINDOW, batches)))
        while left:
            for number in left:
                await send(one, range(number, number + 1))
            try:
                await one.all_receipted(wait_s)
            except TimeoutError:
                wait_s = one.receipts[-1].retry_after_s or 5.0 if one.receipts else 5.0
            left = [number for number in left if number in one.waiting]


async def _fresh(one: Box, number: int) -> float:
    """Send a fresh batch; return how long its receipt took, in seconds."""
    began_s = time.monotonic()
    await send(one, range(number, number + 1))
    await one.all_receipted()
    return time.monotonic() - began_s


@pytest.mark.slow
@pytest.mark.skipif("SIAGA_OUTAGE_SECONDS" not in os.environ, reason="minutes: set SIAGA_OUTAGE_SECONDS")
async def test_an_outage_of_minutes(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = float(os.environ["SIAGA_OUTAGE_SECONDS"])
    told = await outage(start, telemetry_broker, tmp_path, seconds=seconds, batches=1_000, late_boxes=20, rounds=50)
    with capsys.disabled():
        sys.stdout.write(f"\nan outage of {seconds:.0f} s: {told}\n")
    assert told["resident_bytes"] < 250_000_000
    assert told["unfinished"] == 20, "all were still catching up"
    assert told["fresh_s"] < 5.0
    assert told["retry_after_s"] >= LEAST_RETRY_AFTER_S
