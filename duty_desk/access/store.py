"""accounts.db: accounts, tokens and sessions on disk. The running desk and the commands open it beside each other."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.pool import NullPool

from duty_desk.access.people import Account, ApiToken, Session
from duty_desk.access.roles import ROLES

VERSION: Final = 1
_BUSY_TIMEOUT_MS: Final = 2_000

METADATA = MetaData()
ACCOUNT = Table(
    "account",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("display", String(80), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_ns", Integer, nullable=False),
)
TOKEN = Table(
    "token",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_ns", Integer, nullable=False),
)
SESSION = Table(
    "session",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("account", String(40), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_ns", Integer, nullable=False),
    Column("used_ns", Integer, nullable=False),
    Column("screen", String(40)),
)


def open_accounts(path: Path) -> Engine:
    """Return an engine for the file, made when missing: WAL, each commit synced, transactions that lock at once.

    Raises:
        SQLAlchemyError, OSError: It cannot be opened, or a newer version of Siaga made it.
    """
    return open_private(path, METADATA, VERSION)


def open_private(path: Path, tables: MetaData, newest: int) -> Engine:
    """Return the same for a file of other tables, which its owner alone can read; `newest` is the version of them.

    Raises:
        SQLAlchemyError, OSError: It cannot be opened, or a newer version of Siaga made it.
    """
    _make(path)
    engine = create_engine(f"sqlite+pysqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > newest:
            raise OSError(f"{path} is of a newer version ({version}); this one reads {newest}")
        if version < newest:
            tables.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={newest}")
    return engine


def _make(path: Path) -> None:
    """Make an empty file that its owner alone can read: whoever owns the folder, also when root makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)


def read_accounts(connection: Connection) -> list[Account]:
    """Return all accounts, by name.

    Raises:
        ValueError: One has a role that does not exist.
    """
    accounts = [Account(**row) for row in connection.execute(select(ACCOUNT).order_by(ACCOUNT.c.name)).mappings()]
    for account in accounts:
        if account.role not in ROLES:
            raise ValueError(f"{account.name} has an unknown role: {account.role}")
    return accounts


def read_tokens(connection: Connection) -> list[ApiToken]:
    """Return all tokens of other systems, by name."""
    return [ApiToken(**row) for row in connection.execute(select(TOKEN).order_by(TOKEN.c.name)).mappings()]


def read_sessions(connection: Connection) -> list[Session]:
    """Return all sessions, the last used first."""
    query = select(SESSION).order_by(SESSION.c.used_ns.desc())
    return [Session(**row) for row in connection.execute(query).mappings()]


def put_account(connection: Connection, account: Account) -> None:
    """Write a new or changed account."""
    row = _row(account, ACCOUNT)
    statement = upsert(ACCOUNT).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=[ACCOUNT.c.name], set_=row))


def add_token(connection: Connection, token: ApiToken) -> None:
    """Write a new token."""
    connection.execute(insert(TOKEN).values(_row(token, TOKEN)))


def remove_token(connection: Connection, name: str) -> None:
    """Remove a token."""
    connection.execute(delete(TOKEN).where(TOKEN.c.name == name))


def put_sessions(connection: Connection, sessions: Iterable[Session]) -> None:
    """Write sessions, new ones and those whose use or screen changed."""
    for session in sessions:
        row = _row(session, SESSION)
        statement = upsert(SESSION).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=[SESSION.c.id], set_=row))


def remove_sessions(connection: Connection, ids: Iterable[str]) -> None:
    """Remove sessions that ended."""
    for each in ids:
        connection.execute(delete(SESSION).where(SESSION.c.id == each))


def _row(value: Account | ApiToken | Session, table: Table) -> dict[str, Any]:
    return {column.name: getattr(value, column.name) for column in table.columns}
