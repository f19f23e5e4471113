"""The quarantine's file: once a body, with its reason, bounded, and on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collector.quarantine import Entry, Quarantine, QuarantineError
from collector.quarantine_read import read_counts, read_rows
from contract.batch import MAX_BATCH_BYTES
from contract.identity import body_hash


def _entry(
    body: bytes, *, reason: str = "not json", device: str = "box-1", seen_ns: int = 1, detail: str = "d"
) -> Entry:
    return Entry(reason, detail, device, f"siaga/v1/up/{device}/telemetry", body, 0, seen_ns)


def test_a_body_is_one_row_however_often_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "quarantine.db"
    quarantine = Quarantine(path)
    assert quarantine.add([_entry(b"a", seen_ns=5)]) == 1
    assert quarantine.add([_entry(b"a", seen_ns=6), _entry(b"b", seen_ns=7), _entry(b"a", seen_ns=8)]) == 1
    quarantine.close()
    first, second = read_rows(path)
    assert (first.sha256, first.reason, first.device, first.body) == (body_hash(b"a"), "not json", "box-1", b"a")
    assert (first.count, first.first_seen_ns, first.last_seen_ns) == (3, 5, 8)
    assert (second.body, second.count) == (b"b", 1)
    assert read_counts(path) == {"not json": 2}


def test_it_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    for body in (b"a", b"b", b"a"):
        quarantine = Quarantine(path)
        quarantine.add([_entry(body, seen_ns=body[0])])
        quarantine.close()
    assert [row.count for row in read_rows(path)] == [2, 1]


def test_one_device_cannot_push_out_the_others(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    quarantine = Quarantine(path, max_rows=10, max_rows_a_device=6)
    quarantine.add([_entry(b"%d" % number) for number in range(20)])
    quarantine.add([_entry(b"x%d" % number, device="box-2", reason="oversize") for number in range(20)])
    quarantine.add([_entry(b"0", seen_ns=99)])
    quarantine.close()
    rows = read_rows(path)
    assert sum(row.device == "box-1" for row in rows) == 6
    assert sum(row.device == "box-2" for row in rows) == 4
    assert max(row.last_seen_ns for row in rows) == 99, "a repeat of a kept body is seen even when it is full"
    assert read_counts(path) == {"not json": 20, "oversize": 20}, "what is not kept is counted"


def test_its_bytes_are_bounded_and_of_one_device_more_so(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    quarantine = Quarantine(path, max_bytes=800_000)
    quarantine.add([_entry(b"%02d" % number * 10_000) for number in range(10)])
    for device in range(60):
        quarantine.add([_entry(b"%02d" % device * 9_000, device=f"box-{device + 2}")])
    quarantine.close()
    rows = read_rows(path)
    assert sum(row.device == "box-1" for row in rows) == 5
    assert 30 < len(rows) < 45
    assert path.stat().st_size <= 800_000
    assert read_counts(path) == {"not json": 70}


def test_a_huge_body_is_kept_in_part_under_its_whole_hash(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    quarantine = Quarantine(path)
    huge = b"x" * (MAX_BATCH_BYTES + 1)
    quarantine.add([_entry(huge)])
    quarantine.close()
    (row,) = read_rows(path)
    assert (row.sha256, row.size_bytes, len(row.body)) == (body_hash(huge), len(huge), MAX_BATCH_BYTES)


def test_words_from_outside_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    quarantine = Quarantine(path)
    quarantine.add([_entry(b"a", detail="\ud800\x00'; DROP TABLE quarantine;" + "x" * 1_000)])
    quarantine.close()
    assert read_rows(path)[0].detail.startswith("?\x00'; DROP")


def test_a_file_that_is_no_database_is_an_error_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(QuarantineError):
        Quarantine(path).open()
    with pytest.raises(QuarantineError):
        read_rows(path)
    assert path.read_bytes().startswith(b"no database")


def test_nothing_of_a_failed_call_is_kept_and_it_recovers(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.db"
    quarantine = Quarantine(path)
    quarantine.open()
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON quarantine WHEN new.body = x'62' "
            "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    with pytest.raises(QuarantineError, match="disk is full"):
        quarantine.add([_entry(b"a"), _entry(b"b")])
    assert read_rows(path) == []
    assert read_counts(path) == {}
    assert quarantine.add([_entry(b"a")]) == 1
    quarantine.close()


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "quarantine.db") == []
    assert read_counts(tmp_path / "quarantine.db") == {}


def test_a_file_that_may_not_be_looked_at_is_told_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(QuarantineError, match="too long"):
        read_rows(tmp_path / ("x" * 300))
