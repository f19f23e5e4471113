"""synthetic.db: the table `synthetic`, a row for each test press, in a file of its own: the ledger's chain is for what
happened to people.

It is written in a thread, each batch in one synced transaction; a press has its receipt after that. Rows are kept for
31 days.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Engine, Float, Index, MetaData, String, Table, delete
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from duty_desk.access.store import open_private
from duty_desk.incidents.clock import Now
from duty_desk.synthetic.trial import HOPS, Result

_log = logging.getLogger("siaga.desk.synthetic")

VERSION: Final = 1
METADATA = MetaData()
SYNTHETIC = Table(
    "synthetic",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("by", String(8), nullable=False),
    Column("button", String(63), nullable=False),
    Column("event_id", String(36)),
    Column("outcome", String(8), nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("in_time", Boolean, nullable=False),
    Column("missing", String(64), nullable=False),
    Column("detail", String(200)),
    *(Column(f"{hop}_ms", Float) for hop in HOPS),
    Index("synthetic_at", "at_ns"),
    Index("synthetic_device", "device", "at_ns"),
)
KEPT_NS: Final = 31 * 86_400 * 10**9
MOST_WAITING: Final = 2_000
"""Rows that wait for a disk; the oldest goes first, as its box sends it again."""
_RETRY_S: Final = 1.0
_TRIM_EACH: Final = 500


class Book:
    """The file.

    Args:
        path: Where it is.
        now_ns: The centre's clock.
    """

    def __init__(self, path: Path, now_ns: Now) -> None:
        self.path = path
        self.fault: str | None = None
        """Why it cannot be written, in the system's words."""
        self._now_ns = now_ns
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._wake = asyncio.Event()
        self._written = 0
        self._engine: Engine | None = None

    def add(self, result: Result) -> None:
        """Write a row soon; of the same id the later one stands."""
        row = {
            "id": result.event_id or result.id,
            "at_ns": result.at_ns,
            "by": result.by,
            "device": result.device,
            "button": result.button,
            "event_id": result.event_id,
            "outcome": result.outcome,
            "counted": result.counted,
            "in_time": result.in_time,
            "missing": " ".join(result.missing),
            "detail": result.detail,
        }
        self._waiting.append(row | {f"{hop}_ms": result.ms.get(hop) for hop in HOPS})
        self._wake.set()

    async def run(self, on_kept: Callable[[list[tuple[str, str]]], None]) -> None:
        """Write what waits, for ever; `on_kept` is told the presses that are on the disk, by device and event id."""
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = list(self._waiting)
            try:
                await asyncio.to_thread(self._write, batch)
            except (SQLAlchemyError, OSError) as error:
                reason = str(getattr(error, "orig", None) or error)
                if self.fault is None:
                    _log.error("%s cannot be written: %s; trying again", self.path, reason)
                self.fault = reason
                await asyncio.sleep(_RETRY_S)
                continue
            self.fault = None
            kept = {id(row) for row in batch}
            self._waiting = deque((row for row in self._waiting if id(row) not in kept), maxlen=MOST_WAITING)
            on_kept([(row["device"], row["event_id"]) for row in batch if row["event_id"] is not None])

    def engine(self) -> Engine:
        """Return the file, opened.

        Raises:
            SQLAlchemyError, OSError: It cannot be, or a newer version of Siaga made it.
        """
        if self._engine is None:
            self._engine = open_private(self.path, METADATA, VERSION)
        return self._engine

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        statement = upsert(SYNTHETIC)
        later = {column.name: statement.excluded[column.name] for column in SYNTHETIC.c if not column.primary_key}
        with self.engine().begin() as connection:
            for row in rows:
                connection.execute(statement.on_conflict_do_update(index_elements=["device", "id"], set_=later), row)
            self._written += len(rows)
            if self._written >= _TRIM_EACH:
                self._written = 0
                connection.execute(delete(SYNTHETIC).where(SYNTHETIC.c.at_ns < self._now_ns() - KEPT_NS))
