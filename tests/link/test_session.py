"""A session on a real broker: birth, will, messages, PUBACK, and what its callers may do wrong."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import uvloop

from link import LinkError, NotConnectedError, Outgoing, PublishRefusedError, PublishTimeoutError, Session
from siaga.stack.mosquitto import Mosquitto
from tests.link.harness import Inbox, broker_with, connected, endpoint, running, started

STATUS = "siaga/v1/up/box-1/status/alarm"
ONLINE = Outgoing(STATUS, b"online", retain=True)
OFFLINE = Outgoing(STATUS, b"offline", retain=True)


def listener(port: int, inbox: Inbox, *filters: str, client_id: str = "listener", **options: Any) -> Session:
    return Session(endpoint(port), client_id, subscriptions=filters, on_message=inbox.put, **options)


def box(port: int, **options: Any) -> Session:
    return Session(endpoint(port), "box-1", birth=lambda: ONLINE, will=OFFLINE, **options)


async def test_a_message_arrives_whole_and_in_order(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = listener(alarm_broker.port, inbox, "a/#")
    bodies = [bytes([number]) * number for number in range(200)] + [b"", bytes(range(256)), b"x" * 200_000]
    async with running(session):
        for body in bodies:
            await session.publish("a/b", body)
        assert [await inbox.next() for _ in bodies] == [("a/b", body, False) for body in bodies]


async def test_birth_is_retained_and_a_stop_publishes_the_will(alarm_broker: Mosquitto) -> None:
    inbox, late = Inbox(), Inbox()
    session = box(alarm_broker.port)
    async with running(listener(alarm_broker.port, inbox, STATUS)):
        async with running(session):
            assert await inbox.next() == (STATUS, b"online", False)
            async with running(listener(alarm_broker.port, late, STATUS, client_id="late")):
                assert await late.next() == (STATUS, b"online", True)
        assert await inbox.next() == (STATUS, b"offline", False)
    assert not session.connected


@pytest.mark.slow
async def test_a_killed_process_has_its_will_published(alarm_broker: Mosquitto, tmp_path: Path) -> None:
    inbox = Inbox()
    program = f"""
import asyncio
from link import Endpoint, Outgoing, Session
async def main():
    session = Session(Endpoint("127.0.0.1", {alarm_broker.port}), "box-1",
        birth=lambda: Outgoing("{STATUS}", b"online", retain=True), will=Outgoing("{STATUS}", b"offline", retain=True))
    await session.run()
