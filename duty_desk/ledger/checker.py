"""The check of the whole chain behind a running desk: a thread with a reader of its own, which nothing waits for.

Rules:
- A few rows at a time, each time by a new connection, so that no commit and no checkpoint ever waits for a reader.
- It rests three times as long as it works, so that it leaves the processor to who rings.
- The first row that does not fit ends it. A file that cannot be read is tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from duty_desk.errors import LedgerBrokenError
from duty_desk.ledger.chain import Row, check_asides, check_row
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import ENTRY, open_reader, read_rows

_ROWS: Final = 250
_REST: Final = 3.0
_AGAIN_S: Final = 1.0

_log = logging.getLogger("siaga.desk.ledger")


class Checker:
    """Walks the chain once, from its first row to the one that is last by then.

    Args:
        path: The SQLite file, or the database.
        broken: Called in the thread with the first row that does not fit.
    """

    def __init__(self, path: Place, broken: Callable[[LedgerBrokenError], None]) -> None:
        self._path = path
        self._broken = broken
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk-ledger-check", daemon=True)
        self.rows = 0
        """Rows found to fit so far."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End the thread, if it runs."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        engine = open_reader(self._path)
        last: Row | None = None
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                found = self._step(engine, last)
            except LedgerBrokenError as error:
                self._broken(error)
                return
            except (SQLAlchemyError, OSError) as error:
                _log.warning("the ledger's chain cannot be checked now: %s", getattr(error, "orig", None) or error)
                self._stop.wait(_AGAIN_S)
                continue
            if found is last:
                _log.info("the ledger's chain is whole: %d rows", self.rows)
                return
            last = found
            self._stop.wait((time.monotonic() - started) * _REST)

    def _step(self, engine: Engine, last: Row | None) -> Row | None:
        """Check the next rows; return the last of them, or `last` itself at the end."""
        after = 0 if last is None else last.sequence
        with engine.connect() as connection:
            for row, asides in read_rows(connection, ENTRY.c.sequence > after, limit=_ROWS):
                check_row(last, row)
                check_asides(row, asides)
                last = row
                self.rows += 1
        return last
