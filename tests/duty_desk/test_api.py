"""The page's API: who may ask, what is refused, and how."""

from __future__ import annotations

import asyncio
import http.client

import pytest

from contract.identity import new_event_id
from duty_desk.service import BEAT_S
from tests.duty_desk.conftest import Desk, box, events_request, press_body, session_token

pytestmark = pytest.mark.slow


async def test_wrong_requests_are_answered_in_json_with_a_stable_code(desk: Desk) -> None:
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
    (incident,) = desk.incidents()
    own = f"/api/incidents/{incident['id']}"
    other = f"/api/incidents/{new_event_id()}"
    good: dict[str, object] = {}
    shown = {"key": event_id, "painted_ms": 1.5}
    rows = [
        (other, "accept", good, 404, "unknown_incident"),
        ("/api/incidents/42", "accept", good, 422, "invalid"),
        (own, "close", good, 409, "not_possible"),
        (own, "answer", good, 409, "not_possible"),
        (own, "accept", good | {"note": "a\u0007b"}, 422, "invalid"),
        (own, "accept", good | {"note": "x" * 2_001}, 422, "invalid"),
        (own, "accept", good | {"note": 7}, 422, "invalid"),
        (own, "accept", good | {"note": "\ud800"}, 422, "invalid"),
        (own, "accept", good | {"officer": "Petugas 2"}, 422, "invalid"),
        (own, "accept", good | {"admin": True}, 422, "invalid"),
        (own, "accept", [], 422, "invalid"),
        (own, "accept", good | {"note": "x" * 1_000_000}, 413, "too_large"),
        (own, "shown", shown | {"key": "other"}, 404, "unknown_incident"),
        (own, "shown", shown | {"painted_ms": -1}, 422, "invalid"),
        (own, "nothing", good, 404, "not_found"),
    ]
    for path, verb, body, status, code in rows:
        answered, fault = desk.post(f"{path}/{verb}", body)
        assert (answered, fault["code"]) == (status, code), (verb, str(body)[:80])
        assert fault["text"]
    assert desk.post(f"{own}/accept", good)[0] == 200
    status, fault = desk.post(f"{own}/accept", {}, who="petugas-2")
    assert (status, fault["code"], fault["officer"]) == (409, "already_accepted", "Petugas 1")


async def test_foreign_pages_and_names_are_refused(desk: Desk) -> None:
    path = f"/api/incidents/{new_event_id()}/accept"
    good: dict[str, object] = {}
    assert desk.post(path, good, origin="https://evil.example")[1]["code"] == "foreign_origin"
    assert desk.post(path, good, origin="null")[1]["code"] == "foreign_origin"
    assert desk.post(path, good, sec_fetch_site="cross-site")[1]["code"] == "foreign_origin"
    assert desk.post(path, good, content_type="text/plain")[1]["code"] == "not_json"
    assert desk.post(path, good, host="evil.example")[1]["code"] == "unknown_host"
    assert desk.post(path, good, origin=desk.url)[1]["code"] == "unknown_incident"
    assert desk.request("GET", "/api/state", host=f"evil.example:{desk.port}")[1]["code"] == "unknown_host"
    assert desk.request("GET", "/photos/..%2Fdesk.toml")[1]["code"] in ("invalid", "not_found")
    assert desk.request("GET", "/photos/other.png")[1]["code"] == "not_found"
    assert desk.request("GET", "/static/..%2f..%2fapi.py")[0] == 404


async def test_each_answer_carries_the_security_headers(desk: Desk) -> None:
    for path in ("/", "/static/console.js", "/api/state", "/photos/braga.svg", "/nothing", "/healthz"):
        connection = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=15)
        connection.request("GET", path, headers={"cookie": f"siaga={session_token('petugas-1')}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        policy = answer.getheader("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.getheader("x-content-type-options") == "nosniff"
        assert answer.getheader("x-frame-options") == "DENY"


async def test_the_stream_begins_with_a_snapshot_and_rings_at_once(desk: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(events_request())
    async with asyncio.timeout(15):
        await reader.readuntil(b"event: snapshot\nid: ")
        async with box(desk.alarm) as street:
            await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await reader.readuntil(b"event: incident\nid: ")
        assert f'"rings":"{event_id}"'.encode() in await reader.readuntil(b"\n\n")
    # It speaks at least every 3 s even when nothing happens.
    async with asyncio.timeout(BEAT_S + 5):
        await reader.readuntil(b"event: beat\n")
    writer.close()
