"""Bodies that were refused, kept on disk with the reason, for a person to look at and for later replay.

Rules:
- One row for each body, by its SHA-256. The same body again only raises `count` and `last_seen_ns`.
- `add` returns after the disk has it (SQLite, WAL, synchronous=FULL): a receipt may follow.
- Bounded: at most `max_rows` rows and `max_bytes` on disk, and of one device `max_rows_a_device` and an eighth of the
  bytes, so that one bad box cannot push out what the others did. Beyond that a body is counted by device and reason
  (`counts`) and not kept. Of a body only the first 256 KiB are kept; `size_bytes` says how long it was.
- For the books each device's refused readings are also counted by the hour in which they came, for 90 days (`hours`).
  `bodies_unknown` are those that could not be decoded: how many readings they held is not known.

Every method blocks on the disk and belongs on the quarantine's own thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.batch import MAX_BATCH_BYTES
from contract.errors import SiagaError
from contract.identity import body_hash

FILE: Final = "quarantine.db"
MAX_ROWS: Final = 10_000
MAX_ROWS_A_DEVICE: Final = 500
MAX_BYTES: Final = 256 * 1024 * 1024
HOUR_NS: Final = 3_600 * 10**9
HOURS_KEPT: Final = 90 * 24
_MAX_WORDS: Final = 500
BUSY_TIMEOUT_S: Final = 5.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS quarantine (
    sha256 TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    device TEXT NOT NULL,
    topic TEXT NOT NULL,
    body BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    first_seen_ns INTEGER NOT NULL,
    last_seen_ns INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS quarantine_device ON quarantine (device);
CREATE TABLE IF NOT EXISTS counts (
    device TEXT NOT NULL,
    reason TEXT NOT NULL,
    bodies INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    not_kept INTEGER NOT NULL,
    PRIMARY KEY (device, reason)
) STRICT;
CREATE TABLE IF NOT EXISTS hours (
    device TEXT NOT NULL,
    hour INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    bodies_unknown INTEGER NOT NULL,
    PRIMARY KEY (device, hour)
) STRICT, WITHOUT ROWID;
"""
_REPEAT: Final = "UPDATE quarantine SET count = count + 1, last_seen_ns = ? WHERE sha256 = ?"
_INSERT: Final = "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
_COUNT: Final = """
INSERT INTO counts VALUES (?, ?, 1, ?, ?) ON CONFLICT (device, reason) DO UPDATE SET
    bodies = bodies + 1, readings = readings + excluded.readings, not_kept = not_kept + excluded.not_kept
"""
_COUNT_HOUR: Final = """
INSERT INTO hours VALUES (?, ?, ?, ?) ON CONFLICT (device, hour) DO UPDATE SET
    readings = readings + excluded.readings, bodies_unknown = bodies_unknown + excluded.bodies_unknown
"""


class QuarantineError(SiagaError):
    """The disk did not take it: nothing of the call may be receipted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A refused body.

    Args:
        reason: Short and stable, such as `not json`.
        detail: What exactly, for people.
        device: The device by the topic; empty when the topic names none.
        topic: The topic.
        body: The bytes.
        readings: How many readings it holds, as far as known.
        seen_ns: When it came, in ns since 1970.
    """

    reason: str
    detail: str
    device: str
    topic: str
    body: bytes
    readings: int
    seen_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the quarantine; the names are those of `Entry`."""

    sha256: str
    reason: str
    detail: str
    device: str
    topic: str
    body: bytes
    size_bytes: int
    readings: int
    first_seen_ns: int
    last_seen_ns: int
    count: int


class Quarantine:
    """The quarantine's file.

    Args:
        path: The SQLite file; made when missing.
        max_rows: Rows kept altogether.
        max_rows_a_device: Rows kept of one device.
        max_bytes: What the bodies may take on disk altogether; of one device an eighth of it.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_rows: int = MAX_ROWS,
        max_rows_a_device: int = MAX_ROWS_A_DEVICE,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._path = path
        self._max_rows = max_rows
        self._max_rows_a_device = max_rows_a_device
        self._max_bytes = max_bytes
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, and make it when it is missing.

        Raises:
            QuarantineError: It cannot be opened or is no SQLite file.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = FULL")
                database.executescript(_SCHEMA)
                oldest = time.time_ns() // HOUR_NS - HOURS_KEPT
                database.execute("DELETE FROM hours WHERE hour < ?", (oldest,))
            except sqlite3.Error:
                database.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise QuarantineError(f"{self._path}: {error}") from None
        self._database = database

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def add(self, entries: Sequence[Entry]) -> int:
        """Keep or count refused bodies, in one transaction that is on disk on return.

        Returns:
            How many were new.

        Raises:
            QuarantineError: Nothing was kept or counted.
        """
        try:
            if self._database is None:
                self.open()
            assert self._database is not None
            return self._add(self._database, entries)
        except sqlite3.Error as error:
            # A file that failed once is opened afresh the next time.
            self.close()
            raise QuarantineError(f"{self._path}: {error}") from None

    def _add(self, database: sqlite3.Connection, entries: Sequence[Entry]) -> int:
        new = 0
        database.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                new += self._add_one(database, entry)
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        return new

    def _add_one(self, database: sqlite3.Connection, entry: Entry) -> int:
        sha256 = body_hash(entry.body)
        if database.execute(_REPEAT, (entry.seen_ns, sha256)).rowcount:
            return 0
        kept = self._room(database, entry.device, len(entry.body[:MAX_BATCH_BYTES]))
        if kept:
            row = (
                sha256,
                entry.reason,
                _words(entry.detail),
                entry.device,
                _words(entry.topic),
                entry.body[:MAX_BATCH_BYTES],
                len(entry.body),
                entry.readings,
                entry.seen_ns,
                entry.seen_ns,
            )
            database.execute(_INSERT, row)
        database.execute(_COUNT, (entry.device, entry.reason, entry.readings, 0 if kept else 1))
        unknown = 0 if entry.readings else 1
        database.execute(_COUNT_HOUR, (entry.device, entry.seen_ns // HOUR_NS, entry.readings, unknown))
        return 1

    def _room(self, database: sqlite3.Connection, device: str, size_bytes: int) -> bool:
        query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM quarantine WHERE device = ?"
        of_device, bytes_of_device = database.execute(query, (device,)).fetchone()
        if of_device >= self._max_rows_a_device or bytes_of_device + size_bytes > self._max_bytes // 8:
            return False
        rows = database.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        return bool(rows < self._max_rows) and _bytes_used(database) + size_bytes <= self._max_bytes


def _bytes_used(database: sqlite3.Connection) -> int:
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _words(text: str) -> str:
    """Return a text as SQLite takes it: a refused body's key may hold half a surrogate pair."""
    return text[:_MAX_WORDS].encode("utf-8", "replace").decode()
