"""The ledger's writer: a thread of its own, so that a slow or broken disk never delays a ring.

Rules:
- Records wait in memory, in order, until their commit; all that wait are committed in one transaction. After a failure
  the same records are tried again, in the same order, for as long as it takes.
- The number of records that wait is bounded. Deliveries are refused first; then presses, as their boxes keep them and
  send them again, steps of escalations, which the desk holds, pages, duty and log-ins. What officers do has room above
  that.
- At the start the thread reads what still matters, by the derived tables, and hands it to what `past` returns, then
  calls `on_loaded`, and writes only after `release`: until then the owner may drop records that turn out to be in the
  ledger. The chain as a whole is checked behind that (`checker.py`).
- Another process may append too (`append_now`): the last row is read anew for each commit, and the rows of others are
  handed to `on_others`.
- A commit that failed may have been done all the same, where a server's answer was lost: the rows are looked for before
  they are written again.
- Of two desks only the one that owns may write: `fence` looks in each transaction, under the lock that writers take.
  Who was fenced off writes nothing more, ever.
- The callbacks run in the thread.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from duty_desk.errors import LeaseLostError, LedgerBrokenError, LedgerFullError
from duty_desk.incidents.entries import (
    AuditEntry,
    DeliveryEntry,
    DutyEntry,
    EscalatedEntry,
    PageEntry,
    PressEntry,
)
from duty_desk.incidents.records import Record
from duty_desk.ledger.append import append
from duty_desk.ledger.chain import Row
from duty_desk.ledger.checker import Checker
from duty_desk.ledger.derived import Past, catch_up, entry_of, prepare, tell
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import ENTRY, EPOCH, last_row, open_engine, read_rows, upgrade

MAX_WAITING: Final = 10_000
"""Records that may wait for their commit, 8 kB each at most."""
MAX_WAITING_ACTIONS: Final = 11_000
MAX_WAITING_DELIVERIES: Final = 5_000
"""What screens tell of themselves gives way first."""
_BATCH: Final = 256
_RETRY_S: Final = 0.25
_SLOW_S: Final = 2.0
_LOOK_S: Final = 2.0
"""Between two looks, while nothing is to be written, whether another process appended."""
EPOCH_STEP_MS: Final = 1_000
"""How far each run's epoch lies above the last one's at least: a million lamp messages, as `lamps.py` counts them. So a
run is believed also where its clock, as of another machine, is behind that of the run before."""
_MAX_OTHERS: Final = 1_000
"""Rows of others handed over at a time."""

_log = logging.getLogger("siaga.desk.ledger")


class Ledger:
    """The append-only record.

    Args:
        path: The SQLite file, made when missing, or the database.
        past: Called at each attempt to read the ledger at the start; returns what takes what still matters, in order.
        on_loaded: Called once after that with this run's epoch in ms, which is above that of each earlier
            run.
        on_committed: Called after each commit with the records and the last row of the chain.
        on_others: Called with the records of rows that another process appended.
        on_state: Called when `recording` may have changed.
        fence: Raises LeaseLostError in a transaction whose writer must not write any more.
        on_fenced: Called once when it did.
    """

    def __init__(
        self,
        path: Place,
        *,
        past: Callable[[], Past],
        on_loaded: Callable[[int], None],
        on_committed: Callable[[list[Record], str], None],
        on_others: Callable[[list[Record]], None],
        on_state: Callable[[], None],
        fence: Callable[[Connection], None] = lambda _: None,
        on_fenced: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.fault: str | None = None
        self.broken: str | None = None
        self._broken_row: int | None = None
        self.head: str | None = None
        self._past = past
        self._on_loaded = on_loaded
        self._on_committed = on_committed
        self._on_others = on_others
        self._on_state = on_state
        self._fence = fence
        self._on_fenced = on_fenced
        self._waiting: deque[tuple[Record, float]] = deque()
        self._changed = threading.Condition()
        self._released = False
        self._stopping = False
        self._last = 0
        self._unsure: list[Row] = []
        self._checker = Checker(path, self._found_broken)
        self._thread = threading.Thread(target=self._run, name="desk-ledger", daemon=True)

    @property
    def recording(self) -> bool:
        """Whether what happens is being recorded: the last attempt succeeded and nothing has waited for over 2 s."""
        with self._changed:
            oldest = self._waiting[0][1] if self._waiting else None
            released = self._released
        return released and self.fault is None and (oldest is None or time.monotonic() - oldest < _SLOW_S)

    @property
    def checked_rows(self) -> int:
        """Rows of the chain found to fit since the start."""
        return self._checker.rows

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Commit what waits, if that works at once, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._checker.stop(timeout_s)

    def append(self, record: Record) -> None:
        """Take a record to be committed; return at once.

        Raises:
            LedgerFullError: Too many wait already.
        """
        limit = MAX_WAITING_ACTIONS
        if isinstance(record.entry, PressEntry | EscalatedEntry | PageEntry | DutyEntry | AuditEntry):
            limit = MAX_WAITING
        elif isinstance(record.entry, DeliveryEntry):
            limit = MAX_WAITING_DELIVERIES
        with self._changed:
            if len(self._waiting) >= limit:
                raise LedgerFullError(f"{limit} records wait for the ledger")
            self._waiting.append((record, time.monotonic()))
            self._changed.notify_all()

    def waiting(self) -> list[Record]:
        """Return the records that wait, in order."""
        with self._changed:
            return [record for record, _ in self._waiting]

    def release(self, dropped: list[Record] | None = None) -> None:
        """Let the thread write, without the records named here."""
        gone = {id(record) for record in dropped or []}
        with self._changed:
            if gone:
                self._waiting = deque(item for item in self._waiting if id(item[0]) not in gone)
            self._released = True
            self._changed.notify_all()

    # The thread

    def _run(self) -> None:
        try:
            self._work()
        except LeaseLostError as error:
            _log.error("the ledger %s is another desk's now: %s; nothing more is written", self.path, error)
            self.fault = str(error)
            self._on_fenced()
            self._on_state()

    def _work(self) -> None:
        engine: Engine | None = None
        while engine is None:
            try:
                engine = self._load()
            except (SQLAlchemyError, OSError) as error:
                if not self._failed(error):
                    return
        self._checker.start()
        try:
            self._write_all(engine)
        finally:
            engine.dispose()

    def _load(self) -> Engine:
        """Open the file, make the derived tables anew where they are behind, tell the past and raise the epoch."""
        if isinstance(self.path, Path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        engine = open_engine(self.path, keep=True)
        with engine.begin() as connection:
            upgrade(connection)
            self._fence(connection)
            missing = prepare(connection)
        if missing is not None:
            self._found_broken(missing)
        behind = True
        while behind and not self._stopping:
            with engine.begin() as connection:
                self._fence(connection)
                behind = catch_up(connection)
        with engine.begin() as connection:
            self._fence(connection)
            tell(connection, self._past(), self._found_broken)
            last = last_row(connection)
            epoch_ms = _raise_epoch(connection)
        if last is not None:
            self.head, self._last = last.hash, last.sequence
        self._succeeded()
        self._on_loaded(epoch_ms)
        return engine

    def _write_all(self, engine: Engine) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or (self._released and self._waiting), timeout=_LOOK_S)
                batch = [record for record, _ in itertools.islice(self._waiting, _BATCH)]
                if self._stopping and not (batch and self._released):
                    return
                if not self._released:
                    continue
            try:
                others, rows = self._commit(engine, batch)
            except (SQLAlchemyError, OSError) as error:
                engine.dispose()  # whatever became of the file, it is opened anew
                if not self._failed(error):
                    return
                continue
            with self._changed:
                for _ in rows:
                    self._waiting.popleft()
            self._succeeded()
            if others:
                self._on_others(others)
            if rows:
                self._on_committed(batch[: len(rows)], rows[-1].hash)

    def _commit(self, engine: Engine, batch: list[Record]) -> tuple[list[Record], list[Row]]:
        """Append records in one transaction; return what others had appended before, and the rows of these."""
        with engine.begin() if batch else engine.connect() as connection:
            if batch:
                self._fence(connection)
            if self._unsure and _has(connection, self._unsure[-1]):
                rows, self._unsure = self._unsure, []
                others = self._others(connection, rows[0].sequence)
                self.head, self._last = rows[-1].hash, rows[-1].sequence
                return others, rows
            self._unsure = []
            before = last_row(connection)
            others = [] if before is None or before.sequence <= self._last else self._others(connection)
            rows = append(connection, batch)
            self._unsure = rows
        self._unsure = []
        last = rows[-1] if rows else before
        if last is not None:
            self.head, self._last = last.hash, last.sequence
        return others, rows

    def _others(self, connection: Connection, before: int | None = None) -> list[Record]:
        """Return what others appended since, all of it or that before a row of ours."""
        theirs = ENTRY.c.sequence > self._last
        if before is not None:
            theirs &= ENTRY.c.sequence < before
        rows = read_rows(connection, theirs, limit=_MAX_OTHERS)
        return [Record(entry, asides) for row, asides in rows if (entry := entry_of(row)) is not None]

    def _failed(self, error: Exception) -> bool:
        """Note a failure and wait a little; return whether to go on."""
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        if self.fault != reason:
            _log.error("the ledger %s cannot be written: %s; trying again", self.path, reason)
        self.fault = reason
        self._on_state()
        with self._changed:
            return not self._changed.wait_for(lambda: self._stopping, timeout=_RETRY_S)

    def _succeeded(self) -> None:
        if self.fault is not None:
            self.fault = None
            _log.warning("the ledger %s is written again", self.path)
            self._on_state()

    def _found_broken(self, error: LedgerBrokenError) -> None:
        if self._broken_row is None or error.sequence < self._broken_row:
            self.broken, self._broken_row = str(error), error.sequence
            _log.error("the ledger's chain is broken: %s", error)
            self._on_state()


def _has(connection: Connection, row: Row) -> bool:
    found = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.sequence == row.sequence)).scalar_one_or_none()
    return found == row.hash


def _raise_epoch(connection: Connection) -> int:
    last = connection.execute(select(EPOCH.c.epoch_ms).where(EPOCH.c.id == 1)).scalar_one_or_none()
    now_ms = time.time_ns() // 1_000_000
    if last is None:
        connection.execute(insert(EPOCH).values(id=1, epoch_ms=now_ms))
        return now_ms
    epoch_ms = max(int(last) + EPOCH_STEP_MS, now_ms)
    connection.execute(EPOCH.update().where(EPOCH.c.id == 1).values(epoch_ms=epoch_ms))
    return epoch_ms


def append_now(path: Place, *records: Record) -> None:
    """Append records from a command, beside a desk that may be running; wait up to 5 s for the desk's own commit.

    Raises:
        SQLAlchemyError, OSError: The file cannot be written.
    """
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with open_engine(path, busy_timeout_ms=5_000).begin() as connection:
        upgrade(connection)
        append(connection, records)
