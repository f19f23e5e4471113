"""Appending to the chain, by whoever holds the write lock: the desk's writer, or a command beside it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from duty_desk.incidents.entries import canonical
from duty_desk.incidents.records import Record
from duty_desk.ledger.chain import Row, link
from duty_desk.ledger.derived import derive, follows
from duty_desk.ledger.tables import ASIDE, ENTRY, last_row


def append(connection: Connection, records: Sequence[Record]) -> list[Row]:
    """Append records within the connection's transaction; return their rows.

    The last row is read anew each time, as another process may have appended since. Derived tables that are behind stay
    behind: who makes them anew comes to these rows too.
    """
    last = last_row(connection)
    up_to_date = follows(connection, last)
    rows: list[Row] = []
    for record in records:
        last = link(last, canonical(record.entry))
        rows.append(last)
    if last is None or not rows:
        return []
    connection.execute(
        insert(ENTRY),
        [{"sequence": row.sequence, "previous": row.previous, "body": row.body, "hash": row.hash} for row in rows],
    )
    asides = [
        {"sequence": row.sequence, "field": name, "salt": aside.salt, "text": aside.text}
        for row, record in zip(rows, records, strict=True)
        for name, aside in record.asides.items()
    ]
    if asides:
        connection.execute(insert(ASIDE), asides)
    if up_to_date:
        derive(connection, [(row.sequence, record.entry) for row, record in zip(rows, records, strict=True)], last)
    return rows
