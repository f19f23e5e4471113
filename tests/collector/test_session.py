"""The collector's own MQTT session, against a broker's end of the socket that does what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import mqtt5
import pytest

from collector.connection import Connection
from collector.deafness import Deafness
from collector.session import MqttSession, Terms
from contract.topics import ALL_TELEMETRY
from link import Backoff, Endpoint
from tests.collector.broker import Peer, ScriptedBroker, publication, scripted_broker
from tests.link.harness import until


class Heard:
    """What a session told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.size_bytes = 0
        self.connected = asyncio.Event()
        self._changed = asyncio.Event()

    def on_messages(self, connection: Connection, packets: list[mqtt5.PublishPacket], size_bytes: int) -> None:
        """Note messages, settled at once."""
        assert packets
        load = connection.arrivals.begin()
        load.parts = 0
        for packet in packets:
            self.bodies.append(packet.payload)
            load.packet_ids.append(packet.packet_id)
        self.size_bytes += size_bytes
        connection.release()
        self._changed.set()

    async def wait_for(self, number: int) -> None:
        """Wait until that many messages came."""
        async with asyncio.timeout(10):
            while len(self.bodies) < number:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def _session(
    broker: ScriptedBroker,
    heard: Heard,
    change: Callable[[Terms], Terms] = lambda terms: terms,
    deafness: Deafness | None = None,
) -> AsyncIterator[MqttSession]:
    terms = change(Terms(Endpoint("127.0.0.1", broker.port), "collector-1", ALL_TELEMETRY, receive_maximum=7))
    session = MqttSession(
        terms, heard.on_messages, on_connect=heard.connected.set, backoff=Backoff(0.01, 0.05), deafness=deafness
    )
    task = asyncio.create_task(session.run(), name="session")
    try:
        yield session
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def _connected(broker: ScriptedBroker, heard: Heard) -> Peer:
    peer = await broker.accept()
    await peer.welcome()
    async with asyncio.timeout(5):
        await heard.connected.wait()
    return peer


async def test_it_connects_clean_and_bounded_and_leaves_politely() -> None:
    heard = Heard()
    async with scripted_broker() as broker:
        async with _session(broker, heard):
            peer = await broker.accept()
            connect = await peer.welcome()
            assert (connect.client_id, connect.clean_start, connect.session_expiry_interval) == ("collector-1", True, 0)
            assert (connect.receive_max, connect.max_packet_size, connect.keep_alive) == (7, 1_048_576, 20)
            async with asyncio.timeout(5):
                await heard.connected.wait()
        assert isinstance(await peer.packet(), mqtt5.DisconnectPacket)


async def test_packets_cut_at_any_byte_arrive_whole_and_once() -> None:
    heard = Heard()
    bodies = [b"one", b"x" * 300, b""]
    stream = b"".join(publication(number + 1, body) for number, body in enumerate(bodies))
    async with scripted_broker() as broker, _session(broker, heard):
        peer = await _connected(broker, heard)
        for byte in stream:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await heard.wait_for(3)
        assert [await peer.puback() for _ in bodies] == [1, 2, 3]
        await peer.send(stream + stream[:10])
        await peer.send(stream[10:])
        await heard.wait_for(9)
    assert heard.bodies == bodies * 3
    assert heard.size_bytes == 3 * len(stream), "what other packets weigh is not counted"


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(b"\xff\xff\xff\xff\xff\xff", id="no packet"),
        pytest.param(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("a")]).write(), id="a client's packet"),
        pytest.param(
            mqtt5.PublishPacket("a", b"x" * 3_000_000, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write()[:2_000_000],
            id="more than was agreed",
        ),
        pytest.param(
            mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER).write(), id="disconnect"
        ),
    ],
)
async def test_nonsense_ends_the_connection_and_it_connects_again(nonsense: bytes) -> None:
    heard = Heard()
    async with scripted_broker() as broker, _session(broker, heard) as session:
        peer = await _connected(broker, heard)
        heard.connected.clear()
        with suppress(ConnectionError):  # it may hang up before it has read all
            await peer.send(nonsense)
        peer = await _connected(broker, heard)
        await peer.publish(1, b"good")
        await heard.wait_for(1)
        assert session.connects == 2


async def test_a_broker_that_does_not_answer_ping_is_left() -> None:
    heard = Heard()

    def impatient(terms: Terms) -> Terms:
        return Terms(terms.endpoint, terms.client_id, terms.topic_filter, keep_alive_s=0, ping_timeout_s=0.05)

    async with scripted_broker() as broker, _session(broker, heard, impatient):
        peer = await broker.accept()
        await peer.welcome(mqtt5.ConnAckPacket(server_keep_alive=None))
        assert isinstance(await peer.packet(), mqtt5.PingReqPacket)
        await broker.accept()


