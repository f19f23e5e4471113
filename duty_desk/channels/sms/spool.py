"""sms.db: what gammu-smsd sends and what came, shared with it, and beside that whom each message went to.

gammu-smsd's own tables are of its version 17, that of Debian 12. It compares times in local time with rows that its
schema stamps in UTC, so ours are stamped with a past that is past everywhere. It waits for no lock, but opens
the file anew after a second, so that what only reads takes none. Every method is one short transaction on the disk,
and none is for the event loop.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from duty_desk.channels.sms.schema import SCHEMA

MAX_ROWS: Final = 5_000
"""Messages that are kept of each kind, the latest."""
_WAIT_S: Final = 2.0
_PAST: Final = "2000-01-01 00:00:00"
_SENT: Final = ("SendingOK", "SendingOKNoReport", "DeliveryPending", "DeliveryUnknown")

Became = Literal["waiting", "sent", "delivered", "undelivered", "failed", "gone"]
"""gone: there is no such message, neither to be sent nor sent."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A message that was written. `code` and `incident_id` are None for a page about no incident."""

    page: str
    account: str
    number: str
    incident_id: str | None
    code: str | None
    title: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class State:
    """What became of a message; `error` is the modem's number for why not, -1 for none."""

    became: Became
    error: int = -1


@dataclass(frozen=True, slots=True)
class Life:
    """Signs of gammu-smsd's life. They are compared with earlier ones, never with a clock.

    `signal` is the reception in percent, -1 when the modem says that it has none, None when the modem did not say.
    """

    stamp: str | None
    signal: int | None
    sent: int


@dataclass(frozen=True, slots=True)
class Came:
    """A message that came from a phone."""

    id: int
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that came, and what was made of it."""

    at_ns: int
    number: str
    text: str
    verdict: str


class Spool:
    """An open sms.db.

    Args:
        path: Made when missing; the desk's and gammu-smsd's user must be the same.

    Raises:
        sqlite3.Error, OSError: It cannot be used; by the methods too.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One that is there is not opened: its closing would end the locks of all who have it open in this process,
        # and gammu-smsd, opening it anew, would take itself for the only one and put the log of the others away.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        with self._work():
            for statement in SCHEMA:
                self._database.execute(statement)

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def put(self, paged: Paged, text: str, *, urgent: bool) -> None:
        """Write a message to be sent; it expires after ten minutes in the network."""
        with self._work():
            self._database.execute(
                "INSERT INTO siaga_page VALUES (?, ?, ?, ?, ?, ?, ?)",
                (paged.page, paged.account, paged.number, paged.incident_id, paged.code, paged.title, paged.at_ns),
            )
            self._send(paged.page, paged.number, text, urgent=urgent)
            for table in ("siaga_page", "sentitems"):
                self._database.execute(
                    f"DELETE FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - ?", (MAX_ROWS,)
                )

    def answer(self, number: str, text: str) -> None:
        """Write a message that answers one, of which nothing more is asked."""
        with self._work():
            self._send("-", number, text, urgent=False)

    def withdraw(self, page: str) -> bool:
        """Take a message back that was not sent; return whether it was still there."""
        with self._work():
            return self._database.execute("DELETE FROM outbox WHERE CreatorID = ?", (page,)).rowcount > 0

    def states(self, pages: Iterable[str]) -> dict[str, State]:
        """Return what became of messages."""
        found: dict[str, State] = {}
        with self._reading():
            for page in pages:
                row = self._database.execute(
                    "SELECT Retries, StatusCode FROM outbox WHERE CreatorID = ?", (page,)
                ).fetchone()
                if row is not None:
                    found[page] = State("failed", row[1]) if row[0] else State("waiting")
                    continue
                row = self._database.execute(
                    "SELECT Status, StatusCode FROM sentitems WHERE CreatorID = ?", (page,)
                ).fetchone()
                found[page] = State("gone") if row is None else State(_became(row[0]), row[1])
        return found

    def life(self) -> Life:
        """Return the latest signs of life."""
        # gammu-smsd begins with -1 for battery and signal, though it has asked for neither, and writes 0 for a signal
        # when the modem gives no answer; a modem without a network answers, and that is -1.
        with self._reading():
            row = self._database.execute(
                "SELECT UpdatedInDB, CASE WHEN Battery < 0 OR Signal = 0 THEN NULL ELSE Signal END, Sent"
                " FROM phones ORDER BY UpdatedInDB DESC LIMIT 1"
            ).fetchone()
        return Life(None, None, 0) if row is None else Life(str(row[0]), row[1], row[2])

    def pages(self, since_ns: int) -> list[Paged]:
        """Return the messages written since, oldest first."""
        with self._reading():
            rows = self._database.execute("SELECT * FROM siaga_page WHERE at_ns >= ? ORDER BY rowid", (since_ns,))
            return [Paged(*row) for row in rows]

    def came(self) -> list[Came]:
        """Return what came and was not settled yet, a hundred at most."""
        with self._reading():
            rows = self._database.execute(
                "SELECT ID, SenderNumber, TextDecoded FROM inbox WHERE Processed = 'false' ORDER BY ID LIMIT 100"
            )
            return [Came(*row) for row in rows]

    def settle(self, came: Came, at_ns: int, verdict: str) -> None:
        """Write down what was made of a message that came."""
        with self._work():
            self._database.execute("DELETE FROM inbox WHERE ID = ?", (came.id,))
            self._database.execute(
                "INSERT INTO siaga_reply VALUES (?, ?, ?, ?)", (at_ns, came.number, came.text[:1_000], verdict)
            )
            self._database.execute(
                "DELETE FROM siaga_reply WHERE rowid <= (SELECT max(rowid) FROM siaga_reply) - ?", (MAX_ROWS,)
            )

    def replies(self, most: int) -> list[Kept]:
        """Return what came and what was made of it, the latest first."""
        with self._reading():
            rows = self._database.execute("SELECT * FROM siaga_reply ORDER BY rowid DESC LIMIT ?", (most,))
            return [Kept(*row) for row in rows]

    def _send(self, page: str, number: str, text: str, *, urgent: bool) -> None:
        # RelativeValidity 1 is ten minutes (3GPP TS 23.040, 9.2.3.12.1).
        self._database.execute(
            "INSERT INTO outbox (DestinationNumber, TextDecoded, CreatorID, RelativeValidity, DeliveryReport, Priority,"
            " InsertIntoDB, SendingDateTime, SendingTimeOut)"
            " VALUES (?, ?, ?, 1, 'yes', ?, datetime('now', 'localtime'), ?, ?)",
            (number, text, page, 9 if urgent else 0, _PAST, _PAST),
        )

    def _work(self) -> contextlib.AbstractContextManager[None]:
        return self._transaction("IMMEDIATE")

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return self._transaction("DEFERRED")

    @contextlib.contextmanager
    def _transaction(self, lock: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
        self._database.execute(f"BEGIN {lock}")
        try:
            yield
        except BaseException:  # whatever ends it, an interrupt too: the next one must not find this one open
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _became(status: str) -> Became:
    if status == "DeliveryOK":
        return "delivered"
    if status == "DeliveryFailed":
        return "undelivered"
    return "sent" if status in _SENT else "failed"
