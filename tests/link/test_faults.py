"""Faults 9, 10, 13, 19 and what else ends a connection: brokers killed, frozen, silent, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import psutil
import pytest

from link import Backoff, Endpoint, NotConnectedError, Outgoing, PublishTimeoutError, Session
from siaga.stack.mosquitto import Mosquitto
from tests.link.harness import HOST, PATIENCE_S, Inbox, connected, endpoint, running, silence_s, started, until

STATUS = "siaga/v1/up/box-1/status/alarm"


def quick(broker: Endpoint, client_id: str = "box-1", **options: Any) -> Session:
    """Make a session that does not wait long between attempts."""
    options.setdefault("backoff", Backoff(0.02, 0.1))
    return Session(broker, client_id, **options)


async def ended(session: Session) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while session.connected:  # noqa: ASYNC110 - on_disconnect is taken by some of the tests
            await asyncio.sleep(0.001)


async def test_after_a_broker_was_killed_subscriptions_and_birth_are_made_again(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    births = iter(range(10))
    session = quick(
        alarm_broker.probe(),
        subscriptions=("a", STATUS),
        on_message=inbox.put,
        birth=lambda: Outgoing(STATUS, b"%d" % next(births), retain=True),
    )
    async with running(session):
        assert await inbox.next() == (STATUS, b"0", False)
        for number in (1, 2):
            alarm_broker.kill()
            await ended(session)
            with pytest.raises(NotConnectedError):
                await session.publish("a", b"lost")
            alarm_broker.start()
            await connected(session)
            assert await inbox.next() == (STATUS, b"%d" % number, False)
            await session.publish("a", b"again")
            assert await inbox.next() == ("a", b"again", False)
        assert session.connects == 3
        assert session.fault is None


async def test_publishes_that_wait_fail_when_the_broker_is_killed(alarm_broker: Mosquitto) -> None:
    session = quick(alarm_broker.probe())
    async with running(session):
        alarm_broker.freeze()
        publishing = [asyncio.create_task(session.publish("a", b"x" * 100), name=f"p{n}") for n in range(1_200)]
        await asyncio.sleep(0)
        start = time.monotonic()
        alarm_broker.kill()
        ends = await asyncio.gather(*publishing, return_exceptions=True)
        assert time.monotonic() - start < 10.0
        assert {type(end) for end in ends} == {PublishTimeoutError, NotConnectedError}


async def test_renew_drops_a_connection_and_makes_a_new_one_at_once(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = Session(
        alarm_broker.device("box-1"),
        "box-1",
        birth=lambda: Outgoing(STATUS, b"online", retain=True),
        will=Outgoing(STATUS, b"offline", retain=True),
        backoff=Backoff(100.0, 100.0),
    )
    listener = quick(alarm_broker.probe(), "listener", subscriptions=(STATUS,), on_message=inbox.put)
    async with running(listener), running(session):
        start = time.monotonic()
        session.renew()
        assert not session.connected
        with pytest.raises(NotConnectedError):
            await session.publish("a", b"")
        await connected(session)
        assert time.monotonic() - start < 10.0
        assert session.connects == 2
        # The will of the old connection never comes after the birth of the new one.
        assert await inbox.bodies(3) == [b"online", b"offline", b"online"]


async def test_renew_cuts_a_wait_short(alarm_broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    session = Session(alarm_broker.probe(), "box-1", backoff=Backoff(100.0, 100.0))
    alarm_broker.kill()
    async with started(session):
        await until(lambda: "next attempt in" in caplog.text)
        alarm_broker.start()
        assert not session.connected
        session.renew()
        await connected(session)


@pytest.mark.slow
async def test_a_publish_to_a_frozen_broker_ends_at_its_timeout_and_the_session_recovers(
    alarm_broker: Mosquitto,
) -> None:
    session = quick(alarm_broker.probe(), connect_timeout_s=0.3)
    async with running(session):
        alarm_broker.freeze()
        start = time.monotonic()
        with pytest.raises(PublishTimeoutError, match=r"within 0\.2 s"):
            await session.publish("a", b"", timeout_s=0.2)
        assert 0.2 <= time.monotonic() - start < 3.0
        session.renew()
        with pytest.raises(NotConnectedError):
            await session.publish("a", b"")
        await asyncio.sleep(0.5)  # at least one attempt must fail on the frozen broker
        alarm_broker.thaw()
        await connected(session)
        await session.publish("a", b"", allow_no_subscriber=True)


@pytest.mark.slow
async def test_a_frozen_broker_is_noticed_by_the_keep_alive(alarm_broker: Mosquitto) -> None:
    lost = asyncio.Event()
    session = quick(alarm_broker.probe(), keep_alive_s=1, on_disconnect=lost.set)
    async with running(session):
        within_s = silence_s(session)
        alarm_broker.freeze()
        async with asyncio.timeout(within_s):
            await lost.wait()
        alarm_broker.thaw()
        await connected(session)


async def test_a_stop_does_not_wait_for_a_frozen_broker(alarm_broker: Mosquitto) -> None:
    session = quick(alarm_broker.probe(), birth=lambda: Outgoing("a", b""), will=Outgoing("a", b""))
    async with running(session):
        alarm_broker.freeze()
        publishing = [asyncio.create_task(session.publish("a", b"x" * 1_000_000), name=f"p{n}") for n in range(20)]
        await asyncio.sleep(0)
        start = time.monotonic()
    assert time.monotonic() - start < 3.0
    ends = await asyncio.gather(*publishing, return_exceptions=True)
    assert all(isinstance(end, PublishTimeoutError | NotConnectedError) for end in ends)
    alarm_broker.thaw()


async def test_a_broker_that_accepts_and_says_nothing_ends_the_attempt_and_leaves_no_socket() -> None:
    """Without care each such attempt leaves a socket that logs in when the broker wakes, and throws out the next."""
    async with peer(hang_up=False) as (port, accepted):
        gc.collect()  # what other tests left for it must not close in the middle of the count
        before = psutil.Process().num_fds()
        session = quick(endpoint(port), connect_timeout_s=0.05)
        async with started(session):
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(4):
                    await accepted.acquire()
            mine = [link for link in psutil.Process().net_connections() if link.raddr and link.raddr.port == port]
            assert len(mine) <= 1
        assert psutil.Process().num_fds() <= before + 5  # the peer's own ends, which it still holds


async def test_a_broker_that_hangs_up_before_the_connack_ends_the_attempt_at_once() -> None:
    async with peer(hang_up=True) as (port, accepted):
        start = time.monotonic()
        async with started(quick(endpoint(port), connect_timeout_s=30.0)):
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(5):
                    await accepted.acquire()
        assert time.monotonic() - start < 10.0


@pytest.mark.parametrize("moment_s", [0.0, 0.001, 0.02])
async def test_a_stop_while_connecting_is_immediate(moment_s: float) -> None:
    async with peer(hang_up=False) as (port, _):
        async with started(quick(endpoint(port), connect_timeout_s=30.0)):
            await asyncio.sleep(moment_s)
            start = time.monotonic()
        assert time.monotonic() - start < 3.0


async def test_a_stop_while_waiting_is_immediate() -> None:
    async with peer(hang_up=True) as (port, accepted):
        async with started(Session(endpoint(port), "box-1", backoff=Backoff(100.0, 100.0))):
            await accepted.acquire()
            await asyncio.sleep(0.01)
            start = time.monotonic()
        assert time.monotonic() - start < 3.0


async def test_fifty_connections_leave_no_task_socket_or_thread(alarm_broker: Mosquitto) -> None:
    session = quick(
        alarm_broker.probe(), subscriptions=("a",), on_message=Inbox().put, birth=lambda: Outgoing("a", b"")
    )
    process = psutil.Process()
    async with running(session):
        session.renew()
        await connected(session)
        gc.collect()  # what other tests left for it must not close in the middle of the count
        before = (process.num_fds(), len(asyncio.all_tasks()))
        for number in range(50):
            if number % 2:
                session.renew()
            else:
                _kick(session)
                await ended(session)
            await connected(session)
        assert session.connects == 52
        assert session.callback_errors == 0
        for _ in range(3):
            await asyncio.sleep(0)
        assert (process.num_fds(), len(asyncio.all_tasks())) == before


def _kick(session: Session) -> None:
    """End the connection from outside: the socket is shut down under the session, as a broken network would."""
    client = session._client
    assert client is not None
    # By another handle: an SSLSocket that is shut down forgets its TLS, and its owner would notice that instead.
    with socket.socket(fileno=os.dup(cast(socket.socket, client._client.socket()).fileno())) as handle:
        handle.shutdown(socket.SHUT_RDWR)


@contextlib.asynccontextmanager
async def peer(*, hang_up: bool) -> AsyncIterator[tuple[int, asyncio.Semaphore]]:
    """Run a listener that is no broker: it accepts, reads, and says nothing or hangs up."""
    accepted = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server((HOST, 0)))
        server.setblocking(False)

        async def serve() -> None:
            while True:
                accepting, _ = await loop.sock_accept(server)
                stack.enter_context(accepting)
                await loop.sock_recv(accepting, 1)
                if hang_up:
                    accepting.close()
                accepted.release()

        serving = asyncio.create_task(serve(), name="peer")
        try:
            yield server.getsockname()[1], accepted
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
