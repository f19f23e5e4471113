"""What a person does with quarantined bodies: pick some, look at them, try them again, take them away.

Rules:
- Rows are read one by one, never all at once: a full quarantine is larger than a small machine's memory.
- A body is tried again by today's rules, `collector.decode.careful`; what they still refuse stays, with its row.
- A body leaves the quarantine only after the store took all of it, or by `remove`. Only in the first case does the
  quarantine's account of the device's hours give its readings back: they are in the store now.

Everything here works beside a running collector: each takes the file for one short transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.decode import LATEST_AHEAD_NS, careful
from collector.quarantine import BUSY_TIMEOUT_S, HOUR_NS, QuarantineError, Row
from collector.quarantine_read import is_there
from collector.roster import Roster
from contract.errors import BodyError
from store.refusals import KINDS as STORE_KINDS

LEAST_PREFIX: Final = 6
"""Characters of a hash that name a body, at least."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Which rows: those that meet every condition given; with none of them, all.

    Args:
        sha256: The start of a hash, such as `list` prints it.
        device: The device.
        reason: The reason, whole.
        before_ns: Last seen before this, in ns since 1970.
    """

    sha256: str | None = None
    device: str | None = None
    reason: str | None = None
    before_ns: int | None = None

    def where(self) -> tuple[str, list[str | int]]:
        """Return the SQL condition and its values."""
        asked: list[tuple[str, str | int | None]] = [
            ("substr(sha256, 1, length(?)) = ?", self.sha256),
            ("device = ?", self.device),
            ("reason = ?", self.reason),
            ("last_seen_ns < ?", self.before_ns),
        ]
        given = [(words, value) for words, value in asked if value is not None]
        values = [value for words, value in given for _ in range(words.count("?"))]
        return " AND ".join(words for words, _ in given) or "1", values


@dataclass(frozen=True, slots=True)
class Trial:
    """What a body holds when it is tried again: lines for the store, how many, and why it must stay, or None."""

    lines: bytes
    count: int
    why_not: str | None


def rows(path: Path, pick: Pick, *, limit: int = -1) -> Iterator[Row]:
    """Yield the rows, oldest first; none when the file is missing.

    Args:
        path: The quarantine's file.
        pick: Which ones.
        limit: How many at most; -1 for all.

    Raises:
        QuarantineError: The file cannot be read.
    """
    if not is_there(path):
        return
    where, values = pick.where()
    hashes = f"SELECT sha256 FROM quarantine WHERE {where} ORDER BY first_seen_ns, sha256 LIMIT ?"
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as database:
            for (sha256,) in database.execute(hashes, [*values, limit]).fetchall():
                row = database.execute("SELECT * FROM quarantine WHERE sha256 = ?", (sha256,)).fetchone()
                if row is not None:  # another command was faster
                    yield Row(*row)
    except sqlite3.Error as error:
        raise QuarantineError(f"{path}: {error}") from None


def remove(path: Path, taken: Sequence[Row], *, stored: bool) -> int:
    """Take rows away; return how many were still there.

    Args:
        path: The quarantine's file.
        taken: The rows.
        stored: Whether the store has their readings now.

    Raises:
        QuarantineError: The file cannot be written; nothing was taken away.
    """
    removed = 0
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            for row in taken:
                gone = database.execute("DELETE FROM quarantine WHERE sha256 = ?", (row.sha256,)).rowcount
                removed += gone
                if gone and stored:
                    database.execute(
                        "UPDATE hours SET readings = max(0, readings - ?) WHERE device = ? AND hour = ?",
                        (row.readings, row.device, row.first_seen_ns // HOUR_NS),
                    )
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise QuarantineError(f"{path}: {error}") from None
    return removed


def judge(row: Row, roster: Roster, now_ns: int) -> Trial:
    """Return what today's rules make of a body.

    Args:
        row: Its row.
        roster: Devices; entered when new.
        now_ns: The time, in ns since 1970.
    """
    if row.size_bytes > len(row.body):
        return Trial(b"", 0, f"only the first {len(row.body)} of its {row.size_bytes} bytes were kept")
    if row.reason in STORE_KINDS and not row.body.startswith(b"{"):
        return Trial(row.body, 1, None)
    device = roster.at(row.topic)
    if device is None:
        return Trial(b"", 0, "its topic names no device")
    try:
        (_, _, lines, count), refusals = careful(device, row.body, now_ns + LATEST_AHEAD_NS)
    except BodyError as error:
        return Trial(b"", 0, f"{error.reason}: {error.detail}" if error.detail else error.reason)
    why = "; ".join(f"{one.reason}: {one.detail}" if one.detail else one.reason for one in refusals)
    return Trial(lines.encode(), count, why or None)