@pytest.mark.slow
async def test_a_broker_that_answers_ping_is_kept() -> None:
    heard = Heard()

    def impatient(terms: Terms) -> Terms:
        # Time enough for an answer on a machine that stands still for a moment.
        return Terms(terms.endpoint, terms.client_id, terms.topic_filter, keep_alive_s=0, ping_timeout_s=0.4)

    async with scripted_broker() as broker, _session(broker, heard, impatient) as session:
        peer = await broker.accept()
        await peer.welcome()
        for _ in range(2):
            assert isinstance(await peer.packet(), mqtt5.PingReqPacket)
            await peer.send(mqtt5.PingRespPacket().write())
        assert session.connects == 1


async def test_a_refused_log_in_is_a_fault_in_words() -> None:
    heard = Heard()
    async with scripted_broker() as broker, _session(broker, heard) as session:
        peer = await broker.accept()
        await peer.packet()
        await peer.send(mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.NOT_AUTHORIZED).write())
        assert isinstance(await peer.packet(), mqtt5.DisconnectPacket)
        peer.close()
        await until(lambda: session.fault is not None)
        assert session.fault is not None
        assert "NOT_AUTHORIZED (0x87)" in session.fault
        assert session.connection is None


async def test_our_own_messages_keep_to_the_brokers_receive_maximum() -> None:
    heard = Heard()
    async with scripted_broker() as broker, _session(broker, heard) as session:
        peer = await broker.accept()
        await peer.welcome(mqtt5.ConnAckPacket(receive_max=2))
        async with asyncio.timeout(5):
            await heard.connected.wait()
        connection = session.connection
        assert connection is not None
        assert connection.window == 2
        connection.publish_all([("a", b"1"), ("a", b"2")])
        assert connection.window == 0
        assert not connection.window_open.is_set()
        first = await peer.packet()
        assert isinstance(first, mqtt5.PublishPacket)
        assert first.packet_id is not None
        await peer.send(mqtt5.PubAckPacket(first.packet_id).write())
        async with asyncio.timeout(5):
            await connection.window_open.wait()
        assert connection.window == 1


async def test_a_lost_connection_wakes_who_waits_to_publish() -> None:
    heard = Heard()
    async with scripted_broker() as broker, _session(broker, heard) as session:
        peer = await broker.accept()
        await peer.welcome(mqtt5.ConnAckPacket(receive_max=1))
        async with asyncio.timeout(5):
            await heard.connected.wait()
        connection = session.connection
        assert connection is not None
        connection.publish_all([("a", b"1")])
        waiting = asyncio.create_task(connection.window_open.wait(), name="waiting")
        peer.close()
        async with asyncio.timeout(5):
            await waiting
        assert connection.window == 0


async def test_messages_before_nonsense_in_one_read_are_handed_over() -> None:
    heard = Heard()
    async with scripted_broker() as broker, _session(broker, heard):
        peer = await _connected(broker, heard)
        await peer.send(publication(1, b"good") + b"\xff\xff\xff\xff\xff\xff")
        await heard.wait_for(1)
        await broker.accept()
    assert heard.bodies == [b"good"]


async def test_a_connection_that_brings_nothing_any_more_is_made_anew() -> None:
    heard, deafness = Heard(), Deafness(after_s=0.1, most_s=10.0)
    async with scripted_broker() as broker, _session(broker, heard, deafness=deafness) as session:
        peer = await _connected(broker, heard)
        await peer.publish(1, b"one")
        await heard.wait_for(1)
        heard.connected.clear()
        peer = await _connected(broker, heard)
        assert (deafness.times, session.connects) == (1, 2)
        await peer.publish(1, b"two")
        await heard.wait_for(2)


async def test_who_owes_pubacks_is_not_deaf() -> None:
    heard, deafness = Heard(), Deafness(after_s=0.05)
    async with scripted_broker() as broker, _session(broker, heard, deafness=deafness) as session:
        peer = await _connected(broker, heard)
        await peer.publish(1, b"one")
        await heard.wait_for(1)
        connection = session.connection
        assert connection is not None
        load = connection.arrivals.begin()
        judged = 0
        judge = deafness.judge

        def counted(last_heard_s: float | None, now_s: float, *, excused: bool) -> bool:
            nonlocal judged
            judged += 1
            return judge(last_heard_s, now_s, excused=excused)

        deafness.judge = counted  # type: ignore[method-assign]
        await until(lambda: judged > 10)
        assert session.connection is connection
        load.parts = 0
        connection.release()
        await until(lambda: session.connection is not connection)
        assert deafness.times == 1
