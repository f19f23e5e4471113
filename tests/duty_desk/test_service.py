"""The desk as a process, between two real brokers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from contract import topics
from contract.identity import body_hash, new_event_id
from contract.messages import Status, encode
from siaga.stack.process import Process
from tests.duty_desk.conftest import Desk, box, events_request, press_body

pytestmark = pytest.mark.slow


async def test_a_press_rings_is_recorded_and_its_lamp_follows_the_officer(desk: Desk) -> None:
    event_id = new_event_id()
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=event_id))
        await street.receipt("ringing", event_id=event_id)
        stored = await street.receipt("stored", event_id=event_id)
        received = await street.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "received"})

        (incident,) = desk.incidents()
        assert (incident["state"], incident["address"]) == ("open", "Jl. Braga 10, depan Gedung Merdeka")
        assert stored["incident_id"] == incident["id"]
        path = f"/api/incidents/{incident['id']}"
        status, answer = desk.post(f"{path}/accept", {})
        assert (status, answer["incident"]["officer"]) == (200, "Petugas 1")
        accepted = await street.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "accepted"})

        status, _ = desk.post(f"{path}/close", {"note": "aman"})
        assert status == 200
        off = await street.wait(
            topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "off"} and body["version"] > accepted["version"]
        )
        assert received["version"] < accepted["version"] < off["version"]
        await street.wait(topics.INCIDENT, lambda body: body["state"] == "closed")
        states = [body["state"] for topic, body in street.received if topic == topics.INCIDENT]
        # Told again now and then, but never out of order.
        assert list(dict.fromkeys(states)) == ["open", "accepted", "resolved", "closed"]
        assert states == sorted(states, key=["open", "accepted", "resolved", "closed"].index)


async def test_both_brokers_get_receipts_lamps_heartbeat_and_one_the_inventory(desk: Desk) -> None:
    event_id = new_event_id()
    async with box(desk.alarm) as first, box(desk.telemetry) as second:
        await second.alarm(press_body(event_id=event_id))
        for side in (first, second):
            await side.receipt("stored", event_id=event_id)
            await side.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "received"})
            beat = await side.wait(topics.HEARTBEAT, lambda body: body["open_incidents"] == 1)
            assert beat["recording"] is True
        inventory = await second.wait(topics.INVENTORY)
        assert (inventory["version"], len(inventory["buttons"])) == (3, 3)
        # The same press on the other broker is the same press.
        await first.alarm(press_body(event_id=event_id))
        await first.wait(
            topics.alarm_receipt("box-1"),
            lambda _: sum(body["stage"] == "stored" for topic, body in first.received if "receipt" in topic) == 2,
        )
        (incident,) = desk.incidents()
        assert incident["presses"] == 1


async def test_a_birth_is_answered_with_the_lamps(desk: Desk) -> None:
    async with box(desk.alarm, "box-2") as street:
        birth = Status(device="box-2", lane="alarm", state="online", boot="1", software="0")
        await street.client.publish(topics.status("box-2", "alarm"), encode(birth), qos=1, retain=True)
        lamps = await street.wait(topics.lamp("box-2"))
        assert lamps["lamps"] == {"sos": "off"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"not json",
        b"[" * 8_000,
        b'{"a":' * 1_300,
        b'{"event_id": NaN}',
        b"x" * 9_000,
        b'{"device": "box-1", "device": "box-1"}',
        b"null",
    ],
    ids=["empty", "not utf-8", "not json", "deep list", "deep object", "NaN", "oversize", "duplicate key", "null"],
)
async def test_an_alarm_that_does_not_validate_rings_incomplete_once(desk: Desk, body: bytes) -> None:
    async with box(desk.alarm) as street:
        await street.alarm(body)
        await street.alarm(body)
        await street.receipt("stored", body_sha256=body_hash(body))
        await street.alarm(press_body("box-1", event_id=(last := new_event_id())))
        await street.receipt("stored", event_id=last)
        incomplete = [incident for incident in desk.incidents() if incident["incomplete"]]
        assert [(incident["presses"], incident["state"]) for incident in incomplete] == [(1, "open")]


async def test_an_incomplete_alarm_keeps_what_can_be_read_of_it(desk: Desk) -> None:
    event_id = new_event_id()
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=event_id, clock="sundial"))
        await street.receipt("stored", event_id=event_id)
        (incident,) = desk.incidents()
        assert (incident["button"], incident["incomplete"], incident["presses"]) == ("sos", True, 1)
        assert incident["rows"][0]["fault"].startswith("invalid: clock")
        await street.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "received"})


async def test_a_retained_alarm_is_not_taken_for_a_new_one(
    tmp_path_factory: pytest.TempPathFactory, desk: Desk
) -> None:
    desk.process.stop()
    async with box(desk.alarm) as street:
        await street.client.publish(topics.alarm("box-1"), press_body(), qos=1, retain=True)
        desk.start()
        await street.alarm(press_body("box-1", event_id=(last := new_event_id())))
        await street.receipt("stored", event_id=last)
    state = desk.get("/api/state")
    assert [incident["presses"] for incident in state["incidents"]] == [1]
    assert state["refused"] == {"retained alarm": 1}


async def test_it_rings_while_the_ledger_is_locked_and_the_receipt_follows_the_unlock(desk: Desk) -> None:
    """Fault 45."""
    lock = sqlite3.connect(desk.ledger, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        async with box(desk.alarm) as street:
            events = [new_event_id() for _ in range(3)]
            for event_id in events:
                await street.alarm(press_body(event_id=event_id))
                await street.receipt("ringing", event_id=event_id)
            (incident,) = desk.incidents()
            assert (incident["state"], incident["recorded"], incident["presses"]) == ("open", False, 3)
            assert desk.post(f"/api/incidents/{incident['id']}/accept", {})[0] == 200
            await street.wait(topics.HEARTBEAT, lambda body: body["recording"] is False)
            assert not [body for _, body in street.received if body.get("stage") == "stored"]
            street.received.clear()
            lock.execute("ROLLBACK")
            for event_id in events:
                await street.receipt("stored", event_id=event_id)
            await street.wait(topics.HEARTBEAT, lambda body: body["recording"] is True and "ledger_head" in body)
            _wait_recorded(desk)
    finally:
        lock.close()
    kinds = [json.loads(body)["kind"] for (body,) in _rows(desk)]
    assert [kind for kind in kinds if kind != "escalated"] == ["started", "press", "press", "press", "accept"]


async def test_killed_mid_incident_it_is_back_with_its_state(desk: Desk) -> None:
    """Fault 34."""
    event_id = new_event_id()
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=event_id))
        await street.receipt("stored", event_id=event_id)
        before = desk.incidents()
        desk.post(f"/api/incidents/{before[0]['id']}/accept", {})
        lamps = await street.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "accepted"})
        await street.wait(topics.HEARTBEAT, lambda body: body["ledger_head"] is not None)
        _wait_recorded(desk)
        desk.process.kill()
        # As a command is started; how long that takes on a clock is measured by `make bench-desk-restart`.
        desk.process = Process(desk.command("run"), name="desk", folder=desk.folder)
        desk.start()
        work = psutil.Process(desk.process.pid).cpu_times()
        assert work.user + work.system < 4
        (incident, *_) = desk.incidents()
        assert (incident["id"], incident["state"], incident["officer"]) == (before[0]["id"], "accepted", "Petugas 1")
        # A repeat is absorbed over the restart, a further press joins, and lamps go on rising.
        await street.alarm(press_body(event_id=event_id))
        await street.alarm(press_body(event_id=(third := new_event_id())))
        stored = await street.receipt("stored", event_id=third)
        assert stored["incident_id"] == before[0]["id"]
        assert desk.incidents()[0]["presses"] == 2
        later = await street.wait(topics.lamp("box-1"), lambda body: body["version"] > lamps["version"])
        assert later["lamps"] == {"sos": "accepted"}


async def test_a_ledger_locked_at_the_start_is_caught_up_with(desk: Desk) -> None:
    """What was known before is not known yet; a repeat may ring again, and never becomes a second row."""
    event_id = new_event_id()
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=event_id))
        await street.receipt("stored", event_id=event_id)
        desk.process.stop()
        lock = sqlite3.connect(desk.ledger, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        try:
            desk.start(recording=False)
            street.received.clear()
            await street.alarm(press_body(event_id=event_id))
            await street.alarm(press_body("box-1", "other", event_id=(new := new_event_id())))
            await street.receipt("ringing", event_id=new)
            lock.execute("ROLLBACK")
            await street.receipt("stored", event_id=event_id)
            await street.receipt("stored", event_id=new)
        finally:
            lock.close()
    presses = [entry["alarm"]["key"] for (body,) in _rows(desk) if (entry := json.loads(body))["kind"] == "press"]
    assert presses == [event_id, new]
    assert sorted(incident["button"] for incident in desk.incidents()) == ["other", "sos"]


async def test_it_stops_within_two_seconds_with_a_page_open(desk: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(events_request())
    await reader.readuntil(b"event: snapshot")
    started = time.monotonic()
    desk.process.request_stop()
    assert await asyncio.to_thread(desk.process.wait, 5) == 0
    assert time.monotonic() - started < 2
    writer.close()
    assert desk.process.returncode != -signal.SIGTERM


async def test_it_is_ready_and_rings_on_one_broker_while_the_other_is_dead(desk: Desk) -> None:
    desk.process.stop()
    desk.alarm.kill()
    desk.start()
    async with box(desk.telemetry) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
    assert desk.get("/healthz")["links"] == {"alarm": False, "telemetry": True}


async def test_fault_15_what_the_broker_refuses_the_desk_is_shown_until_it_is_mended(desk: Desk) -> None:
    acl = desk.alarm.trust.authority.broker_folder("alarm") / "centre.acl"
    whole = acl.read_text()
    async with box(desk.alarm) as street, box(desk.telemetry) as other_path:
        assert "topic write siaga/v1/down/+/alarm/receipt\n" in whole
        acl.write_text(whole.replace("topic write siaga/v1/down/+/alarm/receipt\n", ""))
        os.kill(desk.alarm.pid, signal.SIGHUP)
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await other_path.receipt("stored", event_id=event_id)
        faults = await _health(desk, lambda health: health["faults"])
        assert faults == {"alarm": "the broker refused siaga/v1/down/box-1/alarm/receipt: Not authorized (0x87)"}
        acl.write_text(whole)
        os.kill(desk.alarm.pid, signal.SIGHUP)
        await street.alarm(press_body(event_id=event_id))
        await street.receipt("stored", event_id=event_id)
        assert await _health(desk, lambda health: not health["faults"])


async def test_an_account_that_is_refused_is_told_and_the_other_broker_heard(desk: Desk) -> None:
    desk.process.stop()
    wrong = desk.folder / "wrong.password"
    wrong.write_text("x" * 43)
    wrong.chmod(0o600)
    own = desk.alarm.trust.authority.accounts / "desk.password"
    desk.config.write_text(desk.config.read_text().replace(str(own), str(wrong), 1))
    desk.start()
    async with box(desk.telemetry) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
    assert await _health(desk, lambda health: health["faults"]) == {
        "alarm": "the broker refused the log-in: Not authorized (0x87)"
    }
    assert desk.get("/healthz")["links"] == {"alarm": False, "telemetry": True}


async def _health(desk: Desk, look: Callable[[Any], Any]) -> Any:
    """Return what a look at the desk's health gives, once that is true."""
    async with asyncio.timeout(10):
        while not (seen := look(await asyncio.to_thread(desk.get, "/healthz"))):  # noqa: ASYNC110 - it is asked, it does not tell
            await asyncio.sleep(0.05)
    return seen


def _rows(desk: Desk) -> list[tuple[str]]:
    connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT body FROM entry ORDER BY sequence").fetchall()
    finally:
        connection.close()


def _wait_recorded(desk: Desk) -> None:
    deadline = time.monotonic() + 15
    while not all(incident["recorded"] for incident in desk.incidents()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
