"""A link of few bytes a second: the handshake is given the time it needs, and a dead broker is not.

Run at ten times the speed and a tenth of the patience; at 200 bytes/s a session stands after 24 s.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from link import Backoff, Outgoing, PublishTimeoutError, Session, dial
from siaga.stack.mosquitto import Mosquitto
from tests.edge_agent.network_faults.proxy import Proxy, Wire
from tests.link.harness import PATIENCE_S, connected, endpoint, listening, silence_s, started

SLOW = 2_000.0
STATUS = "siaga/v1/up/box-1/status/alarm"
BIRTH = Outgoing(STATUS, b"x" * 150, retain=True)


def session_through(proxy: Proxy, broker: Mosquitto, *, step_s: float = 0.8, keep_alive_s: int = 1) -> Session:
    return Session(
        replace(broker.device("box-1"), port=proxy.port),
        "box-1",
        subscriptions=("siaga/v1/down/box-1/alarm/lamp",),
        birth=lambda: BIRTH,
        will=BIRTH,
        connect_timeout_s=step_s,
        keep_alive_s=keep_alive_s,
        backoff=Backoff(0.02, 0.1),
    )


@pytest.mark.slow
async def test_a_handshake_that_brings_bytes_goes_on_and_what_follows_gets_the_same_time(
    alarm_broker: Mosquitto,
) -> None:
    async with Proxy(alarm_broker.device_port, wire=Wire(SLOW, SLOW / 2)) as proxy:
        session = session_through(proxy, alarm_broker)
        start = time.monotonic()
        async with started(session):
            await connected(session)
            assert time.monotonic() - start > 2 * 0.8, "the link is too fast to show anything"
            assert session.connects == 1
            assert proxy.accepted == 1
            assert 1.0 < session.pace_s < 10.0
            # A body that takes longer than one and a half times the keep-alive that was asked for.
            async with asyncio.timeout(PATIENCE_S):
                await session.publish(
                    "siaga/v1/up/box-1/report", b"x" * 4_000, timeout_s=PATIENCE_S, allow_no_subscriber=True
                )
            assert session.connects == 1


async def test_a_handshake_that_drips_for_ever_is_given_up(
    alarm_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "HANDSHAKE_S", 0.15)
    async with Proxy(alarm_broker.device_port, wire=Wire(SLOW, SLOW)) as proxy:
        with pytest.raises(dial.SilentPeerError, match=r"takes longer than 0\.15 s"):
            await dial.Dialer(replace(alarm_broker.device("box-1"), port=proxy.port)).dial(5.0)


@pytest.mark.slow
async def test_a_peer_that_takes_connections_and_is_silent_gets_more_time_at_each_attempt(
    alarm_broker: Mosquitto,
) -> None:
    async with Proxy(alarm_broker.device_port) as proxy:
        proxy.mute = True
        session = session_through(proxy, alarm_broker, step_s=0.05)
        async with started(session):
            async with asyncio.timeout(PATIENCE_S):
                while session._patience.step_s < 0.39:  # noqa: ASYNC110 - it is all there is to see
                    await asyncio.sleep(0.01)
            assert session._patience.step_s == pytest.approx(0.4)
            assert proxy.accepted >= 3
            before = proxy.accepted
            proxy.release()
            await connected(session)
            assert proxy.accepted <= before + 3
            async with asyncio.timeout(PATIENCE_S):
                while session._patience.step_s >= 0.4:  # this machine itself may take half of that for an answer
                    session.renew()
                    await connected(session)


async def test_a_peer_that_refuses_gets_no_more_time(alarm_broker: Mosquitto) -> None:
    async with Proxy(alarm_broker.device_port) as proxy:
        await proxy.refuse()
        session = session_through(proxy, alarm_broker, step_s=0.5)
        async with started(session):
            await asyncio.sleep(0.15)  # several attempts must fail meanwhile
            assert session._patience.step_s == 0.5
            await proxy.accept()
            await connected(session)


async def test_a_broker_that_is_silent_after_the_connack_gets_more_time_too() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes.fromhex("20 03 00 00 00"))
        await reader.read()

    async with listening(serve) as port:
        session = Session(
            endpoint(port), "box-1", subscriptions=("a",), connect_timeout_s=0.02, backoff=Backoff(0.01, 0.01)
        )
        async with started(session), asyncio.timeout(PATIENCE_S):
            while session._patience.step_s < 0.15:  # noqa: ASYNC110 - it is all there is to see
                await asyncio.sleep(0.005)


@pytest.mark.slow
async def test_fault_19_a_half_open_connection_is_ended_by_the_keep_alive_and_made_anew(
    alarm_broker: Mosquitto,
) -> None:
    async with Proxy(alarm_broker.device_port) as proxy:
        session = session_through(proxy, alarm_broker, step_s=5.0)
        async with started(session):
            await connected(session)
            within_s = silence_s(session)
            proxy.hold()
            with pytest.raises(PublishTimeoutError, match="the connection ended"):
                await session.publish("siaga/v1/up/box-1/alarm", b"press", timeout_s=within_s)
            await connected(session)
            assert session.connects == 2
            await session.publish("siaga/v1/up/box-1/report", b"", allow_no_subscriber=True)
