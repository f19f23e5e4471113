"""What the ledger tells of the last eight days on duty, out of however many."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.identity import new_event_id
from duty_desk.duty import past
from duty_desk.duty.past import SPAN_NS, read_past
from duty_desk.duty.records import duty_record
from duty_desk.incidents.entries import DutyEntry, StartedEntry
from duty_desk.incidents.records import Record
from duty_desk.ledger.writer import append_now
from tests.duty_desk.duty.night import page
from tests.duty_desk.duty.rosters import ns

NOW = ns("2026-12-20 08:00")
HOUR = 3_600 * 10**9


@pytest.mark.slow
def test_the_last_eight_days_are_told_in_order_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.db"
    assert read_past(ledger, NOW) == []
    hours = [NOW - ago * HOUR for ago in range(396, 0, -4)]
    records: list[Record] = []
    for at_ns in hours:
        records.append(Record(StartedEntry(at_ns=at_ns, desk="desk", software="0")))
        records.append(duty_record("shift_began", at_ns=at_ns, subject="petugas-1", detail="Malam"))
        records.append(page("petugas-1", "sms", "answered", at_ns, incident_id=new_event_id()))
    append_now(ledger, *records)
    told = read_past(ledger, NOW)
    assert {each.entry.kind for each in told} == {"duty", "page"}
    times = [each.entry.at_ns for each in told]
    assert times == sorted(times)
    assert set(times) == {at_ns for at_ns in hours if at_ns >= NOW - SPAN_NS}
    assert {each.text("subject") for each in told if isinstance(each.entry, DutyEntry)} == {"petugas-1"}
    monkeypatch.setattr(past, "MAX_RECORDS", 10)
    assert [each.entry.at_ns for each in read_past(ledger, NOW)] == times[-10:]
