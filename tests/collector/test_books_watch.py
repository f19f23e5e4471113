"""The watch over the books: what is short is told once, with its number, and forgotten when it is right."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from collector.books import HOUR_NS, Mark, Window
from collector.books_check import count, hours_of
from collector.books_file import FILE, BooksFile
from collector.books_watch import BooksWatch
from collector.config import Folders
from siaga.stack.influxdb import READER
from siaga.stack.ports import free_port
from store.influxdb1 import InfluxDB1
from tests.conftest import Database

pytestmark = pytest.mark.slow


def _books(folder: Path, devices: int) -> int:
    """Note an hour of 60 readings of each device, two hours ago; return when it began."""
    begin_ns = (time.time_ns() // HOUR_NS - 2) * HOUR_NS
    first = Mark(begin_ns, "a", "", True, 0, 0, 0, 0, 0)
    last = replace(first, timestamp_ns=begin_ns + HOUR_NS - 10**9, produced=60, receipted=60)
    later = replace(last, timestamp_ns=begin_ns + 2 * HOUR_NS - 10**9)
    file = BooksFile(folder / FILE)
    file.add([(f"box-{number}", one) for number in range(devices) for one in (first, last, later)])
    file.close()
    return begin_ns


async def test_what_is_missing_is_told_once_and_forgotten_when_it_has_come(
    influxdb: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin_ns = _books(tmp_path, 1)
    lines = [
        f'water_level,device=box-0,sensor=w level_m=1.0,clock="ntp" {begin_ns + n * 50 * 10**9}' for n in range(1, 61)
    ]
    reader = influxdb.store(READER)
    watch = BooksWatch(Folders(tmp_path), reader)
    async with influxdb.store() as store, reader:
        await store.write("\n".join(lines[:40]).encode())
        for _ in range(2):
            await watch.look()
        [told] = watch.told()
        assert "box-0: 20 readings are neither stored nor accounted for" in told
        assert [record.levelno for record in caplog.records] == [logging.ERROR], "once"
        await store.write("\n".join(lines).encode())
        await watch.look()
        assert watch.told() == ()


async def test_it_looks_a_quarter_past_each_hour_and_three_hours_back(influxdb: Database, tmp_path: Path) -> None:
    begin_ns = _books(tmp_path, 1)
    reader = influxdb.store(READER)
    now_ns = [begin_ns]
    watch = BooksWatch(Folders(tmp_path), reader, now_ns=lambda: now_ns[0])
    due_s = []
    for minute in (0, 14, 15, 59):
        now_ns[0] = begin_ns + minute * 60 * 10**9
        due_s.append(round(watch.due_in_s()))
    assert due_s == [15 * 60, 60, 3_600, 16 * 60]
    async with reader:
        for hours, told in ((2, 1), (5, 0)):
            now_ns[0] = begin_ns + hours * HOUR_NS
            await watch.look()
            assert len(watch.told()) == told, f"{hours} hours later"


async def test_what_is_missing_of_the_hour_that_runs_is_logged_once_while_that_hour_grows(
    influxdb: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin_ns = time.time_ns() // HOUR_NS * HOUR_NS
    first = Mark(begin_ns, "a", "", True, 0, 0, 0, 0, 0)
    file = BooksFile(tmp_path / FILE)
    reader = influxdb.store(READER)
    watch = BooksWatch(Folders(tmp_path), reader, now_ns=lambda: begin_ns)
    async with reader:
        for minute in (10, 20):
            newest = replace(first, timestamp_ns=begin_ns + minute * 60 * 10**9, produced=60, receipted=60)
            file.add([("box-0", first), ("box-0", newest)])
            await watch.look()
            assert "box-0: 60 readings are neither stored" in watch.told()[0]
    file.close()
    assert len(caplog.records) == 1


async def test_readings_near_a_report_are_counted_with_and_without(influxdb: Database) -> None:
    begin_ns, end_ns = 10**18, 10**18 + HOUR_NS
    told = Window(begin_ns, end_ns, 0, 0, 0, 0, 0, None, True)
    times = [edge_ns + by * 10**9 for edge_ns in (begin_ns, end_ns) for by in (-9, -2, 0, 2, 9)]
    lines = "\n".join(f'water_level,device=box-0,sensor=w level_m=1.0,clock="ntp" {at_ns}' for at_ns in times)
    async with influxdb.store() as store:
        await store.write(lines.encode())
        counts = [await count(store, "box-0", told, edge_s * 10**9) for edge_s in (-5, 0, 5)]
    assert counts == [2, 5, 8]


def test_refusals_belong_to_the_hours_that_end_in_a_window() -> None:
    def hours(begin: float, end: float) -> list[int]:
        window = Window(int(begin * HOUR_NS), int(end * HOUR_NS), 0, 0, 0, 0, 0, None, True)
        return list(hours_of(window))

    assert hours(4.99, 5.99) == [5]
    assert hours(2.99, 5.99) == [3, 4, 5]
    assert hours(5.01, 5.99) == [5]


async def test_many_faults_are_one_line_and_a_store_that_is_down_is_told(tmp_path: Path, influxdb: Database) -> None:
    _books(tmp_path, 5)
    reader = influxdb.store(READER)
    async with reader:
        watch = BooksWatch(Folders(tmp_path), reader)
        await watch.look()
    [told] = watch.told()
    assert told.count("60 readings are neither stored") == 3
    assert "and 2 more" in told
    down = InfluxDB1(f"http://127.0.0.1:{free_port()}", "siaga")
    async with down:
        watch = BooksWatch(Folders(tmp_path), down)
        await watch.look()
        assert "cannot be looked at" in watch.told()[0]
