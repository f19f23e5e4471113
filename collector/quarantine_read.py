"""What other processes read of a quarantine's file, beside the collector that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from collector.quarantine import BUSY_TIMEOUT_S, QuarantineError, Row


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a quarantine file, oldest first; none when the file is missing.

    Raises:
        QuarantineError: The file cannot be read.
    """
    return [Row(*values) for values in _read(path, "SELECT * FROM quarantine ORDER BY first_seen_ns, sha256")]


def read_counts(path: Path) -> dict[str, int]:
    """Return how many bodies were refused by reason, also of those not kept.

    Raises:
        QuarantineError: The file cannot be read.
    """
    return dict(_read(path, "SELECT reason, sum(bodies) FROM counts GROUP BY reason ORDER BY reason"))


def read_hours(path: Path, device: str) -> dict[int, tuple[int, int]]:
    """Return a device's refused readings and its bodies of unknown content, by hour since 1970 in which they came.

    Raises:
        QuarantineError: The file cannot be read.
    """
    query = "SELECT hour, readings, bodies_unknown FROM hours WHERE device = ?"
    return {hour: (readings, unknown) for hour, readings, unknown in _read(path, query, (device,))}


def is_there(path: Path) -> bool:
    """Return whether a file is there.

    Raises:
        QuarantineError: This user may not look.
    """
    try:
        return path.exists()
    except OSError as error:
        raise QuarantineError(f"{path}: {error.strerror}") from None


def _read(path: Path, query: str, values: Sequence[str] = ()) -> list[Any]:
    if not is_there(path):
        return []
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise QuarantineError(f"{path}: {error}") from None
