"""The ledger's tables, as a standby finds or makes them: on a connection that is given up when no answer comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from duty_desk.ledger.postgresql import LOCK
from duty_desk.ledger.tables import HEAD, upgrade

if TYPE_CHECKING:
    import psycopg

_BUSY: Final = "5s"
_IDLE: Final = "10s"


def are_newest(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the tables are of this release. It waits for no writer."""
    found = connection.execute(b"SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return False
    return connection.execute(b"SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def make(connection: psycopg.Connection[Any]) -> None:
    """Bring the tables to the newest version, with the ledger's lock. The connection is to be closed afterwards.

    Raises:
        OSError: They are of a newer release.
        SQLAlchemyError: The server refuses, or the connection was given up.
    """
    connection.autocommit = False
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.begin() as transaction:
        transaction.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY}'")
        transaction.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE}'")
        transaction.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        upgrade(transaction)
