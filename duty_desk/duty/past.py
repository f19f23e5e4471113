"""What the ledger tells of the last days on duty, read backwards so that a year of it costs nothing."""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import JSON, ColumnElement, Connection, String, cast, func, select

from contract.errors import BodyError
from duty_desk.incidents.entries import parse_entry
from duty_desk.incidents.records import Record
from duty_desk.ledger.place import Place, there
from duty_desk.ledger.tables import ENTRY, open_reader, read_rows

SPAN_NS: Final = 8 * 86_400 * 10**9
MAX_RECORDS: Final = 50_000
"""The latest of them are taken."""


def read_past(ledger: Place, now_ns: int) -> list[Record]:
    """Return what the last eight days had of duty and pages, in order; empty without a ledger.

    Raises:
        SQLAlchemyError: It cannot be read.
    """
    if not there(ledger):
        return []
    engine = open_reader(ledger)
    try:
        with engine.connect() as connection:
            return _read(connection, now_ns - SPAN_NS)
    finally:
        engine.dispose()


def _read(connection: Connection, since_ns: int) -> list[Record]:
    first = _first_since(connection, since_ns)
    kind = _kind(connection)
    chosen = kind.in_(("duty", "page")) & (ENTRY.c.sequence >= first)
    latest = select(ENTRY.c.sequence).where(chosen).order_by(ENTRY.c.sequence.desc()).limit(MAX_RECORDS)
    found = []
    for row, asides in read_rows(connection, ENTRY.c.sequence.in_(latest)):
        try:
            found.append(Record(parse_entry(row.body), asides))
        except BodyError:
            continue  # the check of the chain tells of it
    return found


def _kind(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "sqlite":
        return cast(func.json_extract(ENTRY.c.body, "$.kind"), String)
    # PostgreSQL's JSON, as a text may have what JSON says and its JSONB does not hold: NUL.
    return func.json_extract_path_text(cast(ENTRY.c.body, JSON), "kind")


def _first_since(connection: Connection, since_ns: int) -> int:
    """Return a row at or before the first since a moment, by halving, as rows are all but in order of their times."""
    low, high = 1, connection.execute(select(func.max(ENTRY.c.sequence))).scalar_one_or_none() or 1
    while low < high:
        middle = (low + high) // 2
        body = connection.execute(select(ENTRY.c.body).where(ENTRY.c.sequence == middle)).scalar_one_or_none()
        if body is not None and _at_ns(body) < since_ns:
            low = middle + 1
        else:
            high = middle
    return low


def _at_ns(body: str) -> int:
    try:
        found = json.loads(body)["at_ns"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if isinstance(found, int) else 0
