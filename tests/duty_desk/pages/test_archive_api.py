"""Past incidents over HTTP: what was, what is not recorded yet, and what happens when the ledger cannot be read."""

from __future__ import annotations

import csv
import io
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from contract.identity import new_event_id
from duty_desk.incidents.board import MAX_ENDED
from tests.duty_desk.conftest import Desk, box, press_body, session_headers
from tests.duty_desk.pages.conftest import act, take_call

pytestmark = pytest.mark.slow

HIDDEN = "=cmd|' /C calc'!A0"


def found(desk: Desk, *, who: str = "operator-1", **query: Any) -> Any:
    """Search the archive."""
    status, answer = desk.request("GET", f"/api/archive?{urlencode(query, doseq=True)}", who=who)
    assert status == 200, answer
    return answer


def timeline(desk: Desk, incident_id: str, *, who: str = "petugas-1") -> tuple[int, Any]:
    """Return status and answer of a timeline."""
    return desk.request("GET", f"/api/incidents/{incident_id}/timeline", who=who)


def until(ask: Callable[[], Any]) -> Any:
    """Ask until the answer is true, for 15 s at most; the ledger commits behind what is done."""
    deadline = time.monotonic() + 15
    while not (answer := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer


def recorded(desk: Desk, incident_id: str, kinds: list[str]) -> Any:
    """Wait until a timeline has these kinds, all recorded, and return it; what escalates beside is left out."""

    def whole() -> Any:
        answer = timeline(desk, incident_id)[1]
        answer["lines"] = [line for line in answer["lines"] if line["kind"] != "escalated"]
        told = [line["kind"] for line in answer["lines"]]
        done = told == kinds and all(line["sequence"] is not None for line in answer["lines"])
        return answer if done else None

    return until(whole)


async def test_a_timeline_tells_each_row_and_what_the_ledger_does_not_have_yet(desk: Desk) -> None:
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id()), age_ms=1_500))
        await street.receipt("stored", event_id=event_id)
        (incident,) = desk.incidents()
        act(desk, incident["id"], "accept", note="ke sana")
        press, accept = recorded(desk, incident["id"], ["press", "accept"])["lines"]
        assert (press["key"], press["lane"], press["device_clock"], press["age_ms"]) == (
            event_id,
            "alarm",
            "ntp",
            1_500,
        )
        assert press["hop_ms"] == 1_500
        assert (accept["who"], accept["screen"], accept["text"]) == ("Petugas 1", "Layar 1", "ke sana")
        with sqlite3.connect(desk.ledger, isolation_level=None) as lock:
            lock.execute("BEGIN IMMEDIATE")
            act(desk, incident["id"], "note", who="operator-1", note="penelepon kedua")
            last = timeline(desk, incident["id"])[1]["lines"][-1]
            assert (last["kind"], last["sequence"], last["text"]) == ("note", None, "penelepon kedua")
            lock.execute("ROLLBACK")
        told = recorded(desk, incident["id"], ["press", "accept", "note"])
        assert told["incident"]["state"] == "accepted"
        assert told["incident"]["accept_ms"] == pytest.approx(accept["at_ms"] - press["at_ms"], abs=1)
    # The button's address stands in the inventory alone.
    (one,) = found(desk, text="gedung MERDEKA")["incidents"]
    assert one["address"] == "Jl. Braga 10, depan Gedung Merdeka"
    assert (one["device"], one["device_label"]) == ("box-1", "Kotak Braga")


def test_incidents_are_found_paged_and_told_with_their_times(desk: Desk) -> None:
    calls = [take_call(desk, number, address=f"Jalan Braga {number}") for number in range(1, 6)]
    ids = [call["id"] for call in calls]
    act(desk, ids[0], "accept")
    act(desk, ids[0], "depart")
    act(desk, ids[0], "close", note="selesai di Cihampelas")
    act(desk, ids[1], "cancel", reason="duplicate")
    until(lambda: len(found(desk, state=["closed", "cancelled"])["incidents"]) == 2)
    seen: list[str] = []
    after: str | None = None
    while True:
        answer = found(desk, limit=2, **({} if after is None else {"after": after}))
        seen += [one["id"] for one in answer["incidents"]]
        assert len(answer["incidents"]) <= 2
        after = answer["after"]
        if after is None:
            break
    assert seen == ids[::-1]
    (closed,) = found(desk, state="closed")["incidents"]
    assert (closed["officer"], closed["address"], closed["category"]) == ("Petugas 1", "Jalan Braga 1", "accident")
    assert closed["accept_ms"] == pytest.approx(closed["accepted_at_ms"] - closed["received_at_ms"], abs=1)
    assert 0 <= closed["depart_ms"] <= closed["resolve_ms"]
    (cancelled,) = found(desk, state="cancelled")["incidents"]
    assert (cancelled["reason"], cancelled["accept_ms"]) == ("duplicate", None)
    assert [one["id"] for one in found(desk, text="cihampelas")["incidents"]] == [ids[0]]
    assert [one["id"] for one in found(desk, officer="Petugas 1")["incidents"]] == [ids[1], ids[0]]
    # Midnight may come while they are taken.
    first, *_, last = (time.strftime("%Y-%m-%d", time.gmtime(call["opened_at_ms"] / 1e3 + 7 * 3_600)) for call in calls)
    for query in ({"from": first}, {"to": last}, {"origin": "call", "status": "Actual"}):
        assert len(found(desk, **query)["incidents"]) == 5
    for query in ({"to": "2020-01-01"}, {"origin": "press"}, {"status": "Test"}, {"text": "tidak ada"}):
        assert found(desk, **query)["incidents"] == []


