"""A session on a real broker: birth, will, messages, PUBACK, and what its callers may do wrong."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from contract.messages import MAX_ALARM_BYTES
from link import Endpoint, LinkError, NotConnectedError, Outgoing, PublishRefusedError, PublishTimeoutError, Session
from provisioning.brokers.render import render_password
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.link.harness import Inbox, connected, running, started, until

STATUS = "siaga/v1/up/box-1/status/alarm"
ONLINE = Outgoing(STATUS, b"online", retain=True)
OFFLINE = Outgoing(STATUS, b"offline", retain=True)
REPORT = "siaga/v1/up/box-1/report"


def listener(broker: Endpoint, inbox: Inbox, *filters: str, client_id: str = "listener", **options: Any) -> Session:
    return Session(broker, client_id, subscriptions=filters, on_message=inbox.put, **options)


def box(broker: Mosquitto, **options: Any) -> Session:
    return Session(broker.device("box-1"), "box-1", birth=lambda: ONLINE, will=OFFLINE, **options)


async def test_a_message_arrives_whole_and_in_order(telemetry_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = listener(telemetry_broker.probe(), inbox, "a/#")
    bodies = [bytes([number]) * number for number in range(200)] + [b"", bytes(range(256)), b"x" * 200_000]
    async with running(session):
        for body in bodies:
            await session.publish("a/b", body)
        assert [await inbox.next() for _ in bodies] == [("a/b", body, False) for body in bodies]


async def test_birth_is_retained_and_a_stop_publishes_the_will(alarm_broker: Mosquitto) -> None:
    inbox, late = Inbox(), Inbox()
    session = box(alarm_broker)
    async with running(listener(alarm_broker.probe(), inbox, STATUS)):
        async with running(session):
            assert await inbox.next() == (STATUS, b"online", False)
            async with running(listener(alarm_broker.probe(), late, STATUS, client_id="late")):
                assert await late.next() == (STATUS, b"online", True)
        assert await inbox.next() == (STATUS, b"offline", False)
    assert not session.connected


@pytest.mark.slow
async def test_a_killed_process_has_its_will_published(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    trust, authority = alarm_broker.trust, alarm_broker.trust.authority
    trust.issue_devices(["box-1"])
    settings = {
        "host": "127.0.0.1",
        "port": alarm_broker.device_port,
        "ca": str(authority.trust),
        "certificate": str(authority.device_certificate("box-1")),
        "key": str(authority.device_key("box-1")),
    }
    program = f"""
import asyncio
from pathlib import Path
from link import BrokerSettings, Outgoing, Session
async def main():
    broker = BrokerSettings.model_validate({settings!r}).endpoint(source="box.toml", table="broker", base=Path())
    session = Session(broker, "box-1",
        birth=lambda: Outgoing("{STATUS}", b"online", retain=True), will=Outgoing("{STATUS}", b"offline", retain=True))
    await session.run()
asyncio.run(main())
"""
    async with running(listener(alarm_broker.probe(), inbox, STATUS)):
        process = subprocess.Popen([sys.executable, "-c", program])
        try:
            assert await inbox.next() == (STATUS, b"online", False)
        finally:
            process.kill()
            process.wait()
        assert await inbox.next() == (STATUS, b"offline", False)


async def test_on_connect_comes_when_subscriptions_stand_and_the_birth_is_out(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = Session(
        alarm_broker.probe(),
        "box-1",
        birth=lambda: ONLINE,
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
    session = box(alarm_broker)
    with pytest.raises(NotConnectedError):
        await session.publish(REPORT, b"")
    async with running(session):
        await session.publish(REPORT, b"", allow_no_subscriber=True)
    with pytest.raises(NotConnectedError):
        await session.publish(REPORT, b"")


async def test_nobody_listens_is_told_and_may_be_allowed(alarm_broker: Mosquitto) -> None:
    session = box(alarm_broker)
    async with running(session):
        with pytest.raises(PublishRefusedError) as caught:
            await session.publish("siaga/v1/up/box-1/alarm", b"press")
        assert (caught.value.reason_code, caught.value.no_subscriber) == (0x10, True)
        await session.publish("siaga/v1/up/box-1/report", b"books", allow_no_subscriber=True)
        await session.publish("siaga/v1/up/box-1/report", b"books", qos=0)
        inbox = Inbox()
        async with running(listener(alarm_broker.probe(), inbox, "siaga/v1/up/+/alarm")):
            await session.publish("siaga/v1/up/box-1/alarm", b"press")
            assert await inbox.next() == ("siaga/v1/up/box-1/alarm", b"press", False)


async def test_fault_15_a_publish_that_is_not_authorised_is_never_a_silent_success(alarm_broker: Mosquitto) -> None:
    """PUBACK 0x87: aiomqtt's own publish returns as if all were well."""
    session = box(alarm_broker)
    async with running(session):
        with pytest.raises(PublishRefusedError, match=r"up/box-2/alarm: Not authorized \(0x87\)") as caught:
            await session.publish("siaga/v1/up/box-2/alarm", b"", allow_no_subscriber=True)
        assert (caught.value.reason_code, caught.value.no_subscriber) == (0x87, False)
        await session.publish(REPORT, b"", allow_no_subscriber=True)
        assert session.connects == 1


