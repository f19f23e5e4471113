"""The faults that concern the collector, with real processes; each by its number in the list of faults.

9 and 48 are in test_process, 31 in test_outage, 32 and 33 in test_store_faults.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from collector.top import fetch
from contract.topics import ALL_ALARMS, alarm
from link import Session
from provisioning.brokers.accounts import ensure_password
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.trust import Trust
from store.first_writes import SETTLED_S
from tests.collector.batches import body, reading
from tests.collector.box import Box, box
from tests.collector.test_process import Start, count, missing, send, start
from tests.conftest import Database

__all__ = ["start"]  # a fixture

pytestmark = pytest.mark.slow

REPLICAS = ("collector-1", "collector-2")


@pytest.fixture
def two_accounts(tmp_path: Path, trust: Trust) -> Iterator[Mosquitto]:
    """Yield a running broker that knows two collectors."""
    for name in REPLICAS:
        ensure_password(trust.folder, name)
    broker = Mosquitto(tmp_path, "telemetry-broker", trust, "telemetry")
    broker.start()
    yield broker
    broker.stop()


async def _until_stored(influxdb: Database, points: int, timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while await _stored(influxdb) != points:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.01)


async def _stored(influxdb: Database, device: str = "box-1") -> int:
    counted = await asyncio.to_thread(count, influxdb.server, influxdb.database)
    return counted.get(device, 0)


async def test_fault_14_a_full_queue_of_telemetry_leaves_the_alarms_alone(
    start: Start, alarm_broker: Mosquitto, tmp_path: Path, trust: Trust, influxdb: Database
) -> None:
    broker = Mosquitto(
        tmp_path, "small-broker", trust, "telemetry", limits={"queued_messages": 100, "inflight_messages": 20}
    )
    broker.start()
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(16)
    try:
        collector = start(broker, influxdb.server, influxdb.database, receive_maximum=20)
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(box(broker))
            sessions = [
                Session(lane.service("desk"), "desk", subscriptions=(ALL_ALARMS,), on_message=_hear(name, heard))
                for name, lane in (("alarm", alarm_broker), ("telemetry", broker))
            ]
            sessions.append(Session(alarm_broker.device("box-1"), "box-1"))
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running = [tasks.create_task(session.run()) for session in sessions]
            for session in sessions:
                await session.wait_connected()
            collector.freeze()
            await send(one, range(400))
            # 400 are acknowledged; 120 fit: the others are gone, and only the box knows them.
            async with asyncio.timeout(5):
                await sessions[2].publish(alarm("box-1"), b"press")
                assert await heard.get() == ("alarm", b"press")
                await one.session.publish(alarm("box-1"), b"press")
                assert await heard.get() == ("telemetry", b"press")
            assert await _stored(influxdb) == 0
            collector.thaw()
            await one.all_receipted()
            assert one.sendings > 400
            for task in running:
                task.cancel()
        assert await _stored(influxdb) == 1_600
    finally:
        broker.stop()


def _hear(name: str, heard: asyncio.Queue[tuple[str, bytes]]) -> Callable[[str, bytes, bool], None]:
    return lambda topic, payload, retained: heard.put_nowait((name, payload))


async def test_fault_18_deliveries_reordered_and_repeated_are_the_same_points(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    start(telemetry_broker, influxdb.server, influxdb.database)
    order = [number for number in range(200) for _ in range(2)]
    random.Random(18).shuffle(order)
    async with box(telemetry_broker, resend=False) as one:
        for number in order:
            await send(one, range(number, number + 1))
        await one.all_receipted()
        named = {n for receipt in one.receipts for some in receipt.ranges for n in range(some.first, some.last + 1)}
        assert named == set(range(200))
    assert await _stored(influxdb) == 800


async def test_fault_29_killed_after_the_write_and_before_the_receipt_writes_the_same_points_again(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    collector = start(telemetry_broker, influxdb.server, influxdb.database)
    async with box(telemetry_broker, resend=False) as one:
        for attempt in range(10):
            # Receipts are gathered for 200 ms; the points are there before.
            await send(one, range(attempt * 25, attempt * 25 + 25))
            await _until_stored(influxdb, 100 * (attempt + 1))
            collector.kill()
            if one.waiting:
                break
            collector = start(telemetry_broker, influxdb.server, influxdb.database)
        assert one.waiting, "a receipt was faster than the kill each time"
        before = await _stored(influxdb)
        await asyncio.to_thread(start, telemetry_broker, influxdb.server, influxdb.database)
        async with asyncio.TaskGroup() as tasks:
            resending = tasks.create_task(one.resend())
            await one.all_receipted()
            resending.cancel()
    assert await _stored(influxdb) == before


@pytest.mark.parametrize("fault", ["30 dies", "50 is frozen"])
async def test_fault_30_and_50_a_replica_of_a_group_dies_or_is_frozen_and_its_share_is_sent_again(
    fault: str, start: Start, two_accounts: Mosquitto, influxdb: Database, tmp_path: Path
) -> None:
    ports = {name: free_port() for name in REPLICAS}
    first, second = (
        start(two_accounts, influxdb.server, influxdb.database, name=name, group=True, metrics_port=ports[name])
        for name in REPLICAS
    )
    async with AsyncExitStack() as stack:
        boxes = [await stack.enter_async_context(box(two_accounts, f"box-{number}")) for number in range(3)]
        began_s = time.monotonic()
        await _send_all(boxes, range(40))
        for one in boxes:
            await one.all_receipted()
        assert time.monotonic() - began_s >= SETTLED_S, "the first of a day is written again before its receipt"
        shares = [
            (await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}"))["messages_total"] for port in ports.values()
        ]
        assert min(shares) > 0
        assert sum(shares) <= sum(one.sendings for one in boxes), "each message went to one of them"
        if fault == "50 is frozen":
            first.freeze()
        else:
            first.kill()
        await _send_all(boxes, range(40, 80))
        for one in boxes:
            await one.all_receipted()
        if fault == "50 is frozen":
            assert sum(one.sendings for one in boxes) > 240, "some went to the frozen one"
            first.thaw()
            # What the frozen one still held it writes now: the same points.
            await _send_all(boxes, range(80, 100))
            for one in boxes:
                await one.all_receipted()
    expected = 400 if fault == "50 is frozen" else 320
    first.stop()
    second.stop()
    gone = {one.device: missing(influxdb.server, influxdb.database, one.device, expected // 4) for one in boxes}
    assert not any(gone.values()), f"batches with a receipt that are not stored: {gone}; taken first: {shares}"
    assert await asyncio.to_thread(count, influxdb.server, influxdb.database) == {
        f"box-{number}": expected for number in range(3)
    }


async def _send_all(boxes: list[Box], numbers: range) -> None:
    async with asyncio.TaskGroup() as tasks:
        for one in boxes:
            tasks.create_task(_send_few(one, numbers))


async def _send_few(one: Box, numbers: range) -> None:
    for number in numbers:
        readings = [reading(number * 4 + place) for place in range(4)]
        await one.send(number, body(one.device, number, readings=readings))
