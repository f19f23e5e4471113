"""What callers told and what notes say does not reach those who may see and no more, on any way there is."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from typing import Any, Final

import httpx
import pytest

from contract import topics
from duty_desk.access.changes import Changes
from duty_desk.access.roles import MAY, ROLES
from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import ErasedEntry
from duty_desk.incidents.records import Record
from tests.duty_desk.access.conftest import Inside, headers, until
from tests.duty_desk.access.test_routes import STREAMS, routes
from tests.duty_desk.conftest import NAMES, press_body

SECRETS: Final = ("Penelepon Rahasia", "Alamat Rahasia", "Kata Rahasia", "Catatan Rahasia", "Tindakan Rahasia")


@pytest.fixture
async def incident_id(inside: Inside) -> Any:
    """Return an incident of a call with a caller, an address and notes, all of them secret."""
    call = {
        "key": str(uuid.uuid4()), "origin": "call", "category": "fire",
        "caller": SECRETS[0], "address": SECRETS[1], "note": SECRETS[2],
    }  # fmt: skip
    async with inside.client() as client:

        async def post(path: str, body: dict[str, str], who: str) -> Any:
            answer = await client.post(path, headers=headers(who), content=json.dumps(body))
            assert answer.status_code == 200, answer.text
            return answer.json()["incident"]

        made = await post("/api/incidents", call, "operator-1")
        for verb, note in (("note", SECRETS[3]), ("accept", SECRETS[4])):
            await post(f"/api/incidents/{made['id']}/{verb}", {"note": note}, "petugas-1")
    # The desk tells all of it again once it has read its ledger, and writes only then.
    inside.desk.adopt(Board(), 1, "0")
    await until(lambda: not inside.desk.ledger.waiting())
    return made["id"]


def told(text: str) -> set[str]:
    """Return the secrets that a text holds, however its JSON is written."""
    return {secret for secret in SECRETS if secret in text}


async def stream(inside: Inside, sent: dict[str, str]) -> str:
    """Return what a stream begins with, which ends 0.2 s after its first event."""
    parts: list[bytes] = []
    begun = asyncio.Event()

    async def receive() -> Any:
        await begun.wait()
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))
        if b"data:" in b"".join(parts):
            begun.set()

    raw = [(name.encode(), value.encode()) for name, value in (sent | {"host": "localhost"}).items()]
    scope = {
        "type": "http", "method": "GET", "path": "/api/events", "raw_path": b"/api/events", "query_string": b"",
        "headers": raw, "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    async with asyncio.timeout(15):
        await inside.app(scope, receive, send)
    return b"".join(parts).decode()


async def test_no_route_tells_a_viewer_or_another_system_what_people_told(inside: Inside, incident_id: str) -> None:
    with Changes(inside.config.accounts, "test", lambda _record: None) as changes:
        token = changes.add_token("walls")
    await until(lambda: inside.door.by_bearer(token) is not None)
    asked = [
        re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", incident_id, path)
        for method, path, permission, _page in routes(inside)
        if method == "GET" and permission == "see" and path not in STREAMS
    ]
    assert f"/api/incidents/{incident_id}/timeline" in asked
    async with inside.client() as client:
        for sent in (headers("tamu-1"), {"authorization": f"Bearer {token}"}):
            for path in asked:
                assert not told((await client.get(path, headers=sent)).text), path
            text = (await client.get("/api/state", headers=sent)).text
            # That there is a call and two notes, and by whom, is told.
            assert json.loads(text)["incidents"][0]["call"]["taken_by"] == "Operator 112"
            assert [note["officer"] for note in json.loads(text)["incidents"][0]["notes"]] == ["Petugas 1"] * 2
            lines = (await client.get(f"/api/incidents/{incident_id}/timeline", headers=sent)).json()["lines"]
            assert {"call", "note", "accept"} <= {line["kind"] for line in lines}


async def test_whoever_may_see_the_archive_reads_what_people_told(inside: Inside, incident_id: str) -> None:
    assert {role for role in ROLES if "archive" not in MAY[role]} == {"viewer"}
    async with inside.client() as client:
        for role in set(ROLES) - {"viewer"}:
            sent = headers(NAMES[role][0])
            assert told((await client.get("/api/state", headers=sent)).text) == set(SECRETS), role
            timeline: httpx.Response = await client.get(f"/api/incidents/{incident_id}/timeline", headers=sent)
            assert told(timeline.text) == set(SECRETS), role
            assert told(await stream(inside, sent)) == set(SECRETS), role


async def test_the_stream_of_a_viewer_is_veiled_in_snapshots_in_events_and_in_what_it_missed(
    inside: Inside, incident_id: str
) -> None:
    viewer, officer = headers("tamu-1"), headers("petugas-1")
    snapshot = await stream(inside, viewer)
    assert "event: snapshot" in snapshot
    assert incident_id in snapshot
    assert not told(snapshot)
    missed = {"last-event-id": f"{inside.desk.push.run}-0"}
    assert told(await stream(inside, officer | missed)) == set(SECRETS)
    events = await stream(inside, viewer | missed)
    assert events.count("event: incident") >= 3
    assert not told(events)


async def test_what_nobody_told_is_encoded_once_for_all(inside: Inside) -> None:
    push = inside.desk.push
    inside.desk.hear("alarm", topics.alarm("box-1"), press_body(), retained=False)
    events = [whole for whole, veiled in push._kept._events if veiled is whole]
    assert any(b"event: incident" in event for event in events)


async def test_what_was_erased_is_given_to_no_page_that_comes_back(inside: Inside, incident_id: str) -> None:
    entry = ErasedEntry(
        at_ns=1, incident_id=incident_id, fields=("caller", "address", "note"), who="0" * 64, why="0" * 64
    )
    officer, run = headers("petugas-1"), inside.desk.push.run
    assert told(await stream(inside, officer | {"last-event-id": f"{run}-0"})) == set(SECRETS)
    inside.desk.others([Record(entry)])
    for missed in ({}, {"last-event-id": f"{run}-0"}):
        assert not told(await stream(inside, officer | missed))
