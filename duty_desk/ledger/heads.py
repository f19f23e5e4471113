"""Heads of the chain that were kept elsewhere, and whether the chain still has each of them.

A file of them is JSON lines, of any mix: what the desk told the brokers (`ledger_head`: receipts, incident messages,
heartbeats) and what was exported (`hash`). Lines with neither say nothing: a receipt that is only `ringing`, say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from duty_desk.errors import HeadMissingError

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_BATCH: Final = 1_000
MAX_LINE: Final = 1_000_000
"""Characters of a line that are looked at."""


@dataclass(slots=True)
class Read:
    """What was in a file of heads."""

    heads: int = 0
    lines: int = 0
    unreadable: int = 0


class Heads:
    """The heads of a file, held in a scratch database as there may be a year of them.

    Args:
        connection: To a scratch database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(text("CREATE TABLE head (hash TEXT PRIMARY KEY, line INTEGER, sequence INTEGER)"))

    def read(self, lines: Iterable[str]) -> Read:
        """Read a file of heads."""
        read = Read()
        batch: list[dict[str, object]] = []
        for line in lines:
            read.lines += 1
            try:
                found = heads_of(line)
            except ValueError:
                read.unreadable += 1
                continue
            read.heads += len(found)
            batch += [{"hash": hash_, "line": read.lines} for hash_ in found]
            if len(batch) >= _BATCH:
                self._keep(batch)
                batch = []
        self._keep(batch)
        return read

    def seen(self, rows: list[dict[str, object]]) -> None:
        """Take note of rows of the chain, each as `hash` and `sequence`."""
        if rows:
            self._connection.execute(text("UPDATE head SET sequence = :sequence WHERE hash = :hash"), rows)

    def check(self) -> None:
        """Check that the chain had every head.

        Raises:
            HeadMissingError: It names the first that it did not have, and the row of the last before it that it had.
        """
        missing = self._connection.execute(
            text("SELECT line, hash FROM head WHERE sequence IS NULL ORDER BY line LIMIT 1")
        ).one_or_none()
        if missing is None:
            return
        before = self._connection.execute(
            text("SELECT max(sequence) FROM head WHERE line < :line"), {"line": missing.line}
        ).scalar_one()
        raise HeadMissingError(missing.line, missing.hash, before)

    def _keep(self, batch: list[dict[str, object]]) -> None:
        if batch:
            self._connection.execute(text("INSERT OR IGNORE INTO head (hash, line) VALUES (:hash, :line)"), batch)


def heads_of(line: str) -> list[str]:
    """Return the heads that a line names.

    Raises:
        ValueError: It is no JSON object, as when its writer was killed, or a head in it is none.
    """
    if not line.strip():
        return []
    try:
        value = json.loads(line[:MAX_LINE])
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no object")
    found = [value[key] for key in ("ledger_head", "hash") if value.get(key) is not None]
    for head in found:
        if not isinstance(head, str) or not _HASH.fullmatch(head):
            raise ValueError("no head")
    return found
