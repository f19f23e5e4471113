"""The ledger's tables, and how its SQLite file is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.pool import NullPool

from duty_desk.incidents.records import Aside
from duty_desk.ledger.chain import Row

METADATA = MetaData()
ENTRY = Table(
    "entry",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("previous", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
ASIDE = Table(
    "aside",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("field", String(32), primary_key=True),
    Column("salt", String(32), nullable=False),
    Column("text", Text, nullable=False),
)
EPOCH = Table(
    "epoch",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("epoch_ms", Integer, nullable=False),
)

HEAD = "0001"
"""The newest revision in duty_desk/ledger/migrations."""

_BUSY_TIMEOUT_MS = 200
_FETCH = 1_000


def open_engine(path: Path) -> Engine:
    """Return an engine that opens the file for writing: WAL, each commit synced, transactions that lock at once."""
    engine = create_engine(f"sqlite+pysqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def open_reader(path: Path) -> Engine:
    """Return an engine that opens the file for reading only, beside a desk that writes it."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version."""
    if _revision(connection) == HEAD:
        return
    # Alembic takes 0.3 s to import, which a desk that comes back after a crash can do without.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def read_rows(connection: Connection) -> Iterator[tuple[Row, dict[str, Aside]]]:
    """Yield each row in order, with the texts beside it, without holding them all."""
    query = (
        select(ENTRY, ASIDE.c.field, ASIDE.c.salt, ASIDE.c.text)
        .select_from(ENTRY.outerjoin(ASIDE, ENTRY.c.sequence == ASIDE.c.sequence))
        .order_by(ENTRY.c.sequence)
    )
    row: Row | None = None
    asides: dict[str, Aside] = {}
    for sequence, previous, body, hash_, field, salt, beside in connection.execution_options(yield_per=_FETCH).execute(
        query
    ):
        if row is None or row.sequence != sequence:
            if row is not None:
                yield row, asides
            row, asides = Row(sequence, previous, body, hash_), {}
        if field is not None:
            asides[field] = Aside(salt, beside)
    if row is not None:
        yield row, asides
