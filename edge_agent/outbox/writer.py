"""A SQLite file with a thread of its own, so that a card that stalls in fsync stalls nothing else.

Rules:
- WAL, and `synchronous=FULL`: a commit is on the card.
- A file that is damaged, or no file, is set aside (`….corrupt-1`, `-2`, …); what can be read of its `salvaged` tables
  goes over into the new one. One that was deleted or replaced under us is opened anew. `set_aside` counts both: what
  was believed to be in the file must be kept again. A folder that cannot be written raises a fault. In no case does the
  agent stop: what it could not keep stays in memory.
- At each opening, also after an I/O error, the log is written and synced again (`files.py`); while that fails only
  reading works, and nothing counts as kept.
- A card that takes no writing still gives what a run before left, if that run ended in order or left its `-shm`.
- The log is checkpointed here, after a job's owner was told, so that a checkpoint that fails is seen as a fault:
  SQLite's own (`wal_autocheckpoint`) tells nobody.
- At most 1,000 jobs wait for the card; one more is refused at once, and its owner asks again later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import quote

from contract.errors import SiagaError
from edge_agent.outbox import files
from edge_agent.outbox.salvage import connect_tolerant, rescue, take_rescued

_log = logging.getLogger("siaga.edge.outbox")

T = TypeVar("T")
_QUEUE_JOBS: Final = 1_000
STALLED_S: Final = 2.0
"""A job that lasts longer shows as a fault while it lasts."""
CHECKPOINT_BYTES: Final = 4_000_000
_LOG_PAGES_BY_SQLITE: Final = 0


class OutboxError(SiagaError):
    """The file could not be read or written now; what was to be kept is still only in memory."""

    full = False
    """Whether it was for want of room on the card."""


class Writer:
    """Runs jobs on one SQLite file, one after the other, on its own thread.

    Args:
        path: The file; its folder must exist.
        schema: Statements that create what is missing.
        synchronous: SQLite's setting of that name.
        salvaged: Tables whose rows are read out of a damaged file.
        checked: Whether the whole file is checked at each opening; for a small one.
        checkpoint_bytes: Size of the log from which on it is written into the file.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        synchronous: Literal["FULL", "NORMAL"],
        salvaged: tuple[str, ...] = (),
        checked: bool = False,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
    ) -> None:
        self._path = path
        self._schema = schema
        self._synchronous = synchronous
        self._salvaged = salvaged
        self._checked = checked
        self.checkpoint_bytes = checkpoint_bytes
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_QUEUE_JOBS)
        self._connection: sqlite3.Connection | None = None
        self._found: dict[str, files.Identity] = {}
        self._unsynced: Exception | None = None
        self._fault: str | None = None
        self._began_s: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"outbox-{path.stem}", daemon=True)
        self.set_aside = 0

    @property
    def fault(self) -> str | None:
        """What the card refused last, until it took something; or for how long it stands still by now."""
        began_s = self._began_s
        lasts_s = 0.0 if began_s is None else time.monotonic() - began_s
        return f"{self._path}: the card stands still for {lasts_s:.0f} s" if lasts_s > STALLED_S else self._fault

    @property
    def alive(self) -> bool:
        """Whether its thread runs; while a card stands still it does, and waits."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Finish the jobs that wait, close the file and end the thread; blocks for at most `timeout_s`.

        Returns:
            Whether that was done; else a stalled card holds the thread, and it ends with the process.
        """
        deadline_s = time.monotonic() + timeout_s
        with contextlib.suppress(queue.Full):
            self._jobs.put(None, timeout=timeout_s)
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        return not self._thread.is_alive()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in a transaction of its own and return what it returns.

        Raises:
            OutboxError: The file could not be read or written; nothing of the job was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            result, failure = None, None
            try:
                result = self._transact(job)
            except Exception as error:  # noqa: BLE001 - a supervisor: a dead thread would keep every caller waiting
                self._fault = f"{self._path}: {error or type(error).__name__}"
                failure = OutboxError(self._fault)
                failure.full = _is_full(error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the agent stopped without waiting for this
                loop.call_soon_threadsafe(_settle, future, result, failure)

        try:
            self._jobs.put_nowait(work)
        except queue.Full:
            raise OutboxError(f"{self._path}: {_QUEUE_JOBS} writes wait for the card already") from None
        return await future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._began_s = time.monotonic()
            job()
            self._checkpoint()
            self._began_s = None
        self._close()

    def _transact(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._attempt(job)
        except sqlite3.Error as error:
            if not _is_damage(error):
                opened = self._connection is not None
                if _is_io(error):
                    self._close()
                if not opened and files.is_complete(self._path):
                    return self._read_only(job, error)
                raise
            _log.error("%s is damaged (%s)", self._path, error)
            self._put_aside()
            return self._attempt(job)

    def _attempt(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is not None and self._is_gone():
            _log.error("%s was deleted or replaced under us; what it had is kept again", self._path)
            self._close()
            self.set_aside += 1
        if files.is_obstructed(self._path):
            self._put_aside()
        if self._unsynced is not None:
            self._close()
        connection = self._open()
        before = connection.total_changes
        with connection:
            result = job(connection)
            if self._unsynced is not None and connection.in_transaction:
                raise self._unsynced
        # What changes nothing may succeed on a card that takes nothing.
        if connection.total_changes != before:
            self._fault = None
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        take_rescued(self._path)
        self._unsynced = self._write_again()
        connection = connect_tolerant(self._path)
        try:
            # Unless the answer is fetched, SQLite stays with a rollback journal on an I/O error and says nothing; and a
            # power cut may undo the end of such a journal, and the commit with it.
            if (mode := connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]) != "wal":
                raise sqlite3.OperationalError(f"the card does not take a write-ahead log (journal mode {mode})")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.executescript(self._schema)
            connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES_BY_SQLITE}")
            if self._checked and (told := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(f"malformed: {told}")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self._found = self._identities()
        if self._unsynced is None:
            self._fault = None
        return connection

    def _write_again(self) -> Exception | None:
        """Make sure that the card has the log that Linux shows; return why it has not."""
        try:
            files.write_again(files.beside(self._path, "-wal"))
            files.sync_entry(self._path.parent)
        except OSError as error:
            return error
        return None

    def _read_only(self, job: Callable[[sqlite3.Connection], T], error: sqlite3.Error) -> T:
        """Run a job on a file that SQLite cannot open for writing; one that writes fails.

        Raises:
            sqlite3.Error: `error`, when the file cannot be read either, or the job writes.
        """
        try:
            with contextlib.closing(connect_tolerant(f"file:{quote(str(self._path))}?immutable=1", uri=True)) as only:
                return job(only)
        except sqlite3.Error:
            raise error from None

    def _checkpoint(self) -> None:
        """Write a log that grew large into the file; one that cannot be written is a fault, and stays."""
        if self._connection is None or files.size_bytes(files.beside(self._path, "-wal")) < self.checkpoint_bytes:
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            self._fault = f"{self._path}: {error}"
            _log.error("%s: its log cannot be written into it (%s)", self._path, error)
            if _is_io(error):
                self._close()

    def _identities(self) -> dict[str, files.Identity]:
        return {suffix: files.identity(files.beside(self._path, suffix)) for suffix in ("", "-wal")}

    def _is_gone(self) -> bool:
        return self._identities() != self._found

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(sqlite3.Error):  # what it could not write stays in the log
                connection.close()

    def _put_aside(self) -> None:
        """Rename a damaged file and what SQLite keeps beside it: kept for a technician, never in the way."""
        self._close()
        readable = self._salvaged and not files.is_obstructed(self._path)
        rescued = rescue(self._path, self._schema, self._salvaged) if readable else 0
        aside = files.set_aside(self._path)
        self.set_aside += 1
        _log.error("%s set aside as %s; %d rows of it could be read", self._path, aside, rescued)


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "malformed" in str(error)


def _is_io(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


def _is_full(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _settle(future: asyncio.Future[T], result: T | None, failure: Exception | None) -> None:
    if future.cancelled():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)  # type: ignore[arg-type]  # a job without a failure has its result
