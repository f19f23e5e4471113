"""The outbox of readings: batches that had no receipt for 30 s, and those of an agent that was stopped."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.outbox.writer import Writer
from edge_agent.telemetry_lane import Key

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
    stream TEXT NOT NULL, number INTEGER NOT NULL, readings INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (stream, number)
);
"""


class BatchOutbox:
    """The file `telemetry.db` in the data folder."""

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(folder / "telemetry.db", _SCHEMA, synchronous="NORMAL")

    async def index(self) -> list[tuple[Key, int, int]]:
        """Return (key, readings, size in bytes) of each batch kept, oldest first.

        Raises:
            OutboxError: The file cannot be read.
        """

        def job(connection: sqlite3.Connection) -> list[tuple[Key, int, int]]:
            rows = connection.execute("SELECT stream, number, readings, length(body) FROM batch ORDER BY rowid")
            return [((stream, number), readings, size) for stream, number, readings, size in rows]

        return await self.writer.run(job)

    async def keep(self, batches: tuple[tuple[Key, int, bytes], ...]) -> None:
        """Keep batches, each as (key, readings, body).

        Raises:
            OutboxError: None of them is kept.
        """
        rows = [(*key, readings, body) for key, readings, body in batches]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?)", rows)

        await self.writer.run(job)

    async def load(self, key: Key) -> bytes | None:
        """Return a batch's body, or None when the file does not have it.

        Raises:
            OutboxError: The file cannot be read.
        """

        def job(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute("SELECT body FROM batch WHERE stream = ? AND number = ?", key).fetchone()
            return None if row is None else bytes(row[0])

        return await self.writer.run(job)

    async def forget(self, keys: tuple[Key, ...]) -> None:
        """Delete batches.

        Raises:
            OutboxError: They are still on the card and will be sent again after a restart; the store absorbs them.
        """

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM batch WHERE stream = ? AND number = ?", keys)

        await self.writer.run(job)
