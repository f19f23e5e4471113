"""The outbox of readings: batches that had no receipt for 30 s, and those of an agent that was stopped.

Rules:
- A commit is on the card when it is told (`synchronous=FULL`): there are two a minute without a link, none with one.
- Bodies are compressed (zlib, 225 bytes a reading become about 25).
- The file never shrinks and is never rewritten: what is deleted makes room for what comes (`auto_vacuum` off), and is
  not overwritten with zeros (`secure_delete` off, which Debian's SQLite has on).
- `telemetry.reserve` lies beside it and holds room for the log: deleting needs room too, and on a card that others have
  filled it is given up first. It is taken again when there is room, and grows with it.
- Each answer tells in `file` how many files were set aside as damaged until then.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from contract.batch import MAX_BATCH_BYTES
from contract.errors import BodyError
from edge_agent.batch_commands import Key, NewRow, StoredRow, ThinnedRow
from edge_agent.cutting import cut
from edge_agent.eviction import thin_body
from edge_agent.outbox import files
from edge_agent.outbox.writer import Writer

T = TypeVar("T")

# The table `batch` is that of version 0.1: its bodies are plain, and any may have been sent.
_SCHEMA = """
PRAGMA secure_delete=OFF;
BEGIN;
CREATE TABLE IF NOT EXISTS batch (
    stream TEXT NOT NULL, number INTEGER NOT NULL, readings INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE TABLE IF NOT EXISTS kept (
    stream TEXT NOT NULL, number INTEGER NOT NULL, readings INTEGER NOT NULL,
    sent INTEGER NOT NULL, thinned INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (stream, number)
);
INSERT OR IGNORE INTO kept SELECT stream, number, readings, 1, 0, body FROM batch ORDER BY batch.rowid;
DELETE FROM batch;
COMMIT;
"""
LOG_BYTES: Final = 256_000
RESERVE_BYTES: Final = 512_000
_PAGE_BYTES: Final = 4_096
_SHARED_BYTES: Final = 1_500
_ROW_BYTES: Final = 250
"""Of a row beside its body, about: keys and index."""
_PLAIN: Final = b"{"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What the file answered, and how many files were set aside before it."""

    value: T
    file: int


class BatchOutbox:
    """The file `telemetry.db` in the data folder. Each method raises OutboxError when nothing of it was done."""

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(folder / "telemetry.db", _SCHEMA, synchronous="FULL", checkpoint_bytes=LOG_BYTES)
        self._reserve = folder / "telemetry.reserve"

    async def index(self) -> Answer[list[StoredRow]]:
        """Return each batch kept, in the order in which they were.

        Raises:
            OutboxError: The file cannot be read.
        """

        def job(connection: sqlite3.Connection) -> list[StoredRow]:
            self._take_reserve()
            rows = connection.execute(
                "SELECT stream, number, readings, length(body), sent, thinned FROM kept ORDER BY rowid"
            )
            return [
                StoredRow((stream, number), readings, _size(size), bool(sent), bool(thinned))
                for stream, number, readings, size, sent, thinned in rows
            ]

        return await self._run(job)

    async def keep(self, rows: Sequence[NewRow]) -> Answer[list[int]]:
        """Keep batches in one commit; return the size of each in the file, in bytes.

        Raises:
            OutboxError: None of them is kept.
        """

        def job(connection: sqlite3.Connection) -> list[int]:
            return _insert(connection, [(row.key, row.readings, row.sent, row.body) for row in rows])

        return await self._run(job)

    async def load(self, key: Key) -> Answer[bytes | None]:
        """Return a batch's body, or None when the file does not have it or it is no batch's.

        Raises:
            OutboxError: The file cannot be read.
        """
        return await self._run(lambda connection: _body(connection, key))

    async def thin(self, keys: Sequence[Key]) -> Answer[list[ThinnedRow]]:
        """Thin batches in one commit; return those that are there.

        Raises:
            OutboxError: None of them is changed.
        """

        def job(connection: sqlite3.Connection) -> list[ThinnedRow]:
            thinned, rows = [], []
            for key in keys:
                body = _body(connection, key)
                if body is None:
                    continue
                body, lost = thin_body(body)
                packed = zlib.compress(body)
                thinned.append(ThinnedRow(key, lost, _size(len(packed))))
                rows.append((*_place(connection, key), lost, packed))
            # Deleted and inserted again in its old place: a row made shorter by an UPDATE frees no page.
            _delete(connection, [row.key for row in thinned])
            connection.executemany(
                "INSERT INTO kept (rowid, stream, number, readings, sent, thinned, body)"
                " VALUES (?, ?, ?, ? - ?, 0, 1, ?)",
                rows,
            )
            return thinned

        return await self._run(job)

    async def cut(self, key: Key, first: Key, max_bytes: int) -> Answer[list[StoredRow]]:
        """Put a batch's pieces in its place (`cutting.cut`), as such that may have been sent; return them.

        Returns:
            The pieces; none: the file does not have the batch, or it is no batch.

        Raises:
            OutboxError: Nothing is changed.
        """

        def job(connection: sqlite3.Connection) -> list[StoredRow]:
            body = _body(connection, key)
            if body is None:
                return []
            try:
                pieces = cut(body, first, max_bytes)
            except BodyError:
                return []
            _delete(connection, [key])
            sizes = _insert(connection, [(piece, readings, True, part) for piece, readings, part in pieces])
            return [
                StoredRow(piece, readings, size, sent=True, thinned=False)
                for (piece, readings, _), size in zip(pieces, sizes, strict=True)
            ]

        return await self._run(job)

    async def forget(self, keys: Sequence[Key]) -> Answer[None]:
        """Delete batches.

        Raises:
            OutboxError: They are still on the card and will be sent again after a restart; the store absorbs them.
        """

        def job(connection: sqlite3.Connection) -> None:
            _delete(connection, keys)
            self._take_reserve()

        return await self._run(job)

    async def make_room(self) -> None:
        """The card is full: give the reserve up and empty the log into the file, so that batches can be deleted.

        Raises:
            OutboxError: The log cannot be emptied.
        """

        def job(connection: sqlite3.Connection) -> None:
            with suppress(OSError):
                self._reserve.unlink(missing_ok=True)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        await self.writer.run(job)

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> Answer[T]:
        # `set_aside` is read where the job runs: later the file may be another one.
        return await self.writer.run(lambda connection: Answer(job(connection), self.writer.set_aside))

    def _take_reserve(self) -> None:
        """Write the reserve where the card has room for one twice as large; without room another time."""
        with suppress(OSError):
            room = os.statvfs(self._reserve.parent)
            size = min(RESERVE_BYTES, room.f_bavail * room.f_frsize // 8)
            if size >= 2 * files.size_bytes(self._reserve) and size >= _PAGE_BYTES:
                self._reserve.write_bytes(os.urandom(size))


def _size(packed_bytes: int) -> int:
    """Return what a body costs in the file: short ones share a page, long ones have whole pages to themselves."""
    pages = -(-packed_bytes // _PAGE_BYTES) if packed_bytes > _SHARED_BYTES else 0
    return (pages * _PAGE_BYTES or packed_bytes) + _ROW_BYTES


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[Key, int, bool, bytes]]) -> list[int]:
    packed = [(*key, readings, sent, 0, zlib.compress(body)) for key, readings, sent, body in rows]
    connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", packed)
    return [_size(len(row[-1])) for row in packed]


def _delete(connection: sqlite3.Connection, keys: Sequence[Key]) -> None:
    connection.executemany("DELETE FROM kept WHERE stream = ? AND number = ?", keys)


def _place(connection: sqlite3.Connection, key: Key) -> tuple[int, str, int, int]:
    row = connection.execute("SELECT rowid, stream, number, readings FROM kept WHERE stream = ? AND number = ?", key)
    place: tuple[int, str, int, int] = row.fetchone()
    return place


def _body(connection: sqlite3.Connection, key: Key) -> bytes | None:
    row = connection.execute("SELECT body FROM kept WHERE stream = ? AND number = ?", key).fetchone()
    packed = None if row is None else row[0]
    if not isinstance(packed, bytes):
        return None
    if packed.startswith(_PLAIN):
        return packed
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, MAX_BATCH_BYTES + 1)
    except zlib.error:
        return None
    return body if unpacker.eof and len(body) <= MAX_BATCH_BYTES else None
