"""The collector's session under TLS on a real broker: which side refused and why, on both event loops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import mqtt5
import pytest
import uvloop

from collector.connection import Connection
from collector.deafness import Deafness
from collector.session import MqttSession, Terms
from contract.topics import ALL_TELEMETRY, telemetry
from link import Backoff, Endpoint
from provisioning.brokers.render import CENTRE_ACL
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.collector.box import box
from tests.link.forgery import broker_of, device, tls_1_2, with_credentials
from tests.link.harness import HOST, listening, until

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return what runs a coroutine on each event loop: their TLS is not the same code."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runs(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(test())

    return runs


@asynccontextmanager
async def _session(
    endpoint: Endpoint,
    *,
    keep_alive_s: int = 20,
    bodies: list[bytes] | None = None,
    topic_filter: str = ALL_TELEMETRY,
    deafness: Deafness | None = None,
) -> AsyncIterator[MqttSession]:
    def on_messages(connection: Connection, packets: list[mqtt5.PublishPacket], size_bytes: int) -> None:
        load = connection.arrivals.begin()
        load.parts = 0
        load.packet_ids += [packet.packet_id for packet in packets]
        if bodies is not None:
            bodies.extend(packet.payload for packet in packets)
        connection.release()

    terms = Terms(
        endpoint, "collector-1", topic_filter, keep_alive_s=keep_alive_s, ping_timeout_s=0.3, connect_timeout_s=2.0
    )
    session = MqttSession(terms, on_messages, on_connect=lambda: None, backoff=Backoff(0.02, 0.1), deafness=deafness)
    task = asyncio.create_task(session.run(), name="session")
    try:
        yield session
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def _fault(endpoint: Endpoint) -> str:
    """Return the fault of a session that cannot connect."""
    async with _session(endpoint) as session:
        await until(lambda: session.fault is not None)
        assert session.connection is None
        assert session.connects == 0
        return str(session.fault)


def test_a_broker_of_another_authority_is_refused(run: Run, telemetry_broker: Mosquitto, tmp_path: Path) -> None:
    other = Trust(tmp_path / "other")
    other.render_broker("telemetry", device_port=1, centre_port=2)
    stranger = other.service("collector-1", telemetry_broker.centre_port)

    async def test() -> None:
        assert await _fault(stranger) == "we refuse the broker's certificate: its CA is not one we trust"

    run(test)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"days": (1, 9)}, "it is not valid yet; is this machine's clock right?", id="not yet valid"),
        pytest.param(
            {"days": (-9, -1)}, "it has expired; renew it: siaga provision ca renew broker LANE", id="expired"
        ),
        pytest.param({"hosts": ("127.0.0.2",)}, "it is for another address", id="another address"),
        pytest.param({"use": "client"}, "it is not one of a broker", id="a device's"),
    ],
)
def test_a_broker_whose_certificate_is_not_right_is_refused(
    run: Run, trust: Trust, tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    with broker_of(trust, tmp_path, changes) as broker:

        async def test() -> None:
            told = await _fault(broker.service("collector-1"))
            assert told == f"we refuse the broker's certificate: {why}"

        run(test)


def test_a_wrong_password_is_refused(run: Run, telemetry_broker: Mosquitto) -> None:
    async def test() -> None:
        told = await _fault(with_credentials(telemetry_broker.service("collector-1"), password="guessed"))
        assert told == "the broker refused the connection: NOT_AUTHORIZED (0x87)"

    run(test)


@pytest.mark.parametrize("old", [False, True], ids=["TLS 1.3", "TLS 1.2"])
def test_the_port_for_devices_refuses_an_account(run: Run, telemetry_broker: Mosquitto, old: bool) -> None:
    endpoint = Endpoint(HOST, telemetry_broker.device_port, telemetry_broker.service("collector-1").credentials)
    endpoint = tls_1_2(endpoint) if old else endpoint

    async def test() -> None:
        told = await _fault(endpoint)
        assert told.startswith("the broker refuses us: ")
        assert told.endswith("it asks for a certificate and got none; is it the port for devices?")

    run(test)


def test_a_certificate_of_another_authority_is_refused(run: Run, telemetry_broker: Mosquitto, tmp_path: Path) -> None:
    other = Trust(tmp_path / "other")
    other.issue_devices(["box-1"])
    files = other.authority.device_certificate("box-1"), other.authority.device_key("box-1")

    async def test() -> None:
        told = await _fault(device(telemetry_broker, *files))
        assert told == "the broker refuses our certificate: its CA is not one the broker trusts"

    run(test)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there does not speak TLS; is the port right?"),
        (b"", "the connection ended within the TLS handshake, without a reason; is it the port for TLS?"),
    ],
    ids=["plain", "silent"],
)
def test_a_port_without_tls_is_told(run: Run, telemetry_broker: Mosquitto, answer: bytes, told: str) -> None:
    credentials = telemetry_broker.service("collector-1").credentials

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def test() -> None:
        async with listening(plain) as port:
            assert await _fault(Endpoint(HOST, port, credentials)) == told

    run(test)


def test_a_fault_is_gone_when_it_is_another_trouble(run: Run, telemetry_broker: Mosquitto) -> None:
    credentials = telemetry_broker.service("collector-1").credentials

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def test() -> None:
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(listening(hang_up))
            async with _session(Endpoint(HOST, port, credentials)) as session:
                await until(lambda: session.fault is not None)
                await stack.aclose()
                await until(lambda: session.fault is None)

    run(test)


@pytest.mark.slow
def test_tls_stands_again_after_a_broker_restart_without_delay_on_the_wire(
    run: Run, telemetry_broker: Mosquitto
) -> None:
    bodies: list[bytes] = []

    async def test() -> None:
        async with _session(telemetry_broker.service("collector-1"), bodies=bodies) as session:
            for number in range(2):
                await until(lambda: session.connection is not None)
                assert session.connection is not None
                transport = session.connection._transport
                assert transport is not None
                assert transport.get_extra_info("cipher")[1] == "TLSv1.3"
                sock = transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                async with box(telemetry_broker, resend=False) as one:
                    await one.session.publish(telemetry("box-1"), b"%d" % number)
                    await until(lambda sent=number: len(bodies) > sent)  # type: ignore[misc]
                telemetry_broker.kill()
                await until(lambda: session.connection is None)
                await asyncio.to_thread(telemetry_broker.start)
            await until(lambda: session.connects == 3)
            assert session.fault is None
        assert bodies == [b"0", b"1"]

    run(test)


@pytest.mark.slow
def test_fault_13_a_frozen_broker_is_left_and_a_stop_does_not_wait_for_it(
    run: Run, telemetry_broker: Mosquitto
) -> None:
    async def test() -> None:
        async with _session(telemetry_broker.service("collector-1"), keep_alive_s=1) as session:
            await until(lambda: session.connection is not None)
            telemetry_broker.freeze()
            start_s = asyncio.get_running_loop().time()
            await until(lambda: session.connection is None)
            assert asyncio.get_running_loop().time() - start_s < 3.0
            telemetry_broker.thaw()
            await until(lambda: session.connects == 2)
            telemetry_broker.freeze()
            start_s = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - start_s < 1.0
        telemetry_broker.thaw()

    run(test)


def test_a_stop_within_the_handshake_is_immediate(run: Run, telemetry_broker: Mosquitto) -> None:
    begun = asyncio.Event()
    ticks = 0

    async def tick() -> None:
        # Time as the loop has it: while the machine stands still, none passes.
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        begun.set()
        await reader.read()

    async def test() -> None:
        async with listening(silent) as port:
            async with _session(Endpoint(HOST, port, telemetry_broker.service("collector-1").credentials)):
                await begun.wait()
                ticking = asyncio.create_task(tick(), name="ticks")
            ticking.cancel()
            assert ticks < 20

    run(test)


@pytest.mark.parametrize("topic_filter", [ALL_TELEMETRY, f"$share/some/{ALL_TELEMETRY}"])
async def test_a_real_broker_that_hands_over_nothing_any_more_is_noticed_and_told(
    telemetry_broker: Mosquitto, topic_filter: str
) -> None:
    """Its access list lost our line at a reload: it answers pings, acknowledges the boxes and delivers to nobody."""
    acl = telemetry_broker.trust.authority.broker_folder("telemetry") / CENTRE_ACL
    whole = acl.read_text()
    bodies: list[bytes] = []
    deafness = Deafness(after_s=1.5)  # the box sends again each half second
    async with (
        _session(
            telemetry_broker.service("collector-1"), bodies=bodies, topic_filter=topic_filter, deafness=deafness
        ) as session,
        box(telemetry_broker) as one,
    ):
        await until(lambda: session.connection is not None)
        await one.send(1, b"heard")
        await until(lambda: b"heard" in bodies)
        assert "up/+/telemetry\n" in whole
        acl.write_text(whole.replace("up/+/telemetry\n", "up/+/nothing\n"))
        os.kill(telemetry_broker.pid, signal.SIGHUP)
        await until(lambda: session.connects == 2)
        assert deafness.times == 1
        loop = asyncio.get_running_loop()
        await until(lambda: "no box is heard" in (deafness.told(loop.time()) or ""))
        acl.write_text(whole)
        os.kill(telemetry_broker.pid, signal.SIGHUP)
        bodies.clear()
        await one.send(2, b"heard again")
        await until(lambda: b"heard again" in bodies)
        await until(lambda: deafness.told(loop.time()) is None)
