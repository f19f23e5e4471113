"""Reads what can still be read of a damaged SQLite file: its tables row by row, from both ends towards the damage.

Rules: the rescued rows are a whole, synced file before the damaged one is set aside; whoever finds no file takes that
one. So a kill at any moment of it costs no row.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

MOST_ROWS: Final = 10_000
"""Of each table, from each end."""

Rows = Mapping[str, list[tuple[object, ...]]]


def read_rows(path: Path, tables: Iterable[str]) -> Rows:
    """Return the rows that can be read, by table; damage is met with what stands before it.

    Args:
        path: The damaged file; nobody else writes to it.
        tables: Names of tables.
    """
    found: dict[str, list[tuple[object, ...]]] = {}
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_tolerant(path)) as connection:
        for table in tables:
            rows: dict[tuple[object, ...], None] = {}
            for order in ("ASC", "DESC"):
                # NOT INDEXED: the table itself is walked, whatever became of its indexes.
                query = f"SELECT * FROM {table} NOT INDEXED ORDER BY rowid {order} LIMIT {MOST_ROWS}"
                read: list[tuple[object, ...]] = []
                with contextlib.suppress(sqlite3.Error):
                    for row in connection.execute(query):
                        read.append(row)  # noqa: PERF402 - those before the damage count
                rows |= dict.fromkeys(read if order == "ASC" else reversed(read))
            found[table] = list(rows)
    return found


def rescue(path: Path, schema: str, tables: Iterable[str]) -> int:
    """Write what can be read of a damaged file into a whole one beside it, which `take_rescued` puts in its place.

    Returns:
        How many rows that are; with none there is no such file.

    Raises:
        sqlite3.Error: The card did not take it.
        OSError: The same.
    """
    rows = read_rows(path, tables)
    if not any(rows.values()):
        return 0
    part = path.with_name(path.name + ".rescue")
    part.unlink(missing_ok=True)
    taken = 0
    with contextlib.closing(sqlite3.connect(part)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
        for table, those in rows.items():
            for row in those:
                marks = ", ".join("?" * len(row))
                taken += connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row).rowcount
        connection.commit()
    part.rename(_rescued(path))
    return taken


def take_rescued(path: Path) -> None:
    """Put a rescued file in the place of the damaged one, once that was set aside.

    Raises:
        OSError: The card did not take it.
    """
    if _rescued(path).exists() and not path.exists():
        _rescued(path).rename(path)


def _rescued(path: Path) -> Path:
    return path.with_name(path.name + ".rescued")


def connect_tolerant(path: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    """Connect so that a text with flipped bits reads as a text with odd characters, and is no error."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5.0, uri=uri)
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