def test_what_cannot_be_asked_is_refused_with_what_was_expected(desk: Desk) -> None:
    queries = ["from=kemarin", "from=0001-01-01", "to=9999-12-31", "after=1-x", "limit=0", "state=asleep"]
    for query in [*queries, "text=" + 101 * "x", "officer=" + 81 * "x"]:
        status, answer = desk.request("GET", f"/api/archive?{query}", who="operator-1")
        assert (status, answer["code"]) == (422, "invalid")
        assert query.partition("=")[0] in answer["text"]


def test_the_csv_is_safe_in_a_spreadsheet_and_who_took_it_is_recorded(desk: Desk) -> None:
    one = take_call(desk, 1, address=HIDDEN)
    recorded(desk, one["id"], ["call"])
    assert desk.request("GET", "/api/archive.csv", who="operator-1")[1]["code"] == "wrong_role"
    request = urllib.request.Request(desk.url + "/api/archive.csv?origin=call")
    for name, value in session_headers("pengawas-1").items():
        request.add_header(name.replace("_", "-"), value)
    with urllib.request.urlopen(request, timeout=15) as answer:
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith('attachment; filename="siaga-')
        body = answer.read()
    assert body.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    assert (row["id"], row["address"]) == (one["id"], "'" + HIDDEN)

    def exports() -> list[Any]:
        with sqlite3.connect(desk.ledger) as ledger:
            query = "SELECT entry.body FROM entry JOIN aside USING (sequence) WHERE aside.text = 'Pengawas 1'"
            return [body for (body,) in ledger.execute(query) if '"what":"exported"' in body]

    assert len(until(exports)) == 1


def test_notes_come_to_incidents_that_left_memory_and_their_timeline_needs_the_archive(desk: Desk) -> None:
    old = take_call(desk, 1)
    act(desk, old["id"], "cancel", reason="test")
    for number in range(2, MAX_ENDED + 2):
        act(desk, take_call(desk, number)["id"], "cancel", reason="test")
    assert old["id"] not in [one["id"] for one in desk.incidents()]
    recorded(desk, old["id"], ["call", "cancel"])
    status, answer = desk.post(f"/api/archive/{old['id']}/note", {"note": "<b>diperiksa</b>"}, who="pengawas-1")
    assert (status, answer["line"]["text"]) == (200, "<b>diperiksa</b>")
    told = recorded(desk, old["id"], ["call", "cancel", "note"])
    assert told["lines"][-1]["who"] == "Pengawas 1"
    assert timeline(desk, old["id"], who="tamu-1")[0] == 404
    assert desk.post(f"/api/archive/{new_event_id()}/note", {"note": "x"})[1]["code"] == "unknown_incident"
    # Its report sent once more makes no second incident.
    body = {"key": old["rows"][0]["key"], "category": "fire", "address": "X"}
    assert desk.post("/api/incidents", body)[1]["code"] == "already_reported"


async def test_an_unreadable_ledger_is_said_and_the_rest_of_the_desk_works(desk: Desk) -> None:
    one = take_call(desk, 1)
    recorded(desk, one["id"], ["call"])
    desk.ledger.rename(desk.folder / "elsewhere.db")
    desk.ledger.mkdir()
    status, answer = desk.request("GET", "/api/archive")
    assert (status, answer["code"]) == (503, "ledger_unreadable")
    status, answer = desk.request("GET", "/api/archive.csv", who="pengawas-1")
    assert (status, answer["code"]) == (503, "ledger_unreadable")
    status, answer = timeline(desk, one["id"])
    assert (status, answer["incident"]) == (200, None)
    assert answer["ledger_fault"]
    assert (answer["lines"][0]["kind"], answer["lines"][0]["address"]) == ("call", "Jalan Lengkong 4")
    assert timeline(desk, new_event_id())[1]["code"] == "ledger_unreadable"
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("ringing", event_id=event_id)
    act(desk, one["id"], "accept")