asyncio.run(main())
"""
    async with running(listener(alarm_broker.port, inbox, STATUS)):
        process = subprocess.Popen([sys.executable, "-c", program])
        try:
            assert await inbox.next() == (STATUS, b"online", False)
        finally:
            process.kill()
            process.wait()
        assert await inbox.next() == (STATUS, b"offline", False)


async def test_on_connect_comes_when_subscriptions_stand_and_the_birth_is_out(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session: Session = box(
        alarm_broker.port,
        subscriptions=("#",),
        on_message=inbox.put,
        on_connect=lambda: inbox.put("connected", str(session.connected).encode(), False),
        on_disconnect=lambda: inbox.put("disconnected", str(session.connected).encode(), False),
    )
    async with running(session):
        first = [await inbox.next(), await inbox.next()]
        assert sorted(first) == [("connected", b"True", False), (STATUS, b"online", False)]
    assert await inbox.next() == ("disconnected", b"False", False)


async def test_publish_without_a_connection_fails_at_once(alarm_broker: Mosquitto) -> None:
    session = box(alarm_broker.port)
    with pytest.raises(NotConnectedError):
        await session.publish("a", b"")
    async with running(session):
        await session.publish("a", b"", allow_no_subscriber=True)
    with pytest.raises(NotConnectedError):
        await session.publish("a", b"")


async def test_nobody_listens_is_told_and_may_be_allowed(alarm_broker: Mosquitto) -> None:
    session = box(alarm_broker.port)
    async with running(session):
        with pytest.raises(PublishRefusedError) as caught:
            await session.publish("siaga/v1/up/box-1/alarm", b"press")
        assert (caught.value.reason_code, caught.value.no_subscriber) == (0x10, True)
        await session.publish("siaga/v1/up/box-1/report", b"books", allow_no_subscriber=True)
        await session.publish("siaga/v1/up/box-1/report", b"books", qos=0)
        inbox = Inbox()
        async with running(listener(alarm_broker.port, inbox, "siaga/v1/up/+/alarm")):
            await session.publish("siaga/v1/up/box-1/alarm", b"press")
            assert await inbox.next() == ("siaga/v1/up/box-1/alarm", b"press", False)


async def test_a_publish_the_broker_does_not_authorise_is_told(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite open/#\n")
    with broker_with(tmp_path, "allow_anonymous true", f"acl_file {rules}") as port:
        session = Session(endpoint(port), "box-1", subscriptions=("open/#",), on_message=Inbox().put)
        async with running(session):
            await session.publish("open/a", b"")
            with pytest.raises(PublishRefusedError, match=r"closed/a: Not authorized \(0x87\)") as caught:
                await session.publish("closed/a", b"", allow_no_subscriber=True)
            assert (caught.value.reason_code, caught.value.no_subscriber) == (0x87, False)
            await session.publish("open/a", b"")


async def test_a_birth_that_is_not_authorised_is_a_fault_and_the_session_lives(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite open/#\n")
    with broker_with(tmp_path, "allow_anonymous true", f"acl_file {rules}") as port:
        session = box(port)
        async with started(session) as tasks:
            await _until(lambda: session.fault is not None)
            assert session.fault is not None
            assert "Not authorized (0x87)" in session.fault
            assert not session.connected
            assert not tasks[0].done()


async def test_a_refused_log_in_is_told_in_fault_and_mended_without_a_restart(tmp_path: Path) -> None:
    with broker_with(tmp_path, "allow_anonymous false") as port:
        session = Session(endpoint(port), "box-1")
        async with started(session) as tasks:
            await _until(lambda: session.fault is not None)
            assert session.fault is not None
            assert "refused the log-in: Not authorized (0x87)" in session.fault
            assert not session.connected
            with pytest.raises(NotConnectedError):
                await session.publish("a", b"")
            assert not tasks[0].done()
    with broker_with(tmp_path, "allow_anonymous true", port=port):
        async with running(session):
            assert session.fault is None


async def test_more_publishes_than_the_broker_takes_at_once_wait_their_turn(tmp_path: Path) -> None:
    """Mosquitto announces its max_inflight_messages as Receive Maximum and throws out who exceeds it."""
    with broker_with(tmp_path, "allow_anonymous true", "max_inflight_messages 3", "max_queued_messages 0") as port:
        inbox = Inbox()
        session = listener(port, inbox, "a")
        async with running(session):
            bodies = [str(number).encode() for number in range(500)]
            await asyncio.gather(*(session.publish("a", body) for body in bodies))
            assert await inbox.bodies(500) == bodies
            assert session.connects == 1


async def test_a_body_beyond_the_brokers_limit_does_not_kill_the_session(tmp_path: Path) -> None:
    with broker_with(tmp_path, "allow_anonymous true", "message_size_limit 1000") as port:
        inbox = Inbox()
        session = listener(port, inbox, "a")
        async with running(session):
            with pytest.raises(LinkError):
                await session.publish("a", b"x" * 2_000, timeout_s=2.0)
            await connected(session)
            await session.publish("a", b"small")
            assert (await inbox.next())[1] == b"small"


async def test_a_callback_that_raises_is_logged_and_the_next_message_arrives(
    alarm_broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()

    def choke(topic: str, body: bytes, retained: bool) -> None:
        if body == b"poison":
            raise KeyError("no such thing")
        inbox.put(topic, body, retained)

    def fail() -> None:
        raise RuntimeError("on_connect is broken")

    session = Session(endpoint(alarm_broker.port), "box-1", subscriptions=("a",), on_message=choke, on_connect=fail)
    async with running(session):
        await session.publish("a", b"poison")
        await session.publish("a", b"food")
        assert (await inbox.next())[1] == b"food"
        assert session.connects == 1
    assert session.callback_errors == 2
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info is not None for record in told] == [True, True]
    assert "no such thing" in caplog.text


async def test_a_callback_may_publish_and_renew(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    spawned: list[asyncio.Task[None]] = []

    def answer(topic: str, body: bytes, retained: bool) -> None:
        inbox.put(topic, body, retained)
        if body == b"question":
            spawned.append(asyncio.create_task(session.publish("a", b"answer"), name="answer"))
        if body == b"drop it":
            session.renew()
            session.renew()

    session = Session(endpoint(alarm_broker.port), "box-1", subscriptions=("a",), on_message=answer)
    async with running(session):
        await session.publish("a", b"question")
        assert await inbox.bodies(2) == [b"question", b"answer"]
        await asyncio.gather(*spawned)
        with pytest.raises(PublishTimeoutError):
            await asyncio.gather(session.publish("a", b"drop it"), session.publish("a", b"and this"))
        await connected(session)
        assert session.connects == 2


async def test_two_clients_with_one_name_are_told_and_do_not_chase_each_other(alarm_broker: Mosquitto) -> None:
    one, other = (Session(endpoint(alarm_broker.port), "box-1") for _ in range(2))
    async with started(one, other):
        await _until(lambda: one.fault is not None and other.fault is not None)
        assert one.fault == other.fault
        assert "does another client use the name box-1?" in str(one.fault)
        before = one.connects + other.connects
        await asyncio.wait((asyncio.create_task(asyncio.Event().wait(), name="never"),), timeout=0.5)
        assert one.connects + other.connects - before <= 6


async def test_a_task_group_that_is_cancelled_ends_a_session_at_once(alarm_broker: Mosquitto) -> None:
    session = box(alarm_broker.port)

    async def process() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(session.run(), name="session")
            await connected(session)
            raise ConnectionError("something else failed")

    start = time.monotonic()
    with pytest.raises(ExceptionGroup) as caught:
        await process()
    assert time.monotonic() - start < 1.0
    assert caught.group_contains(ConnectionError)
    assert not session.connected


async def test_a_publish_that_is_cancelled_harms_nothing(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = listener(alarm_broker.port, inbox, "a")
    async with running(session):
        publishing = asyncio.create_task(session.publish("a", b"1"), name="publishing")
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await session.publish("a", b"2")
        assert await inbox.bodies(2) == [b"1", b"2"]


@pytest.mark.parametrize("topic", ["", "a/+/b", "#"])
async def test_a_topic_that_cannot_be_published_is_the_callers_error(alarm_broker: Mosquitto, topic: str) -> None:
    session = box(alarm_broker.port)
    async with running(session):
        with pytest.raises(ValueError, match=r".+"):
            await session.publish(topic, b"")
        await session.publish("a", b"", allow_no_subscriber=True)
        assert session.connects == 1


def test_it_runs_on_uvloop_too(alarm_broker: Mosquitto) -> None:
    async def talk() -> None:
        inbox = Inbox()
        session = listener(alarm_broker.port, inbox, "a", birth=lambda: Outgoing("a", b"born"), will=Outgoing("a", b""))
        async with running(session):
            session.renew()
            await connected(session)
            await session.publish("a", b"1")
            assert (await inbox.bodies(3))[-1] == b"1"
        with pytest.raises(NotConnectedError):
            await session.publish("a", b"2")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop, debug=True) as runner:
        runner.run(talk())


async def _until(condition: Any) -> None:
    """Wait until a condition holds that no event tells of."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is an attribute
            await asyncio.sleep(0.002)
