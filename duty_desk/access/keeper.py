"""Keeps memory and accounts.db in step: a thread of its own, so that a slow or broken disk never delays a page.

Rules:
- At the start it reads everything, and again within POLL_S after another process changed the file.
- What it cannot read stays in memory as it was; what it cannot write waits and is tried again.
- A file that was replaced is opened anew; one that vanished while the desk runs is a fault, never an empty one.
- The callbacks run in the thread.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from duty_desk.access.people import Account, ApiToken, Session
from duty_desk.access.store import (
    open_accounts,
    put_sessions,
    read_accounts,
    read_sessions,
    read_tokens,
    remove_sessions,
)

POLL_S: Final = 0.5
MAX_ENDED: Final = 10_000
"""Ended sessions whose removal may wait; beyond that the oldest stay on disk until they are too old."""
MAX_AWAITED: Final = 100
"""Sessions whose writing is reported; whoever logs in while more wait gives up waiting, not the session."""

_log = logging.getLogger("siaga.desk.accounts")

Learned = Callable[[list[Account], list[ApiToken], list[Session]], None]


class Keeper:
    """The thread.

    Args:
        path: accounts.db; made when missing at the start.
        on_learned: Called with accounts, tokens and (the first time only) sessions.
        on_fault: Called when `fault` changed.
    """

    def __init__(self, path: Path, *, on_learned: Learned, on_fault: Callable[[], None]) -> None:
        self.path = path
        self.fault: str | None = None
        self._on_learned = on_learned
        self._on_fault = on_fault
        self._changed = threading.Condition()
        self._stopping = False
        self._dirty: dict[str, Session] = {}
        self._ended: dict[str, None] = {}
        self._written: list[Future[None]] = []
        self._begun = False
        self._thread = threading.Thread(target=self._run, name="desk-accounts", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Write what waits, if that works at once, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def save(self, session: Session) -> Future[None]:
        """Write a session soon; return what is done when it is on disk."""
        done: Future[None] = Future()
        with self._changed:
            self._dirty[session.id] = copy.copy(session)
            if len(self._written) < MAX_AWAITED:
                self._written.append(done)
            self._changed.notify_all()
        return done

    def touch(self, session: Session) -> None:
        """Write a session's use with the next round; nobody waits for it."""
        with self._changed:
            self._dirty[session.id] = copy.copy(session)

    def forget(self, session: Session) -> None:
        """Remove a session soon."""
        with self._changed:
            self._dirty.pop(session.id, None)
            if len(self._ended) < MAX_ENDED:
                self._ended[session.id] = None
            self._changed.notify_all()

    # The thread

    def _run(self) -> None:
        while not self._is_stopping():
            try:
                self._work(open_accounts(self._there()))
            except Exception as error:  # noqa: BLE001 - whatever is in the file, the thread must not end
                self._failed(error)
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, timeout=POLL_S)

    def _there(self) -> Path:
        """Return the path; after the first reading the file must be there."""
        if self._begun and not self.path.exists():
            raise FileNotFoundError(f"{self.path} is gone")
        return self.path

    def _work(self, engine: Engine) -> None:
        """Read and write until the file is another one or the desk stops."""
        identity = _identity(self.path)
        try:
            with engine.connect() as connection:
                seen = -1
                while True:
                    version = _data_version(connection)
                    if version != seen:
                        self._read(connection)
                        seen = version
                    self._write(connection)
                    self._succeeded()
                    if self._is_stopping() or _identity(self.path) != identity:
                        return
                    with self._changed:
                        self._changed.wait_for(lambda: self._stopping or bool(self._written), timeout=POLL_S)
        finally:
            engine.dispose()

    def _read(self, connection: Connection) -> None:
        with connection.begin():
            accounts, tokens = read_accounts(connection), read_tokens(connection)
            sessions = [] if self._begun else read_sessions(connection)
        self._begun = True
        self._on_learned(accounts, tokens, sessions)

    def _write(self, connection: Connection) -> None:
        with self._changed:
            dirty, ended, written = dict(self._dirty), list(self._ended), list(self._written)
        if dirty or ended:
            with connection.begin():
                put_sessions(connection, dirty.values())
                remove_sessions(connection, ended)
        with self._changed:
            for each, session in dirty.items():
                if self._dirty.get(each) is session:
                    del self._dirty[each]
            for each in ended:
                del self._ended[each]
            del self._written[: len(written)]
        for done in written:
            # Whoever waited may have given up.
            if done.set_running_or_notify_cancel():
                done.set_result(None)

    def _is_stopping(self) -> bool:
        with self._changed:
            return self._stopping and not (self._begun and self.fault is None and (self._dirty or self._ended))

    def _failed(self, error: Exception) -> None:
        reason = str(getattr(error, "orig", None) or error)
        if self.fault == reason:
            return
        _log.error("the accounts %s cannot be used: %s; who is in stays in; trying again", self.path, reason)
        self.fault = reason
        self._on_fault()

    def _succeeded(self) -> None:
        if self.fault is not None:
            self.fault = None
            _log.warning("the accounts %s can be used again", self.path)
            self._on_fault()


def _data_version(connection: Connection) -> int:
    """Return a number that changes when another process commits. Outside of transactions, so that it takes no lock."""
    driver = connection.connection.driver_connection
    assert driver is not None
    found: int = driver.execute("PRAGMA data_version").fetchone()[0]
    return found


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
