"""One connection against a peer whose bytes the test writes: what differs from aiomqtt, byte by byte (MQTT 5)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiomqtt
import paho.mqtt.client as mqtt
import pytest

from link.client import Client, Outgoing
from link.errors import LinkError, LinkRefusedError, NotConnectedError, PublishRefusedError, PublishTimeoutError
from tests.link.harness import until

CONNACK = bytes.fromhex("20 03 00 00 00")
CONNACK_RECEIVE_MAXIMUM_1 = bytes.fromhex("20 06 00 00 03 21 00 01")
CONNACK_NOT_AUTHORIZED = bytes.fromhex("20 03 00 87 00")
PUBLISH_MID_1 = bytes.fromhex("32 07 00 01 61 00 01 00 78")  # QoS 1, topic a, mid 1, no properties, body x
PATIENCE_S = 5.0
ANSWER_S = 60.0
"""For the client: what ends sooner did not end by its own timeout."""


@dataclass
class Pair:
    """A client, its socket's other end, and what it handed over."""

    client: Client
    ours: socket.socket
    peer: socket.socket
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)
    ends: int = 0

    async def read(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().sock_recv(self.peer, 65_536)

    async def open(self, connack: bytes = CONNACK) -> None:
        self.peer.sendall(connack)
        await self.client.open(self.ours)
        assert (await self.read())[0] == 0x10  # CONNECT

    async def lost(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait((self.client.lost,))


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Yield a client over a socket pair, not yet logged in, with a will."""
    ours, peer = socket.socketpair()
    peer.setblocking(False)
    made: list[Pair] = []

    def ended() -> None:
        made[0].ends += 1

    client = Client(
        "peer",
        1883,
        "box-1",
        on_message=lambda *message: made[0].messages.append(message),
        on_end=ended,
        will=Outgoing("w", b"offline"),
        keep_alive_s=60,
        timeout_s=ANSWER_S,
    )
    made.append(Pair(client, ours, peer))
    yield made[0]
    client.close(goodbye=False)
    ours.close()
    peer.close()
    assert made[0].ends == 1


async def test_publish_is_on_the_wire_before_the_loop_turns_again(pair: Pair) -> None:
    await pair.open()
    publishing = asyncio.create_task(
        pair.client.publish_checked(Outgoing("a", b"x"), timeout_s=PATIENCE_S), name="publishing"
    )
    await asyncio.sleep(0)
    assert pair.peer.recv(100) == PUBLISH_MID_1
    pair.peer.sendall(bytes.fromhex("40 02 00 01"))
    await publishing


@pytest.mark.parametrize(
    ("puback", "reason"), [("40 03 00 01 87", 0x87), ("40 04 00 01 97 00", 0x97), ("40 03 00 01 10", 0x10)]
)
async def test_the_pubacks_reason_code_is_told(pair: Pair, puback: str, reason: int) -> None:
    await pair.open()
    pair.peer.sendall(bytes.fromhex(puback))
    with pytest.raises(PublishRefusedError) as caught:
        await pair.client.publish_checked(Outgoing("a", b"x"), timeout_s=PATIENCE_S)
    assert caught.value.reason_code == reason
    assert caught.value.no_subscriber is (reason == 0x10)


async def test_a_late_puback_gives_its_place_back_and_is_nobody_elses(pair: Pair) -> None:
    await pair.open(CONNACK_RECEIVE_MAXIMUM_1)
    with pytest.raises(PublishTimeoutError):
        await pair.client.publish_checked(Outgoing("a", b"x"), timeout_s=0.01)
    assert await pair.read() == PUBLISH_MID_1
    with pytest.raises(PublishTimeoutError):
        await pair.client.publish_checked(Outgoing("a", b"never sent"), timeout_s=0.01)
    third = asyncio.create_task(pair.client.publish_checked(Outgoing("a", b"z"), timeout_s=PATIENCE_S), name="third")
    await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        pair.peer.recv(1)
    pair.peer.sendall(bytes.fromhex("40 03 00 01 87"))
    assert await pair.read() == bytes.fromhex("32 07 00 01 61 00 02 00 7a")
    pair.peer.sendall(bytes.fromhex("40 02 00 02"))
    await third


@pytest.mark.parametrize(
    ("goodbye", "expected"), [(True, bytes.fromhex("e0 01 04")), (False, b"")], ids=["goodbye", "dropped"]
)
async def test_close_says_at_once_what_is_to_become_of_the_will(pair: Pair, goodbye: bool, expected: bytes) -> None:
    await pair.open()
    pair.client.close(goodbye=goodbye)
    assert pair.client.lost.done()
    assert pair.peer.recv(100).startswith(expected)
    if not goodbye:
        assert pair.ours.fileno() == -1
    with pytest.raises(NotConnectedError):
        await pair.client.publish_checked(Outgoing("a", b"x"), timeout_s=PATIENCE_S)
    pair.client.close(goodbye=True)


async def test_close_does_not_wait_for_a_peer_that_reads_nothing(pair: Pair) -> None:
    await pair.open()
    publishing = asyncio.create_task(
        pair.client.publish_checked(Outgoing("a", b"x" * 5_000_000), timeout_s=PATIENCE_S), name="publishing"
    )
    await asyncio.sleep(0)
    pair.client.close(goodbye=True)
    with pytest.raises(PublishTimeoutError):
        await publishing


async def test_a_connection_that_ends_with_its_connack_is_noticed(pair: Pair) -> None:
    pair.peer.sendall(CONNACK)
    pair.peer.shutdown(socket.SHUT_WR)
    with contextlib.suppress(aiomqtt.MqttError):  # it may be noticed by `open` or a moment later
        await pair.client.open(pair.ours)
    await pair.lost()


async def test_a_refused_log_in_is_told_by_its_code(pair: Pair) -> None:
    pair.peer.sendall(CONNACK_NOT_AUTHORIZED)
    with pytest.raises(aiomqtt.exceptions.MqttConnectError, match="Not authorized"):
        await pair.client.open(pair.ours)
    assert pair.ours.fileno() == -1


async def test_a_refused_subscription_is_told_by_its_filter_and_code(pair: Pair) -> None:
    await pair.open()
    pair.peer.sendall(bytes.fromhex("90 05 00 01 00 01 87"))
    with pytest.raises(LinkRefusedError, match=r"the subscription b: Not authorized \(0x87\)"):
        await pair.client.subscribe_checked(("a", "b"))


async def test_a_connection_that_ends_while_subscribing_is_told_at_once(pair: Pair) -> None:
    await pair.open()
    subscribing = asyncio.create_task(pair.client.subscribe_checked(("a",)), name="subscribing")
    await pair.read()
    pair.peer.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(aiomqtt.MqttError):
            await subscribing


async def test_a_stop_in_the_same_turn_as_the_answer_stops(pair: Pair) -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(pair.client._wait_for(answer, None), name="waiting")
    await asyncio.sleep(0)
    answer.set_result(None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_messages_come_split_merged_and_are_acknowledged(pair: Pair) -> None:
    await pair.open()
    for byte in PUBLISH_MID_1:
        pair.peer.sendall(bytes([byte]))
        await asyncio.sleep(0)
    assert await pair.read() == bytes.fromhex("40 02 00 01")
    retained = bytes.fromhex("31 05 00 01 62 00 79")
    not_utf8 = bytes.fromhex("30 05 00 01 ff 00 79")
    pair.peer.sendall(retained + not_utf8 + PUBLISH_MID_1)
    assert await pair.read() == bytes.fromhex("40 02 00 01")
    await asyncio.sleep(0)
    assert pair.messages == [("a", b"x", False), ("b", b"y", True), ("a", b"x", False)]


@pytest.mark.parametrize("seed", range(40))
async def test_any_bytes_from_the_peer_end_the_connection_or_are_ignored(pair: Pair, seed: int) -> None:
    draw = random.Random(seed)
    await pair.open()
    junk = bytes([draw.choice([0x20, 0x30, 0x32, 0x40, 0x90, 0xD0, 0xE0, draw.randrange(256)])])
    pair.peer.sendall(junk + draw.randbytes(draw.randrange(60)))
    pair.peer.shutdown(socket.SHUT_WR)
    await pair.lost()
    with pytest.raises(LinkError):
        await pair.client.publish_checked(Outgoing("a", b"x"), timeout_s=0.01)


async def test_any_byte_from_the_broker_is_as_good_as_a_pingresp(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow link the PINGRESP, or the PINGREQ itself, waits behind other packets, which come and go meanwhile.

    By a clock of the test's own: a machine that stands still for a moment is no silence.
    """
    now_s = time.monotonic()
    monkeypatch.setattr(mqtt, "time_func", lambda: now_s)
    await pair.open()
    paho = pair.client._client
    for number in range(1, 16):  # five times the keep-alive
        now_s += 20.0
        sent_s = time.monotonic()
        pair.peer.sendall(bytes.fromhex("30 05 00 01 61 00 78"))
        await pair.client.publish_checked(Outgoing("a", b"x", 0), timeout_s=PATIENCE_S)
        await until(lambda number=number: len(pair.messages) == number)  # type: ignore[misc]
        assert sent_s <= pair.client.heard_s <= time.monotonic()
        paho.loop_misc()  # as aiomqtt does once a second
    assert not pair.client.lost.done()
    began_s = now_s
    while not pair.client.lost.done():
        assert now_s - began_s < 2 * 60.0 + 2.0
        now_s += 1.0
        paho.loop_misc()
        await asyncio.sleep(0)
