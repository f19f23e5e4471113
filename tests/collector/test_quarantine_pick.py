"""Picking, trying again and removing what is quarantined."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from collector.quarantine import HOUR_NS, Entry, Quarantine, QuarantineError, Row
from collector.quarantine_pick import Pick, judge, remove, rows
from collector.quarantine_read import read_counts, read_hours
from collector.roster import Roster
from contract.identity import body_hash
from store.refusals import FIELD_TYPE
from tests.collector.batches import T0_NS, body, reading

NOW_NS = T0_NS + 10**9
SEEN_NS = time.time_ns()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a quarantine of four bodies of two devices."""
    quarantine = Quarantine(tmp_path / "quarantine.db")
    quarantine.add(
        [
            Entry(reason, "why", device, f"siaga/v1/up/{device}/telemetry", text, readings, SEEN_NS + place)
            for place, (reason, device, text, readings) in enumerate(
                [
                    ("not json", "box-1", b"{", 0),
                    ("future time", "box-1", body(readings=[reading(1), reading(2)]), 2),
                    (FIELD_TYPE, "box-2", b"position,device=box-2,sensor=s hdop=1.0 1", 1),
                    ("unknown kind", "box-2", body("box-2", readings=[reading(3), reading(kind="mood")]), 2),
                ]
            )
        ]
    )
    quarantine.close()
    return tmp_path / "quarantine.db"


def _found(path: Path, pick: Pick) -> list[str]:
    return [row.reason for row in rows(path, pick)]


def test_rows_are_picked_by_every_condition_that_is_given(path: Path) -> None:
    assert _found(path, Pick()) == ["not json", "future time", FIELD_TYPE, "unknown kind"]
    assert _found(path, Pick(device="box-2")) == [FIELD_TYPE, "unknown kind"]
    assert _found(path, Pick(device="box-2", reason="unknown kind")) == ["unknown kind"]
    assert _found(path, Pick(sha256=body_hash(b"{")[:6])) == ["not json"]
    assert _found(path, Pick(sha256="%_%")) == []
    assert _found(path, Pick(before_ns=SEEN_NS + 1)) == ["not json"]
    assert [row.reason for row in rows(path, Pick(), limit=2)] == ["not json", "future time"]


def test_what_is_removed_while_it_is_read_is_passed_over(path: Path) -> None:
    found = rows(path, Pick())
    first = next(found)
    assert remove(path, list(rows(path, Pick(device="box-2"))), stored=False) == 2
    assert [first.reason, *(row.reason for row in found)] == ["not json", "future time"]
    assert remove(path, [first, first], stored=False) == 1


def test_only_what_is_stored_is_taken_off_the_account_of_its_hour(path: Path) -> None:
    hour = SEEN_NS // HOUR_NS
    assert read_hours(path, "box-1") == {hour: (2, 1)}
    assert read_hours(path, "box-2") == {hour: (3, 0)}
    remove(path, list(rows(path, Pick(device="box-1"))), stored=False)
    assert read_hours(path, "box-1") == {hour: (2, 1)}
    remove(path, list(rows(path, Pick(reason=FIELD_TYPE))), stored=True)
    assert read_hours(path, "box-2") == {hour: (2, 0)}
    assert sum(read_counts(path).values()) == 4, "what ever came stays counted"


def test_a_body_is_tried_by_todays_rules(path: Path) -> None:
    junk, ahead, line, partly = rows(path, Pick())
    roster = Roster()
    assert judge(junk, roster, NOW_NS).why_not is not None
    assert judge(junk, roster, NOW_NS).count == 0
    good = judge(ahead, roster, NOW_NS)
    assert (good.count, good.why_not, good.lines.count(b"\n")) == (2, None, 1)
    assert judge(ahead, roster, T0_NS - 2 * 86_400 * 10**9).why_not == "future time"
    assert judge(line, roster, NOW_NS).lines == line.body
    mixed = judge(partly, roster, NOW_NS)
    assert (mixed.count, mixed.why_not) == (1, "unknown kind: mood")


def test_a_body_of_which_only_the_start_was_kept_or_without_a_device_stays() -> None:
    row = Row("00", "oversize", "", "box-1", "siaga/v1/up/box-1/telemetry", b"ab", 5, 0, 1, 1, 1)
    assert judge(row, Roster(), NOW_NS).why_not == "only the first 2 of its 5 bytes were kept"
    row = Row("00", "unknown topic", "", "", "else/where", body(), len(body()), 0, 1, 1, 1)
    assert judge(row, Roster(), NOW_NS).why_not == "its topic names no device"


def test_a_missing_file_is_empty_and_one_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    assert list(rows(tmp_path / "nowhere", Pick())) == []
    (tmp_path / "junk").write_bytes(b"junk" * 500)
    with pytest.raises(QuarantineError):
        list(rows(tmp_path / "junk", Pick()))
    with pytest.raises(QuarantineError):
        remove(tmp_path / "junk", [], stored=False)
