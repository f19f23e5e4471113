"""The file of reports: first and last of an hour, in any order, bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collector.books import HOUR_NS, Mark
from collector.books_file import BooksError, BooksFile, read_devices, read_marks

T0_NS = 500_000 * HOUR_NS


def _mark(minute: int, *, waiting: int = 0, stream: str = "a") -> Mark:
    produced = minute * 60
    at_ns = T0_NS + minute * 60 * 10**9
    return Mark(at_ns, stream, "", True, produced, produced - waiting, waiting, 0, waiting)


def _kept(path: Path, since_hour: int = 0) -> list[tuple[int, int]]:
    return [((one.timestamp_ns - T0_NS) // (60 * 10**9), one.backlog) for one in read_marks(path, "box-1", since_hour)]


def test_of_an_hour_the_first_and_the_last_are_kept_in_whatever_order_they_come(tmp_path: Path) -> None:
    path = tmp_path / "new" / "books.db"
    file = BooksFile(path)
    for minute in (5, 59, 5, 30, 1, 61, 58):
        file.add([("box-1", _mark(minute)), ("box-2", _mark(minute))])
    file.close()
    assert _kept(path) == [(1, 0), (59, 0), (61, 0)]
    assert read_devices(path) == ["box-1", "box-2"]


def test_the_last_before_the_asked_hours_is_given_as_well(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    file = BooksFile(path)
    file.add([("box-1", _mark(minute)) for minute in range(0, 300, 10)])
    file.close()
    assert [minute for minute, _ in _kept(path, 500_003)] == [170, 180, 230, 240, 290]
    assert [minute for minute, _ in _kept(path, 500_005)] == [290]
    assert read_marks(path, "box-9", 0) == []


def test_the_backlog_is_what_waits_beyond_two_minutes_and_the_least_of_the_hour(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    file = BooksFile(path)
    file.add([("box-1", _mark(minute, waiting=waiting)) for minute, waiting in enumerate((500, 500, 500, 150, 400))])
    assert _kept(path) == [(0, 30), (4, 30)]
    file.add([("box-1", replace(_mark(5, waiting=90), stream="b"))])
    file.close()
    assert _kept(path)[-1] == (5, 90), "a new stream produced nothing before"


def test_old_hours_go_and_there_is_a_most(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    file = BooksFile(path, max_rows=50)
    for hour in range(0, 2_000, 10):
        file.add([("box-1", _mark(hour * 60))])
    assert len(read_marks(path, "box-1", 0)) == 50
    for hour in range(5_000, 5_003):
        file.add([(f"box-{number}", _mark(hour * 60)) for number in range(40)])
    file.close()
    devices = read_devices(path)
    assert len(devices) == 40
    assert sum(len(read_marks(path, device, 0)) for device in devices) <= 80


def test_reports_are_kept_for_forty_days(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    file = BooksFile(path)
    for hour in range(0, 2_001, 240):
        file.add([("box-1", _mark(hour * 60))])
    file.close()
    assert [minute // 60 for minute, _ in _kept(path)] == [960, 1_200, 1_440, 1_680, 1_920]


def test_a_file_that_is_none_is_an_error_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    assert read_devices(tmp_path / "nowhere") == []
    (tmp_path / "junk").write_bytes(b"junk" * 999)
    with pytest.raises(BooksError):
        BooksFile(tmp_path / "junk").add([("box-1", _mark(1))])
    with pytest.raises(BooksError):
        read_devices(tmp_path / "junk")
