"""The collector in-process, between a broker's end of the socket and a scripted store: what leaves when."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import mqtt5
import pytest

from collector.config import CollectorSettings
from collector.deafness import Deafness
from collector.quarantine import FILE
from collector.quarantine_read import read_rows
from collector.service import MAX_HELD_BYTES, Collector
from contract.batch import Range, TelemetryReceipt
from contract.identity import body_hash
from contract.messages import decode
from contract.topics import telemetry_receipt
from link import BrokerSettings, Endpoint
from store import StoreSettings, open_store
from tests.collector.batches import STREAM, body
from tests.collector.broker import Peer, ScriptedBroker, publication, scripted_broker
from tests.link.harness import until
from tests.store.scripted import NO_CONTENT, Reply, Scripted, reply, scripted

DOWN = reply("503 Service Unavailable")


@asynccontextmanager
async def _collector(
    folder: Path,
    *replies: Reply,
    receive_maximum: int = 20_000,
    deafness: Deafness | None = None,
    broker: ScriptedBroker | None = None,
) -> AsyncIterator[tuple[Peer, Scripted, Collector, asyncio.Event]]:
    async with AsyncExitStack() as stack, scripted(*replies) as server:
        if broker is None:
            broker = await stack.enter_async_context(scripted_broker())
        settings = CollectorSettings(
            data_dir=folder,
            receive_maximum=receive_maximum,
            broker=BrokerSettings(
                host="127.0.0.1", port=broker.port, ca=Path("trust.pem"), username="u", password_file=Path("u.password")
            ),
            store=StoreSettings(url=server.url),
        )
        ready, stop = asyncio.Event(), asyncio.Event()
        async with open_store(settings.store, None) as store:
            collector = Collector(settings, Endpoint("127.0.0.1", broker.port), store, ready.set, deafness=deafness)
            task = asyncio.create_task(collector.run(stop), name="collector")
            peer = await broker.accept()
            await peer.welcome()
            async with asyncio.timeout(5):
                await ready.wait()
            yield peer, server, collector, stop
            stop.set()
            async with asyncio.timeout(3):
                await task


async def _receipt(peer: Peer, *, pubacks_allowed: bool = True) -> TelemetryReceipt:
    """Return the next receipt, acknowledged; PUBACKs are passed over, or not even allowed."""
    while True:
        packet = await peer.packet()
        assert pubacks_allowed or not isinstance(packet, mqtt5.PubAckPacket)
        if isinstance(packet, mqtt5.PublishPacket):
            assert packet.packet_id is not None
            assert packet.qos is mqtt5.QoS.AT_LEAST_ONCE
            assert not packet.retain
            receipt = decode(TelemetryReceipt, packet.payload)
            assert packet.topic == telemetry_receipt(receipt.device)
            await peer.send(mqtt5.PubAckPacket(packet.packet_id).write())
            return receipt


@pytest.mark.slow
async def test_pubacks_leave_in_arrival_order_though_writes_run_in_parallel(tmp_path: Path) -> None:
    gate = asyncio.Event()
    held = replace(NO_CONTENT, gate=gate)
    async with asyncio.timeout(10), _collector(tmp_path, NO_CONTENT, held) as (peer, server, _, _):
        await peer.publish(10, body(number=0))  # the first of a day goes alone
        assert await peer.puback() == 10
        await _receipt(peer)
        await peer.publish(11, body(number=1))
        await server.wait_for_writes(2)
        await peer.publish(12, body(number=2))
        await peer.publish(13, b"not json")
        bodies: list[str] = []
        numbers: list[int] = []
        while not (bodies and numbers):
            # `_receipt` would pass over a PUBACK; none may come before the first message is stored.
            receipt = await _receipt(peer, pubacks_allowed=False)
            bodies += receipt.bodies
            numbers += [one.first for one in receipt.ranges]
        assert (bodies, numbers) == ([body_hash(b"not json")], [2]), "a receipt waits for nobody else's"
        gate.set()
        assert [await peer.puback() for _ in range(3)] == [11, 12, 13]
        assert [(one.first, one.last) for one in (await _receipt(peer)).ranges] == [(1, 1)]


async def test_that_nobody_is_heard_is_told_until_somebody_is(tmp_path: Path) -> None:
    deafness = Deafness(after_s=0.2)
    async with asyncio.timeout(10), _collector(tmp_path, deafness=deafness) as (peer, _, collector, _):
        await until(lambda: any("no box is heard" in why for why in collector.snapshot().impaired))
        assert collector.snapshot().faults == (), "it is ready nonetheless"
        await peer.publish(1, body(number=1))
        await peer.puback()
        await until(lambda: collector.snapshot().impaired == ())


async def test_a_load_is_a_quarter_of_what_the_broker_may_hand_over(tmp_path: Path) -> None:
    async with asyncio.timeout(10), _collector(tmp_path, receive_maximum=20) as (peer, server, _, _):
        # The broker would send nothing more before the first PUBACKs.
        for packet_id in range(1, 21):
            await peer.publish(packet_id, body(number=packet_id))
            if packet_id % 5 == 0:
                await asyncio.sleep(0.02)  # what is read at once is one load
        assert [await peer.puback() for _ in range(20)] == list(range(1, 21))
        assert len(server.bodies) > 1


@pytest.mark.slow
async def test_receipts_are_gathered(tmp_path: Path) -> None:
    async with asyncio.timeout(10), _collector(tmp_path) as (peer, _, _, _):
        await peer.send(b"".join(publication(number + 1, body(number=number)) for number in range(100)))
        ranges: list[Range] = []
        while sum(one.last - one.first + 1 for one in ranges) < 100:
            receipt = await _receipt(peer)
            assert receipt.retry_after_s is None
            ranges += receipt.ranges
        assert len(ranges) <= 3
        assert {one.stream for one in ranges} == {STREAM}


@pytest.mark.slow
async def test_a_broker_lost_while_receipts_wait_for_its_pubacks_is_not_the_end_of_receipts(tmp_path: Path) -> None:
    devices = [f"box-{number}" for number in range(25)]
    async with asyncio.timeout(10), scripted_broker() as broker, _collector(tmp_path, broker=broker) as (peer, _, _, _):
        await peer.send(b"".join(publication(n + 1, body(device), device) for n, device in enumerate(devices)))
        waiting = 0
        while waiting < 20:  # all that this broker takes without a PUBACK
            waiting += isinstance(await peer.packet(), mqtt5.PublishPacket)
        peer.close()
        peer = await broker.accept()
        await peer.welcome()
        told = {(await _receipt(peer)).device for _ in range(5)}
        assert told == set(devices[20:])


@pytest.mark.slow
async def test_while_the_store_is_down_there_is_no_puback_and_boxes_are_asked_for_patience(tmp_path: Path) -> None:
    async with asyncio.timeout(15), _collector(tmp_path) as (peer, server, collector, _):
        server.after = DOWN
        await peer.publish(1, body(number=1))
        await until(lambda: bool(collector.snapshot().faults))
        await peer.publish(2, body(number=2))
        receipt = await _receipt(peer, pubacks_allowed=False)
        assert not receipt.ranges
        assert receipt.retry_after_s == 5.0
        server.after = NO_CONTENT
        assert [await peer.puback(), await peer.puback()] == [1, 2]
        receipt = await _receipt(peer)
        assert receipt.retry_after_s is None
        assert [(one.first, one.last) for one in receipt.ranges] == [(1, 2)]
        server.after = DOWN
        await peer.publish(3, body(number=3))
        await until(lambda: bool(collector.snapshot().faults))
        await peer.publish(4, body(number=4))
        assert (await _receipt(peer, pubacks_allowed=False)).retry_after_s == 5.0, "the next trouble is told at once"


@pytest.mark.slow
async def test_a_body_is_on_disk_before_its_receipt_leaves(tmp_path: Path) -> None:
    async with asyncio.timeout(10), _collector(tmp_path) as (peer, server, _, _):
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await peer.publish(1, b"junk")
            await peer.publish(2, body(number=2))
            receipt = await _receipt(peer, pubacks_allowed=False)
            assert (receipt.bodies, [one.first for one in receipt.ranges]) == ([], [2])
            other.execute("ROLLBACK")
        server.after = DOWN
        assert (await _receipt(peer)).bodies == [body_hash(b"junk")], "a store that is down matters not"
        assert [row.body for row in read_rows(tmp_path / FILE)] == [b"junk"]


@pytest.mark.slow
async def test_a_body_the_disk_refuses_gets_no_receipt_and_blocks_nobody(tmp_path: Path) -> None:
    async with asyncio.timeout(10), _collector(tmp_path) as (peer, _, _, _):
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON quarantine "
                "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            )
            await peer.publish(1, b"junk")
            assert await peer.puback() == 1
            await peer.publish(2, body(number=2))
            receipt = await _receipt(peer)
            assert (receipt.bodies, [one.first for one in receipt.ranges]) == ([], [2])
            other.execute("DROP TRIGGER full")
        await peer.publish(3, b"junk")
        assert (await _receipt(peer)).bodies == [body_hash(b"junk")]


async def test_what_is_held_is_bounded_in_bytes(tmp_path: Path) -> None:
    async with asyncio.timeout(30), _collector(tmp_path) as (peer, server, collector, _):
        server.after = DOWN
        large = body(number=1)
        large += b" " * (200_000 - len(large))
        sent = 0
        while not collector._session.connection or not collector._session.connection.paused:
            sent += 1
            assert sent * len(large) < MAX_HELD_BYTES + 8 * 1024 * 1024
            await peer.publish(sent, large)
            await asyncio.sleep(0)
        assert collector._intake.held_bytes < MAX_HELD_BYTES + 2 * 1024 * 1024
        server.after = NO_CONTENT
        assert [await peer.puback() for _ in range(sent)] == list(range(1, sent + 1))
        assert not collector._session.connection.paused


async def test_a_stop_settles_and_receipts_what_is_held(tmp_path: Path) -> None:
    gate = asyncio.Event()
    held = replace(NO_CONTENT, gate=gate)
    async with asyncio.timeout(10), _collector(tmp_path, held) as (peer, server, collector, stop):
        await peer.publish(1, body(number=1))
        await server.wait_for_writes(1)
        stop.set()
        await until(lambda: collector._stopping)
        gate.set()
        assert await peer.puback() == 1
        assert [one.first for one in (await _receipt(peer)).ranges] == [1]
        while not isinstance(await peer.packet(), mqtt5.DisconnectPacket):
            pass