async def test_fault_15_a_birth_that_is_not_authorised_is_a_fault_and_the_session_lives(
    alarm_broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session(alarm_broker.device("box-2"), "box-2", birth=lambda: ONLINE)
    async with started(session) as tasks:
        await until(lambda: session.fault is not None)
        assert session.fault == f"the broker refused {STATUS}: Not authorized (0x87)"
        assert not session.connected
        assert not tasks[0].done()
    assert [record.levelname for record in caplog.records if "Not authorized" in record.getMessage()] == ["ERROR"]


async def test_a_wrong_password_is_told_in_fault_and_mended_without_a_restart(alarm_broker: Mosquitto) -> None:
    endpoint = alarm_broker.probe()
    assert endpoint.credentials is not None
    session = Session(replace(endpoint, credentials=replace(endpoint.credentials, password="new")), "box-1")
    async with started(session) as tasks:
        await until(lambda: session.fault is not None)
        assert session.fault == "the broker refused the log-in: Not authorized (0x87)"
        assert not session.connected
        with pytest.raises(NotConnectedError):
            await session.publish("a", b"")
        assert not tasks[0].done()
        passwords = alarm_broker.trust.authority.broker_folder("alarm") / "probe.passwd"
        passwords.write_text(render_password("probe", "new", b"salt" * 3))
        alarm_broker.stop()
        alarm_broker.start()
        session.renew()
        await connected(session)
        assert session.fault is None


async def test_more_publishes_than_the_broker_takes_at_once_wait_their_turn(tmp_path: Path, trust: Trust) -> None:
    """Mosquitto announces its max_inflight_messages as Receive Maximum and throws out who exceeds it."""
    broker = Mosquitto(tmp_path, "narrow", trust, "telemetry", probes=True, limits={"inflight_messages": 3})
    broker.start()
    try:
        inbox = Inbox()
        session = listener(broker.probe(), inbox, "a")
        async with running(session):
            bodies = [str(number).encode() for number in range(500)]
            await asyncio.gather(*(session.publish("a", body, timeout_s=60.0) for body in bodies))
            assert await inbox.bodies(500) == bodies
            assert session.connects == 1
    finally:
        broker.stop()


async def test_a_body_beyond_the_brokers_limit_does_not_kill_the_session(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = listener(alarm_broker.probe(), inbox, "a")
    async with running(session):
        with pytest.raises(LinkError):
            await session.publish("a", b"x" * (2 * MAX_ALARM_BYTES + 1), timeout_s=60.0)
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

    session = Session(alarm_broker.probe(), "box-1", subscriptions=("a",), on_message=choke, on_connect=fail)
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

    session = Session(alarm_broker.probe(), "box-1", subscriptions=("a",), on_message=answer)
    async with running(session):
        await session.publish("a", b"question")
        assert await inbox.bodies(2) == [b"question", b"answer"]
        await asyncio.gather(*spawned)
        with pytest.raises(PublishTimeoutError):
            await asyncio.gather(session.publish("a", b"drop it"), session.publish("a", b"and this"))
        await connected(session)
        assert session.connects == 2


async def test_two_clients_with_one_name_are_told_and_do_not_chase_each_other(alarm_broker: Mosquitto) -> None:
    one, other = (Session(alarm_broker.device("box-1"), "box-1") for _ in range(2))
    async with started(one, other):
        await until(lambda: one.fault is not None and other.fault is not None)
        assert one.fault == other.fault
        assert "does another client use the name box-1?" in str(one.fault)
        before = one.connects + other.connects
        await asyncio.wait((asyncio.create_task(asyncio.Event().wait(), name="never"),), timeout=0.5)
        assert one.connects + other.connects - before <= 6


async def test_a_task_group_that_is_cancelled_ends_a_session_at_once(alarm_broker: Mosquitto) -> None:
    session = box(alarm_broker)

    async def process() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(session.run(), name="session")
            await connected(session)
            raise ConnectionError("something else failed")

    start = time.monotonic()
    with pytest.raises(ExceptionGroup) as caught:
        await process()
    assert time.monotonic() - start < 10.0
    assert caught.group_contains(ConnectionError)
    assert not session.connected


async def test_a_publish_that_is_cancelled_harms_nothing(alarm_broker: Mosquitto) -> None:
    inbox = Inbox()
    session = listener(alarm_broker.probe(), inbox, "a")
    async with running(session):
        publishing = asyncio.create_task(session.publish("a", b"1"), name="publishing")
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await session.publish("a", b"2")
        assert await inbox.bodies(2) == [b"1", b"2"]


@pytest.mark.parametrize("topic", ["", "a/+/b", "#"])
async def test_a_topic_that_cannot_be_published_is_the_callers_error(alarm_broker: Mosquitto, topic: str) -> None:
    session = box(alarm_broker)
    async with running(session):
        with pytest.raises(ValueError, match=r".+"):
            await session.publish(topic, b"")
        await session.publish(REPORT, b"", allow_no_subscriber=True)
        assert session.connects == 1


def test_it_runs_on_uvloop_too(alarm_broker: Mosquitto) -> None:
    async def talk() -> None:
        inbox = Inbox()
        session = listener(
            alarm_broker.probe(), inbox, "a", birth=lambda: Outgoing("a", b"born"), will=Outgoing("a", b"")
        )
        async with running(session):
            session.renew()
            await connected(session)
            await session.publish("a", b"1")
            assert (await inbox.bodies(3))[-1] == b"1"
        with pytest.raises(NotConnectedError):
            await session.publish("a", b"2")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop, debug=True) as runner:
        runner.run(talk())
