"""The ledger's tables, and how its SQLite file, or its database on a server, is opened."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    false,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool, QueuePool

from duty_desk.incidents.records import Aside
from duty_desk.ledger.chain import Row
from duty_desk.ledger.place import Place, Server
from duty_desk.ledger.postgresql import WithoutNul, open_reading, open_writer

METADATA = MetaData()
# SQLite has one kind of integer, and this name for it where a number is the row's own.
_LARGE = BigInteger().with_variant(Integer(), "sqlite")
_BESIDE = Text().with_variant(WithoutNul(), "postgresql")

ENTRY = Table(
    "entry",
    METADATA,
    Column("sequence", _LARGE, primary_key=True, autoincrement=False),
    Column("previous", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
ASIDE = Table(
    "aside",
    METADATA,
    Column("sequence", _LARGE, primary_key=True, autoincrement=False),
    Column("field", String(32), primary_key=True),
    Column("salt", String(32), nullable=False),
    Column("text", _BESIDE, nullable=False),
    Index("aside_text", "field", "text"),
)
EPOCH = Table(
    "epoch",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("epoch_ms", _LARGE, nullable=False),
)

# Derived from the chain by `derived.py`, and made anew from it whenever they are missing or behind.
INCIDENT = Table(
    "incident",
    METADATA,
    Column("first", _LARGE, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("device", String(63)),
    Column("button", String(63)),
    Column("category", String(16)),
    Column("state", String(16), nullable=False),
    Column("opened_at_ns", BigInteger, nullable=False),
    Column("received_at_ns", BigInteger, nullable=False),
    Column("accepted_at_ns", BigInteger),
    Column("departed_at_ns", BigInteger),
    Column("resolved_at_ns", BigInteger),
    Column("ended_at_ns", BigInteger),
    Column("accepted_row", _LARGE),
    Column("ended_row", _LARGE),
    Column("presses", Integer, nullable=False),
    Column("escalated", Integer, nullable=False),
    Column("reason", String(16)),
    Index("incident_id", "id", unique=True),
    Index("incident_opened", "opened_at_ns", "first", "state", "origin", "status", "device", "button"),
    Index("incident_ended", "ended_row"),
)
INCIDENT_ROW = Table(
    "incident_row",
    METADATA,
    Column("first", _LARGE, primary_key=True, autoincrement=False),
    Column("sequence", _LARGE, primary_key=True, autoincrement=False),
    Index("incident_row_sequence", "sequence"),
    sqlite_with_rowid=False,
)
SEEN = Table(
    "seen",
    METADATA,
    Column("device", String(63), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("sequence", _LARGE, nullable=False),
    Column("incident_id", String(36), nullable=False),
    Column("incomplete", Boolean, nullable=False),
    Index("seen_sequence", "sequence"),
)
DERIVED = Table(
    "derived",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sequence", _LARGE, nullable=False),
    Column("hash", String(64), nullable=False),
)

# What two desks of one database share; empty where there is one. `duty_desk/pair` says who writes what when.
LEASE = Table(
    "lease",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("holder", String(63), nullable=False),
    Column("epoch", _LARGE, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
PAIR_DESK = Table(
    "pair_desk",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
    Column("url", String(300)),
    Column("keys", Text, nullable=False),
    Column("fault", Text),
    Column("hears", Boolean, nullable=False, server_default=false()),
)
DESK_FILE = Table(
    "desk_file",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

HEAD = "0004"
"""The newest revision in duty_desk/ledger/migrations."""

_BUSY_TIMEOUT_MS = 200
_FETCH = 1_000


def open_engine(path: Place, *, busy_timeout_ms: int = _BUSY_TIMEOUT_MS, keep: bool = False) -> Engine:
    """Return an engine for writing: each commit synced, transactions that lock at once. A file is in WAL mode.

    What is deleted in a file is overwritten, so that an erased text is not left on free pages.

    Args:
        path: The SQLite file, or the database.
        busy_timeout_ms: How long a transaction waits for another's to end.
        keep: Whether the one connection stays open until `dispose`: the last to close empties the recent writes into
            the file, which takes more syncs than the commit itself.
    """
    if isinstance(path, Server):
        return open_writer(path, busy_timeout_ms=busy_timeout_ms, keep=keep)
    pool = QueuePool if keep else NullPool
    engine = create_engine(f"sqlite+pysqlite:///{path}", poolclass=pool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={busy_timeout_ms}",
            "secure_delete=ON",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def open_reader(path: Place, *, too_long_s: float = 0.0) -> Engine:
    """Return an engine for reading only, beside a desk that writes.

    What one connection reads is all of one moment.

    Args:
        path: The SQLite file, or the database.
        too_long_s: After how long a server ends a question, in seconds; 0 for never. A file knows no such thing.
    """
    if isinstance(path, Server):
        return open_reading(path, statement_timeout_ms=round(too_long_s * 1_000))
    file = path.absolute().as_uri()

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{file}?mode=ro", uri=True, timeout=2.0, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def upsert(connection: Connection, table: Table, keys: Sequence[str], later: Sequence[str]) -> Insert:
    """Return the statement that inserts a row, or changes some columns of the one that has its keys.

    Args:
        connection: A connection to the ledger.
        table: The table.
        keys: The columns of its primary key.
        later: The columns that are changed where the row is there already.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        server = postgresql.insert(table)
        return server.on_conflict_do_update(index_elements=keys, set_={name: server.excluded[name] for name in later})
    file = sqlite.insert(table)
    return file.on_conflict_do_update(index_elements=keys, set_={name: file.excluded[name] for name in later})


