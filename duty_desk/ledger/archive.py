"""Past incidents, searched and told beside a running desk: by a reader of its own, in threads of its own, bounded."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from duty_desk.errors import ArchiveBusyError
from duty_desk.ledger.archive_query import Filter, Page, Timeline, cursor, search, timeline
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import open_reader

MAX_PAGE: Final = 200
_WORKERS: Final = 2
_WAITING: Final = 16
_TOO_LONG_S: Final = 3.0
_STEPS: Final = 10_000
"""SQLite's virtual machine steps between two looks at the clock."""
_INTERRUPTED: Final = ("interrupted", "statement timeout")
"""What SQLite and a server say of it."""

T = TypeVar("T")


class Archive:
    """The archive of one ledger.

    Args:
        path: The SQLite file, or the database.
    """

    def __init__(self, path: Place) -> None:
        self._engine = open_reader(path, too_long_s=_TOO_LONG_S)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="desk-archive")
        self._room = _WORKERS + _WAITING

    def close(self) -> None:
        """End the threads once what runs is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def search(self, chosen: Filter, after: str | None = None, limit: int = 50) -> Page:
        """Return a page of incidents.

        Args:
            chosen: Which.
            after: Where the page begins: the `after` of the one before.
            limit: How many at most, 1 to 200.

        Raises:
            ArchiveBusyError: Too many wait, or the search took over 3 s.
            ValueError: `after` is none that a page gave.
            SQLAlchemyError: The ledger cannot be read.
        """
        place = None if after is None else cursor(after)
        return await self._run(lambda connection: search(connection, chosen, place, max(1, min(limit, MAX_PAGE))))

    async def timeline(self, incident_id: str, after: int = 0) -> Timeline:
        """Return what happened with an incident, at most 2,000 rows from behind row `after` on.

        Raises:
            UnknownIncidentError: There is no such incident.
            ArchiveBusyError: Too many wait.
            SQLAlchemyError: The ledger cannot be read.
        """
        return await self._run(lambda connection: timeline(connection, incident_id, after))

    async def ask(self, ask: Callable[[Connection], T]) -> T:
        """Return what another question to the ledger answers, within the same bounds.

        Raises:
            ArchiveBusyError: Too many wait, or it took over 3 s.
            SQLAlchemyError: The ledger cannot be read.
        """
        return await self._run(ask)

    async def _run(self, ask: Callable[[Connection], T]) -> T:
        if self._room <= 0:
            raise ArchiveBusyError("too many searches wait; ask again in some seconds")
        self._room -= 1
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, ask)
        # Whoever asked may be gone; the thread is busy until its work ends.
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def _done(self, work: asyncio.Future[T]) -> None:
        self._room += 1
        if not work.cancelled():
            work.exception()  # seen, also when nobody waits for it any more

    def _ask(self, ask: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            if isinstance(raw, sqlite3.Connection):
                end = time.monotonic() + _TOO_LONG_S
                raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
            try:
                return ask(connection)
            except OperationalError as error:
                if any(words in str(error.orig) for words in _INTERRUPTED):
                    raise ArchiveBusyError(f"the search took over {_TOO_LONG_S:g} s; ask for less") from None
                raise
