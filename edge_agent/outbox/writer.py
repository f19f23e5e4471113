"""A SQLite file with a thread of its own, so that a card that stalls in fsync stalls nothing else.

Rules:
- WAL. The alarm file is `synchronous=FULL`: a commit is on the card. The telemetry file is `NORMAL`: a power cut may
  cost its last commits, never its consistency.
- A file that is damaged is set aside (`….corrupt-1`, `-2`, …) and a new one opened; a folder that cannot be written
  raises a fault. In neither case does the agent stop: what it could not keep stays in memory.
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
from typing import Literal, TypeVar

from contract.errors import SiagaError

_log = logging.getLogger("siaga.edge.outbox")

T = TypeVar("T")
_QUEUE_JOBS = 1_000


class OutboxError(SiagaError):
    """The file could not be read or written now; what was to be kept is still only in memory."""


class Writer:
    """Runs jobs on one SQLite file, one after the other, on its own thread.

    Args:
        path: The file; its folder must exist.
        schema: Statements that create what is missing.
        synchronous: SQLite's setting of that name.
    """

    def __init__(self, path: Path, schema: str, *, synchronous: Literal["FULL", "NORMAL"]) -> None:
        self._path = path
        self._schema = schema
        self._synchronous = synchronous
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_QUEUE_JOBS)
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._work, name=f"outbox-{path.stem}", daemon=True)
        self.fault: str | None = None
        self.set_aside = 0

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
                self.fault = f"{self._path}: {error or type(error).__name__}"
                failure = OutboxError(self.fault)
            else:
                self.fault = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: the agent stopped without waiting for this
                loop.call_soon_threadsafe(_settle, future, result, failure)

        try:
            self._jobs.put_nowait(work)
        except queue.Full:
            raise OutboxError(f"{self._path}: {_QUEUE_JOBS} writes wait for the card already") from None
        return await future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._connection is not None:
            self._connection.close()

    def _transact(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._open()
            with connection:
                return job(connection)
        except sqlite3.DatabaseError as error:
            damaged = type(error) is sqlite3.DatabaseError or "malformed" in str(error)
            if not damaged:
                raise
            _log.error("%s is damaged (%s)", self._path, error)
            self._put_aside()
            with self._open() as connection:
                return job(connection)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, check_same_thread=False, timeout=5.0)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(f"PRAGMA synchronous={self._synchronous}")
                connection.executescript(self._schema)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _put_aside(self) -> None:
        """Rename a damaged file and what SQLite keeps beside it: kept for a technician, never in the way."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        number = 1
        while (aside := self._path.with_name(f"{self._path.name}.corrupt-{number}")).exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        self.set_aside += 1
        _log.error("%s set aside as %s", self._path, aside)


def _settle(future: asyncio.Future[T], result: T | None, failure: Exception | None) -> None:
    if future.cancelled():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)  # type: ignore[arg-type]  # a job without a failure has its result
