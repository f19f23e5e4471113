"""The reports of all devices, as far as the books need them, on disk.

Rules:
- Of each device, hour and stream the first and the last report are kept, and the least backlog of those between.
- Reports may come late, twice or in any order: an older one changes nothing but the first.
- Bounded: 40 days, and at most `max_rows` rows; the oldest hours go first.

Every method blocks on the disk and belongs on a thread of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from collector.books import FRESH_S, HOUR_NS, Mark
from contract.errors import SiagaError

FILE: Final = "books.db"
MAX_ROWS: Final = 1_000_000
_KEPT_HOURS: Final = 40 * 24
_BUSY_TIMEOUT_S: Final = 5.0
_MAX_DEVICES: Final = 65_536

_MARK: Final = "{0}_ns, {0}_trusted, {0}_produced, {0}_receipted, {0}_waiting, {0}_dropped"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS marks (
    device TEXT NOT NULL,
    hour INTEGER NOT NULL,
    stream TEXT NOT NULL,
    previous_stream TEXT NOT NULL,
    first_ns INTEGER NOT NULL, first_trusted INTEGER NOT NULL, first_produced INTEGER NOT NULL,
    first_receipted INTEGER NOT NULL, first_waiting INTEGER NOT NULL, first_dropped INTEGER NOT NULL,
    last_ns INTEGER NOT NULL, last_trusted INTEGER NOT NULL, last_produced INTEGER NOT NULL,
    last_receipted INTEGER NOT NULL, last_waiting INTEGER NOT NULL, last_dropped INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    PRIMARY KEY (device, hour, stream)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_hour ON marks (hour);
"""
_FIRST: Final = ", ".join(f"{name} = excluded.{name}" for name in _MARK.format("first").split(", "))
_LAST: Final = ", ".join(f"{name} = excluded.{name}" for name in _MARK.format("last").split(", "))
_INSERT: Final = "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEY: Final = "ON CONFLICT (device, hour, stream) DO UPDATE SET"
_NEWER: Final = f"{_INSERT} {_KEY} {_LAST}, backlog = min(backlog, excluded.backlog) WHERE excluded.last_ns > last_ns"
_OLDER: Final = f"{_INSERT} {_KEY} {_FIRST} WHERE excluded.first_ns < first_ns"


class BooksError(SiagaError):
    """The file cannot be used."""


class BooksFile:
    """The file.

    Args:
        path: The SQLite file; made when missing.
        max_rows: Rows kept.
    """

    def __init__(self, path: Path, *, max_rows: int = MAX_ROWS) -> None:
        self._path = path
        self._max_rows = max_rows
        self._database: sqlite3.Connection | None = None
        self._pruned_hour = 0
        self._recent: dict[str, tuple[Mark, Mark]] = {}

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def add(self, reports: Sequence[tuple[str, Mark]]) -> None:
        """Note what devices reported, in one transaction.

        Raises:
            BooksError: Nothing was noted.
        """
        try:
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            try:
                for device, mark in reports:
                    self._add_one(database, device, replace(mark, backlog=self._backlog(device, mark)))
                newest = max((mark.timestamp_ns for _, mark in reports), default=0) // HOUR_NS
                if newest > self._pruned_hour:
                    self._prune(database, newest)
                database.execute("COMMIT")
            except sqlite3.Error:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise BooksError(f"{self._path}: {error}") from None

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.executescript(_SCHEMA)
            except sqlite3.Error:
                database.close()
                raise
            self._database = database
        return self._database

    def _add_one(self, database: sqlite3.Connection, device: str, mark: Mark) -> None:
        told = (mark.timestamp_ns, mark.trusted, mark.produced, mark.receipted, mark.waiting, mark.dropped)
        hour = mark.timestamp_ns // HOUR_NS
        row = (device, hour, mark.stream, mark.previous_stream, *told, *told, mark.backlog)
        if not database.execute(_NEWER, row).rowcount:
            database.execute(_OLDER, row)

    def _backlog(self, device: str, mark: Mark) -> int:
        """Return what waits beyond what was produced since a report about two minutes ago."""
        older, newer = self._recent.get(device, (mark, mark))
        if newer.stream != mark.stream:
            older = newer = mark
        fresh = max(0, mark.produced - older.produced)
        if mark.timestamp_ns - newer.timestamp_ns >= 0.4 * FRESH_S * 1e9:
            older, newer = newer, mark
        if len(self._recent) >= _MAX_DEVICES and device not in self._recent:
            del self._recent[next(iter(self._recent))]
        self._recent[device] = (older, newer)
        return max(0, mark.waiting - fresh)

    def _prune(self, database: sqlite3.Connection, newest: int) -> None:
        self._pruned_hour = newest
        database.execute("DELETE FROM marks WHERE hour < ?", (newest - _KEPT_HOURS,))
        over = database.execute("SELECT count(*) FROM marks").fetchone()[0] - self._max_rows
        if over > 0:
            query = "DELETE FROM marks WHERE hour <= (SELECT hour FROM marks ORDER BY hour LIMIT 1 OFFSET ?)"
            database.execute(query, (over - 1,))


def read_devices(path: Path) -> list[str]:
    """Return the devices that reported.

    Raises:
        BooksError: The file cannot be read.
    """
    return [row[0] for row in _read(path, "SELECT DISTINCT device FROM marks ORDER BY device", ())]


def read_marks(path: Path, device: str, since_hour: int) -> list[Mark]:
    """Return a device's marks from an hour since 1970 on, by time, and the last one before it.

    Raises:
        BooksError: The file cannot be read.
    """
    columns = f"stream, previous_stream, {_MARK.format('first')}, {_MARK.format('last')}, backlog"
    before = "SELECT coalesce(max(hour), ?) FROM marks WHERE device = ? AND hour < ?"
    start = _read(path, before, (since_hour, device, since_hour))
    if not start:
        return []
    query = f"SELECT {columns} FROM marks WHERE device = ? AND hour >= ?"
    found: list[Mark] = []
    for stream, previous, *told, backlog in _read(path, query, (device, start[0][0])):
        for ns, trusted, produced, receipted, waiting, dropped in (told[:6], told[6:]):
            found.append(Mark(ns, stream, previous, bool(trusted), produced, receipted, waiting, dropped, backlog))
    found = sorted(set(found), key=lambda mark: (mark.timestamp_ns, mark.produced))
    early = [mark for mark in found if mark.timestamp_ns // HOUR_NS < since_hour]
    return found[max(0, len(early) - 1) :]


def _read(path: Path, query: str, values: tuple[Any, ...]) -> list[Any]:
    try:
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as database:
            # A collector that is just making the file has nothing in it yet.
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone()
            return database.execute(query, values).fetchall() if made else []
    except (sqlite3.Error, OSError) as error:
        raise BooksError(f"{path}: {error}") from None
