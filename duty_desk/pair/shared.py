"""What two desks of one database read and write there, beside the ledger: each statement is a transaction of its own.

A desk must know soon that the server does not answer, also when the server stands still. So each connection is given up
from another thread when an answer takes too long (`Link.give_up`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ColumnElement, inspect, literal_column, select
from sqlalchemy import Connection as Transaction

from duty_desk.errors import LeaseLostError
from duty_desk.ledger.place import Server
from duty_desk.ledger.postgresql import LOCK, connect_to
from duty_desk.ledger.tables import LEASE, PAIR_DESK
from duty_desk.pair.tenure import boottime_ns
from duty_desk.pair.watch import Sight

if TYPE_CHECKING:
    import psycopg

_STATEMENT_MS: Final = 2_000
_NOW: Final = "(extract(epoch from clock_timestamp()) * 1000)::bigint"
_FROZEN: Final = "1 second"
RECENT_MS: Final = 30_000
"""A desk that told of itself so lately may run."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a desk tells of itself.

    Args:
        name: Its name.
        url: Where browsers reach it.
        keys: What it holds that no database should, by name; of each a short mark.
        fault: What is wrong with it as a standby.
        hears: Whether it reaches a broker, as a standby.
        silent_ms: How long ago it told, by the server's clock.
    """

    name: str
    url: str | None = None
    keys: Mapping[str, str] | None = None
    fault: str | None = None
    hears: bool = False
    silent_ms: int = 0


class Link:
    """One connection to the shared database, made when it is needed.

    Args:
        server: The database.
        statement_ms: How long the server may take for a statement.
    """

    def __init__(self, server: Server, *, statement_ms: int = _STATEMENT_MS) -> None:
        self._server = server
        self._statement_ms = statement_ms
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._began_ns: int | None = None

    def call(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Return what `work` answers; after an error the next call begins with a new connection.

        Raises:
            psycopg.Error: The server does not answer, or refuses.
        """
        try:
            if self._connection is None:
                self._connection = connect_to(self._server, statement_timeout=self._statement_ms)
                self._connection.autocommit = True
            with self._lock:
                self._began_ns = boottime_ns()
            return work(self._connection)
        except BaseException:
            self.close()
            raise
        finally:
            with self._lock:
                self._began_ns = None

    def give_up(self, after_ns: int) -> None:
        """From another thread: end a call that has no answer for so long. It raises then."""
        with self._lock:
            connection, began_ns = self._connection, self._began_ns
            if connection is None or began_ns is None or boottime_ns() - began_ns < after_ns:
                return
            with contextlib.suppress(Exception):  # whatever became of it meanwhile, it is given up
                ended = socket.socket(fileno=os.dup(connection.fileno()))
                with ended:
                    ended.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is broken, mostly
                connection.close()


def see(connection: psycopg.Connection[Any]) -> Sight:
    """Return the lease as it stands."""
    found = connection.execute(f"SELECT holder, epoch, until_ms, {_NOW} FROM lease WHERE id = 1".encode()).fetchone()
    if found is None:
        raise LookupError("the lease's row is gone: INSERT INTO lease VALUES (1, '', 0, 0)")
    return Sight(*found)


def take(connection: psycopg.Connection[Any], seen: Sight, name: str, lease_ms: int) -> int | None:
    """Take the lease that was seen; return the new epoch, or None where another was faster.

    Whoever stands still with the ledger's lock is thrown out: a frozen owner would keep it for 10 s.
    """
    found = connection.execute(
        f"UPDATE lease SET holder = %s, epoch = epoch + 1, until_ms = {_NOW} + %s"
        " WHERE id = 1 AND epoch = %s AND until_ms = %s RETURNING epoch".encode(),
        (name, lease_ms, seen.epoch, seen.until_ms),
    ).fetchone()
    if found is None:
        return None
    connection.execute(
        "SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s AND l.objsubid = 1"
        " AND a.datname = current_database() AND a.state LIKE 'idle in transaction%%'"
        f" AND a.state_change < clock_timestamp() - interval '{_FROZEN}'".encode(),
        (LOCK >> 32, LOCK & 0xFFFFFFFF),
    )
    epoch: int = found[0]
    return epoch


def renew(connection: psycopg.Connection[Any], name: str, epoch: int, lease_ms: int) -> bool:
    """Hold on to the lease; return False where it is another's."""
    done = connection.execute(
        f"UPDATE lease SET until_ms = {_NOW} + %s WHERE id = 1 AND holder = %s AND epoch = %s".encode(),
        (lease_ms, name, epoch),
    )
    return done.rowcount == 1


def give_back(connection: psycopg.Connection[Any], name: str, epoch: int) -> None:
    """Let the other have it at once."""
    connection.execute(b"UPDATE lease SET until_ms = 0 WHERE id = 1 AND holder = %s AND epoch = %s", (name, epoch))


def stand(connection: psycopg.Connection[Any], standing: Standing) -> None:
    """Tell of oneself."""
    connection.execute(
        f"INSERT INTO pair_desk (name, seen_ms, url, keys, fault, hears) VALUES (%s, {_NOW}, %s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET seen_ms = EXCLUDED.seen_ms, url = EXCLUDED.url, keys = EXCLUDED.keys,"
        " fault = EXCLUDED.fault, hears = EXCLUDED.hears".encode(),
        (standing.name, standing.url, json.dumps(dict(standing.keys or {})), standing.fault, standing.hears),
    )


def standing_of(connection: psycopg.Connection[Any], name: str) -> Standing | None:
    """Return what a desk tells of itself."""
    return _standing(connection, b"name = %s", name)


def other_than(connection: psycopg.Connection[Any], name: str) -> Standing | None:
    """Return what the other desk tells of itself: the one that told last."""
    return _standing(connection, b"name <> %s ORDER BY seen_ms DESC LIMIT 1", name)


def _standing(connection: psycopg.Connection[Any], which: bytes, name: str) -> Standing | None:
    query = f"SELECT name, url, keys, fault, hears, {_NOW} - seen_ms FROM pair_desk WHERE ".encode() + which
    found = connection.execute(query, (name,)).fetchone()
    if found is None:
        return None
    return Standing(found[0], found[1], json.loads(found[2]), found[3], found[4], max(0, found[5]))


def fence(transaction: Transaction, name: str, epoch: int) -> None:
    """Let nobody write but the owner, in a transaction that has the ledger's lock.

    Raises:
        LeaseLostError: Another desk has taken over.
    """
    found = transaction.execute(select(LEASE.c.holder, LEASE.c.epoch).where(LEASE.c.id == 1)).one_or_none()
    if found is None or tuple(found) != (name, epoch):
        whose = "nobody" if found is None else f"{found[0]} (epoch {found[1]})"
        raise LeaseLostError(f"the lease of {name} (epoch {epoch}) is over: it is {whose}'s")


def at_work(transaction: Transaction) -> list[str]:
    """Return the names of the desks that may run on this database, wherever they are, by the server's clock.

    It is who holds the lease, and who told of itself of late. One that gave its lease back has ended.
    """
    if not inspect(transaction).has_table(LEASE.name):
        return []
    now_ms: ColumnElement[int] = literal_column(_NOW)
    holds = LEASE.c.until_ms > now_ms
    names = set(transaction.execute(select(LEASE.c.holder).where(holds)).scalars())
    ended = select(LEASE.c.holder).where(LEASE.c.until_ms == 0)
    told = PAIR_DESK.c.seen_ms > now_ms - RECENT_MS
    names |= set(transaction.execute(select(PAIR_DESK.c.name).where(told, PAIR_DESK.c.name.not_in(ended))).scalars())
    return sorted(names)