@contextlib.contextmanager
def scratch() -> Iterator[Connection]:
    """Yield a connection to an empty ledger in a temporary file, for what is too much to hold in memory."""
    with tempfile.TemporaryDirectory(prefix="siaga-ledger-") as folder:
        engine = create_engine(f"sqlite+pysqlite:///{folder}/scratch.db", poolclass=NullPool)
        with engine.connect() as connection:
            for pragma in ("journal_mode=OFF", "synchronous=OFF"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
            METADATA.create_all(connection)
            yield connection
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version.

    Raises:
        OSError: They are of a newer release.
    """
    revision = _revision(connection)
    if revision == HEAD:
        return
    # Alembic takes 0.3 s to import, which a desk that comes back after a crash can do without.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        told = (
            f"its tables are of a newer release than this one (revision {revision}, not {HEAD}): install that one again"
        )
        raise OSError(told) from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def last_row(connection: Connection) -> Row | None:
    """Return the chain's last row."""
    found = connection.execute(select(ENTRY).order_by(ENTRY.c.sequence.desc()).limit(1)).one_or_none()
    return None if found is None else Row(*found)


def read_rows(
    connection: Connection, where: ColumnElement[bool] | None = None, *, limit: int | None = None
) -> Generator[tuple[Row, dict[str, Aside]], None, None]:
    """Yield rows in order, with the texts beside each, without holding them all.

    Args:
        connection: A connection to the ledger.
        where: Which rows, by the columns of `ENTRY`; None for all.
        limit: How many rows at most.
    """
    chosen = select(ENTRY).order_by(ENTRY.c.sequence).limit(limit)
    if where is not None:
        chosen = chosen.where(where)
    rows = chosen.subquery() if limit is not None or where is not None else ENTRY
    query = (
        select(rows, ASIDE.c.field, ASIDE.c.salt, ASIDE.c.text)
        .select_from(rows.outerjoin(ASIDE, rows.c.sequence == ASIDE.c.sequence))
        .order_by(rows.c.sequence)
    )
    row: Row | None = None
    asides: dict[str, Aside] = {}
    # A few rows need no cursor on a server.
    few = limit is not None and connection.dialect.name == "postgresql"
    with connection.execute(query, execution_options={} if few else {"yield_per": _FETCH}) as found:
        for sequence, previous, body, hash_, field, salt, beside in found:
            if row is None or row.sequence != sequence:
                if row is not None:
                    yield row, asides
                row, asides = Row(sequence, previous, body, hash_), {}
            if field is not None:
                asides[field] = Aside(salt, beside)
    if row is not None:
        yield row, asides
