"""Erasing texts beside the chain, as the law may ask for: an incident's, or a person's name beside log-ins and changes
of accounts. The chain stays whole and tells of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Final, get_args

from sqlalchemy import Connection, Engine, delete, select

from duty_desk.errors import NothingToEraseError, UnknownIncidentError
from duty_desk.incidents.entries import MAX_ERASED_ROWS, ErasedEntry, PersonErasedEntry, PersonField, TextName
from duty_desk.incidents.records import Aside, Record
from duty_desk.ledger.append import append
from duty_desk.ledger.derived import follows, mend
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import ASIDE, INCIDENT, INCIDENT_ROW, last_row, open_engine, upgrade

_BUSY_MS: Final = 5_000
_AGAIN_S: Final = 0.1


def erase(
    path: Place, incident_id: str, names: Sequence[TextName], *, who: str, why: str, now_ns: int
) -> tuple[list[TextName], bool]:
    """Erase texts beside an incident's rows, and write down that they were; a desk may be running beside it.

    Args:
        path: The SQLite file, or the database.
        incident_id: The incident.
        names: Which texts.
        who: Who erases them; stands beside the chain.
        why: Why; stands beside the chain.
        now_ns: The centre's time in ns.

    Returns:
        Which of them were there, and whether they are gone from the file of recent writes (`-wal`) too: a reader that
        takes longer than 5 s keeps them there until the desk's next checkpoint. On a server: from the table's file,
        which is written anew; its write-ahead log, and what copies that, keep them for a while.

    Raises:
        UnknownIncidentError: There is no such incident.
        NothingToEraseError: There is no such text.
        SQLAlchemyError: The file cannot be written.
    """
    engine = open_engine(path, busy_timeout_ms=_BUSY_MS)
    with engine.begin() as connection:
        upgrade(connection)
        up_to_date = follows(connection, last_row(connection))
    if not up_to_date:
        mend(engine)
    with engine.begin() as connection:
        erased = _erase(connection, incident_id, names)
        beside = {"who": Aside.of(who), "why": Aside.of(why)}
        entry = ErasedEntry(
            at_ns=now_ns,
            incident_id=incident_id,
            fields=tuple(erased),
            who=beside["who"].hash,
            why=beside["why"].hash,
        )
        append(connection, [Record(entry, beside)])
    return erased, _truncate(engine)


def erase_person(path: Place, name: str, *, who: str, why: str, now_ns: int) -> tuple[int, bool]:
    """Erase a person's name wherever somebody came, went, exported or changed who may come; a desk may be running.

    Args:
        path: The SQLite file, or the database.
        name: The name of an account, or the name that others see, in full.
        who: Who erases it; stands beside the chain.
        why: Why; stands beside the chain.
        now_ns: The centre's time in ns.

    Returns:
        Beside how many rows it stood, and whether it is gone from the file of recent writes too, as by `erase`.

    Raises:
        NothingToEraseError: There is no such name.
        SQLAlchemyError: The file cannot be written.
    """
    engine = open_engine(path, busy_timeout_ms=_BUSY_MS)
    with engine.begin() as connection:
        upgrade(connection)
        rows: set[int] = set()
        records: list[Record] = []
        for field in get_args(PersonField):
            named = (ASIDE.c.field == field, ASIDE.c.text == name)
            found = sorted(connection.scalars(select(ASIDE.c.sequence).where(*named)))
            connection.execute(delete(ASIDE).where(*named))
            rows.update(found)
            for start in range(0, len(found), MAX_ERASED_ROWS):
                beside = {"who": Aside.of(who), "why": Aside.of(why)}
                entry = PersonErasedEntry(
                    at_ns=now_ns,
                    field=field,
                    rows=tuple(found[start : start + MAX_ERASED_ROWS]),
                    who=beside["who"].hash,
                    why=beside["why"].hash,
                )
                records.append(Record(entry, beside))
        if not rows:
            raise NothingToEraseError("this name stands beside no log-in and no change of who may come")
        append(connection, records)
    return len(rows), _truncate(engine)


def _erase(connection: Connection, incident_id: str, names: Sequence[TextName]) -> list[TextName]:
    first = connection.execute(select(INCIDENT.c.first).where(INCIDENT.c.id == incident_id)).scalar_one_or_none()
    if first is None:
        raise UnknownIncidentError(incident_id)
    rows = select(INCIDENT_ROW.c.sequence).where(INCIDENT_ROW.c.first == first)
    there = set(connection.scalars(select(ASIDE.c.field).where(ASIDE.c.sequence.in_(rows)).distinct()))
    erased = [name for name in names if name in there]
    if not erased:
        raise NothingToEraseError(f"incident {incident_id}: no {' and no '.join(names)} stands beside it")
    connection.execute(delete(ASIDE).where(ASIDE.c.sequence.in_(rows), ASIDE.c.field.in_(erased)))
    return erased


def _truncate(engine: Engine) -> bool:
    """Empty the file of recent writes; return whether that worked in time. A server writes the table's file anew."""
    if engine.dialect.name == "postgresql":
        return _write_anew(engine)
    deadline = time.monotonic() + _BUSY_MS / 1_000
    with closing(engine.raw_connection()) as connection:
        while True:
            cursor = connection.cursor()
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_AGAIN_S)


def _write_anew(engine: Engine) -> bool:
    with closing(engine.raw_connection()) as connection:
        connection.rollback()
        connection.dbapi_connection.autocommit = True  # type: ignore[union-attr]  # psycopg's
        try:
            cursor = connection.cursor()
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("VACUUM FULL aside")
        except engine.dialect.loaded_dbapi.OperationalError:  # somebody reads for longer than 5 s
            return False
    return True
