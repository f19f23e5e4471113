"""How a ledger on a PostgreSQL server is opened.

Rules:
- Whoever writes takes one lock of the database first, as SQLite's `BEGIN IMMEDIATE` does, so that the chain has one
  order; it goes with the transaction. Then each statement sees what was committed before: READ COMMITTED.
- Nobody waits for long: for a lock, for a server that does not answer, or for a frozen process that holds the lock.
- A commit is on the server's disk before it returns, whatever the server's default is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, Text, TypeDecorator, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from duty_desk.ledger.place import Server

if TYPE_CHECKING:
    import psycopg

LOCK: Final = 0x5369616761
"""The number of the lock that writers take: "Siaga"."""
_CONNECT_S: Final = 2
_IDLE_MS: Final = 10_000
"""How long a transaction may stand still: its process is frozen, or gone."""
_TOO_LONG_MS: Final = 30_000
"""How long a statement of a writer may take."""
_SILENT: Final[dict[str, Any]] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,  # ms
}
"""A server that is cut off is given up within about 5 s."""


class WithoutNul(TypeDecorator[str]):
    """A text in which PostgreSQL, which holds no NUL, has U+E000 and `0` for one, and U+E000 and `e` for U+E000."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Return a text as it is stored."""
        return None if value is None else value.replace("\ue000", "\ue000e").replace("\x00", "\ue0000")

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """Return a text as it was."""
        if value is None or "\ue000" not in value:
            return value
        return value.replace("\ue0000", "\x00").replace("\ue000e", "\ue000")


def open_writer(server: Server, *, busy_timeout_ms: int, keep: bool) -> Engine:
    """Return an engine for writing: each transaction takes the lock first.

    Args:
        server: The database.
        busy_timeout_ms: How long a transaction waits for another's to end.
        keep: Whether the one connection stays open until `dispose`.
    """

    def connect() -> psycopg.Connection[Any]:
        return connect_to(
            server,
            lock_timeout=busy_timeout_ms,
            statement_timeout=_TOO_LONG_MS,
            idle_in_transaction_session_timeout=_IDLE_MS,
            default_transaction_isolation="read\\ committed",
        )

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=QueuePool if keep else NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection[Any], _record: Any) -> None:
        with connection.transaction():
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")

    return engine


def open_reading(server: Server, *, statement_timeout_ms: int = 0) -> Engine:
    """Return an engine for reading only; what one connection reads is all of one moment.

    Args:
        server: The database.
        statement_timeout_ms: How long one question may take; 0 for as long as it takes.
    """

    def connect() -> psycopg.Connection[Any]:
        return connect_to(
            server,
            statement_timeout=statement_timeout_ms,
            default_transaction_read_only="on",
            default_transaction_isolation="repeatable\\ read",
        )

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def connect_to(server: Server, **settings: str | int) -> psycopg.Connection[Any]:
    """Return a connection with these settings of the server's; its caller ends it.

    Raises:
        psycopg.Error: The server cannot be reached, or refuses.
    """
    import psycopg

    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return psycopg.connect(
        server.url,
        password=server.password,
        connect_timeout=_CONNECT_S,
        client_encoding="UTF8",
        application_name="siaga",
        options=options,
        **_SILENT,
    )
