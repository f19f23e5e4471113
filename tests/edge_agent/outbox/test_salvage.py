"""Rows are read out of a damaged file from both ends, and are a whole file before the damaged one goes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from edge_agent.outbox.salvage import read_rows, rescue, take_rescued

SCHEMA = "CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, body BLOB);"
ROWS = 200


def damaged(path: Path) -> list[tuple[str, bytes]]:
    """Make a table of 1 kB rows and spoil a page in its middle; return its rows."""
    rows = [(f"k{number:04}", bytes([number % 256]) * 1_000) for number in range(ROWS)]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.commit()
    content = path.read_bytes()
    at = content.index(rows[ROWS // 2][1][:400]) // 4_096 * 4_096
    path.write_bytes(content[:at] + b"\xff" * 4_096 + content[at + 4_096 :])
    return rows


def test_rows_on_both_sides_of_the_damage_are_read_in_their_order(tmp_path: Path) -> None:
    rows = damaged(tmp_path / "a.db")
    found = read_rows(tmp_path / "a.db", ["t"])["t"]
    assert ROWS - 8 <= len(found) < ROWS
    assert [row for row in rows if row in found] == found
    assert (found[0], found[-1]) == (rows[0], rows[-1])


def test_a_rescued_file_waits_until_the_damaged_one_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    damaged(path)
    before = path.read_bytes()
    taken = rescue(path, SCHEMA, ["t"])
    assert taken >= ROWS - 8
    take_rescued(path)
    assert path.read_bytes() == before
    path.unlink()
    take_rescued(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (taken,)
    assert {each.name for each in tmp_path.iterdir()} == {"a.db"}


def test_what_is_no_database_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"nothing of the kind" * 1_000)
    assert not any(read_rows(path, ["t"]).values())
    assert rescue(path, SCHEMA, ["t"]) == 0
    path.unlink()
    take_rescued(path)
    assert not path.exists()
