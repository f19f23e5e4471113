"""Escalation, sirens and officers at a real desk between two real brokers."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.command import KIND
from contract.identity import new_event_id
from contract.messages import Command
from contract.signed import Document, canonical, load_verifying_keys, verify
from duty_desk.incidents.entries import EscalatedEntry, parse_entry
from provisioning.command_keys import desk_key_file, make_command_key, public_file
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.screens.listener import listening
from tests.warm import Warm

pytestmark = pytest.mark.slow

QUICK = """
[escalation]
sirens = ["box-2"]
steps = [
    { after_s = 0, rings = ["officer"] },
    { after_s = 1, rings = ["everyone"] },
    { after_s = 3, rings = ["siren"] },
    { after_s = 6, rings = ["supervisor"] },
]
"""


@pytest.fixture
def quick(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk with steps of seconds and a siren, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    make_command_key(alarm_broker.trust.authority)
    key = f'command_key = "{desk_key_file(alarm_broker.trust.folder)}"'
    running.config.write_text(f"{key}\n{running.config.read_text()}{QUICK}")
    running.start()
    yield running
    running.process.stop()


def steps(desk: Desk, incident_id: str) -> list[EscalatedEntry]:
    """Return the steps of an incident that are in the ledger."""
    connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
    try:
        entries = [parse_entry(body) for (body,) in connection.execute("SELECT body FROM entry ORDER BY sequence")]
    finally:
        connection.close()
    return [each for each in entries if isinstance(each, EscalatedEntry) and each.incident_id == incident_id]


async def test_it_climbs_sounds_the_siren_on_both_brokers_and_is_silent_at_the_answer(quick: Desk) -> None:
    async with (
        box(quick.alarm, "box-2") as siren,
        box(quick.telemetry, "box-2") as other,
        listening(quick.port) as page,
    ):
        for each in (siren, other):
            await each.client.subscribe(topics.command("box-2"), qos=1)
        await page.wait("snapshot")
        await siren.alarm(press_body("box-2", event_id=(event_id := new_event_id())))
        # The first that a page is told of a press already says who rings.
        first = await page.wait("incident", lambda told: told["rings"] == event_id)
        assert (first["incident"]["step"], first["incident"]["rings"]) == (0, ["officer"])
        second = await page.wait("incident", lambda told: told["incident"]["rings"] == ["officer", "everyone"])
        assert not second["incident"]["recorded"]  # it rings first
        keys = load_verifying_keys(public_file(quick.alarm.trust.folder).read_bytes())
        for each in (siren, other):
            envelope = await each.wait(topics.command("box-2"), lambda body: commanded(body)["on"])
            document = verify(canonical(envelope), keys, device="box-2", kind=KIND, newer_than=None)
            on = Command.model_validate(document.content)
            assert (on.command, on.seconds) == ("siren", 30)
            assert abs(on.expires_at_ns - time.time_ns()) < 15 * 10**9
        assert desk_state(quick)["rings"][:3] == ["officer", "everyone", "siren"]
        incident_id = first["incident"]["id"]
        assert quick.post(f"/api/incidents/{incident_id}/accept", {})[0] == 200
        answered = time.monotonic()
        for each in (siren, other):
            await each.wait(topics.command("box-2"), lambda body: is_off_after(body, document))
        assert time.monotonic() - answered < 3
        await siren.wait(topics.INCIDENT, lambda body: body["escalation_step"] == 2)
        messages = [body["escalation_step"] for topic, body in siren.received if topic == topics.INCIDENT]
        assert list(dict.fromkeys(messages))[:3] == [0, 1, 2]  # each 10 s the desk says again how it is
        assert quick.get("/healthz")["faults"] == {}
        # This box answered nothing: what would be silent in the street is on the pages.
        told = await page.wait("beat", lambda told: told["sirens"], timeout_s=10)
        assert told["sirens"] == {"box-2": "no answer"}
        assert quick.get("/healthz")["sirens"] == 1


async def test_fault_34_killed_mid_escalation_it_goes_on_where_it_was(quick: Desk) -> None:
    async with box(quick.alarm) as street:
        pressed = time.monotonic()
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
        await street.wait(topics.INCIDENT, lambda body: body["escalation_step"] == 1)
        (before,) = quick.incidents()
        while len(await asyncio.to_thread(steps, quick, before["id"])) < 2:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)
        quick.process.kill()
        quick.start()
        back_s = time.monotonic() - pressed
        back = desk_state(quick)
        assert back["unanswered_since_ms"] == before["unanswered_since_ms"]
        assert back["step"] >= 1
        await street.wait(topics.INCIDENT, lambda body: body["escalation_step"] == 3)
        while len(found := await asyncio.to_thread(steps, quick, before["id"])) < 4:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        assert [entry.step for entry in found] == [0, 1, 2, 3]
        assert 5.75 < (found[3].at_ns - found[0].at_ns) / 1e9 < max(6.0, back_s) + 2


async def test_with_no_screen_to_ring_all_steps_come_at_once_after_the_start(quick: Desk) -> None:
    """After the start everybody is taken to be there, as pages need a moment to come back; then nobody is."""
    await asyncio.sleep(8.5)  # it is the time after the start itself that is looked at
    async with box(quick.alarm) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        stored = await street.receipt("stored", event_id=event_id)
        await street.wait(topics.INCIDENT, lambda body: body["escalation_step"] == 2)
        while len(found := await asyncio.to_thread(steps, quick, stored["incident_id"])) < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        assert [entry.nobody for entry in found] == [None, ("officer",), ("everyone",)]
        assert found[2].at_ns - found[0].at_ns < 10**9, "at once by the desk's clock, and not after 3 s"


async def test_fault_38_of_two_officers_who_accept_at_once_one_has_it_and_the_other_is_told_who(desk: Desk) -> None:
    async with (
        box(desk.alarm) as street,
        listening(desk.port, page="a") as one,
        listening(desk.port, page="b", who="petugas-2") as two,
    ):
        for page in (one, two):
            await page.wait("snapshot")
        for number in range(10):
            await street.alarm(press_body("box-1", f"b{number}", event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
        with ThreadPoolExecutor(2) as pool:
            for incident in desk.incidents():
                began = time.monotonic()
                answers = list(pool.map(partial(accept, desk, incident["id"]), ("petugas-1", "petugas-2")))
                assert sorted(status for status, _ in answers) == [200, 409]
                ((_, won),) = [each for each in answers if each[0] == 200]
                ((_, lost),) = [each for each in answers if each[0] == 409]
                assert (lost["code"], lost["officer"]) == ("already_accepted", won["incident"]["officer"])
                for page in (one, two):
                    told = await page.wait("incident", partial(is_accepted, incident["id"]))
                    assert told["incident"]["officer"] == won["incident"]["officer"]
                assert time.monotonic() - began < 1


async def test_fault_13_a_frozen_alarm_broker_is_shown_within_20_s_and_presses_come_by_the_other(desk: Desk) -> None:
    async with listening(desk.port) as page, box(desk.telemetry) as street:
        await page.wait("beat", lambda told: told["links"] == {"alarm": True, "telemetry": True})
        page.events.clear()
        os.kill(desk.alarm.pid, signal.SIGSTOP)
        try:
            frozen = time.monotonic()
            await street.alarm(press_body(event_id=(event_id := new_event_id())))
            await street.receipt("stored", event_id=event_id)
            await page.wait("incident", lambda told: told["rings"] == event_id)
            await page.wait("beat", lambda told: not told["links"]["alarm"], timeout_s=20 - (time.monotonic() - frozen))
            assert desk.get("/healthz")["links"] == {"alarm": False, "telemetry": True}
            await street.alarm(press_body("box-1", "other", event_id=(event_id := new_event_id())))
            await street.receipt("stored", event_id=event_id)
            page.events.clear()  # both links stood in those of the first seconds, too
        finally:
            os.kill(desk.alarm.pid, signal.SIGCONT)
        await page.wait("beat", lambda told: told["links"] == {"alarm": True, "telemetry": True}, timeout_s=15)


async def test_faults_17_and_18_repeats_and_what_comes_out_of_order_change_nothing_backwards(desk: Desk) -> None:
    """The box repeats what no PUBACK told it of, by both brokers, and a late one may come last of all."""
    events = [new_event_id() for _ in range(3)]
    async with box(desk.alarm) as street, box(desk.telemetry) as other, listening(desk.port) as page:
        await page.wait("snapshot")
        for sequence in (3, 1, 2):
            body = press_body(event_id=events[sequence - 1], sequence=sequence, age_ms=(4 - sequence) * 1_000)
            for attempt in (street, street, other):
                await attempt.alarm(body)
        for event_id in events:
            await street.receipt("stored", event_id=event_id)
            await other.receipt("stored", event_id=event_id)
        (incident,) = desk.incidents()
        assert (incident["presses"], incident["unanswered"]) == (3, 3)
        path = f"/api/incidents/{incident['id']}"
        desk.post(f"{path}/accept", {})
        desk.post(f"{path}/close", {})
        # The first one again, long after all is over: nothing rings, nothing opens.
        street.received.clear()
        await street.alarm(press_body(event_id=events[0], sequence=1, attempt=9))
        await street.receipt("stored", event_id=events[0])
        (incident,) = desk.incidents()
        assert (incident["state"], incident["presses"]) == ("closed", 3)
        await page.wait("incident", lambda told: told["incident"]["state"] == "closed")
        told = [event.data for event in page.events if event.name == "incident"]
        assert sorted(filter(None, (each["rings"] for each in told))) == sorted(events)
        revisions = [each["incident"]["revision"] for each in told]
        assert revisions == sorted(set(revisions))
        states = [body["state"] for topic, body in other.received if topic == topics.INCIDENT]
        assert states == sorted(states, key=["open", "accepted", "resolved", "closed"].index)


def commanded(envelope: Any) -> dict[str, Any]:
    """Return what a command says."""
    content: dict[str, Any] = envelope["document"]["content"]
    return content


def is_off_after(envelope: Any, than: Document) -> bool:
    """Return whether a command is to be silent, signed after another."""
    return envelope["document"]["version"] > than.version and not commanded(envelope)["on"]


def desk_state(desk: Desk) -> dict[str, Any]:
    """Return the only incident."""
    (incident,) = desk.incidents()
    return incident


def accept(desk: Desk, incident_id: str, who: str) -> tuple[int, Any]:
    """Accept an incident."""
    return desk.post(f"/api/incidents/{incident_id}/accept", {}, who=who)


def is_accepted(incident_id: str, told: dict[str, Any]) -> bool:
    """Return whether an event tells that somebody has an incident."""
    incident = told["incident"]
    return incident["id"] == incident_id and incident["officer"] is not None
