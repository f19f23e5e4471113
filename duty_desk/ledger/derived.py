"""The tables derived from the chain, so that nobody has to read a year to know what is going on today.

Rules:
- `incident` has a summary of each incident, `incident_row` which rows of the chain belong to it, `seen` the latest
  alarms and reports by which a repeat is known.
- They are written in the same transaction as the rows they come from. `derived` says up to which row they go, the hash
  of that row and which version of the fold made them; where any of this does not fit the chain they are made anew.
- They prove nothing: the chain does. `siaga desk verify-ledger` holds them against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, delete, insert, select, union_all

from contract.errors import BodyError
from duty_desk.errors import LedgerBrokenError, NotPossibleError
from duty_desk.incidents.board import MAX_ENDED, MAX_SEEN
from duty_desk.incidents.entries import Entry, parse_entry
from duty_desk.incidents.records import Record
from duty_desk.ledger.chain import GENESIS, Row, check_asides, check_content
from duty_desk.ledger.summary import VERSION, Summary, fold, incident_of, seen_key
from duty_desk.ledger.tables import DERIVED, ENTRY, INCIDENT, INCIDENT_ROW, SEEN, last_row, read_rows, upsert

_STEP: Final = 1_000
"""Rows derived at a time when the tables are made anew."""
_IDS: Final = 500
"""Ids asked for at a time."""
_TRIM_EACH: Final = 1_024

Derivable: TypeAlias = tuple[int, Entry | None]
"""A row's number and its entry, None where it is none."""


class Past(Protocol):
    """What takes the past at the start: the board."""

    def replay(self, record: Record) -> None:
        """Take a record of an incident that still matters."""

    def remember(self, device: str, key: str, incident_id: str, *, incomplete: bool) -> None:
        """Take an alarm, or a report (no device), by which a repeat is known."""


def derive(connection: Connection, rows: Sequence[Derivable], head: Row) -> None:
    """Bring the tables up to `head`, from the rows that follow what they are derived from so far."""
    ours = [(sequence, entry) for sequence, entry in rows if entry is not None and incident_of(entry) is not None]
    known = _summaries(connection, {incident_of(entry) or "" for _, entry in ours})
    changed: dict[str, Summary] = {}
    members: list[dict[str, int]] = []
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for sequence, entry in ours:
        incident_id = incident_of(entry) or ""
        before = known.get(incident_id)
        try:
            after = fold(before, sequence, entry)
        except NotPossibleError:
            # The board counts it as a misfit and goes on. It stays one of the incident's rows, if there is an incident.
            if before is not None:
                members.append({"first": before.first, "sequence": sequence})
            continue
        members.append({"first": after.first, "sequence": sequence})
        if after is not before:
            known[incident_id] = changed[incident_id] = after
        if (key := seen_key(entry)) is not None:
            seen[key[:2]] = _seen_row(key, sequence, incident_id)
    _write(connection, list(changed.values()), members, list(seen.values()))
    if rows and head.sequence // _TRIM_EACH != (rows[0][0] - 1) // _TRIM_EACH:
        _trim(connection)
    _mark(connection, head.sequence, head.hash)


def _seen_row(key: tuple[str, str, bool], sequence: int, incident_id: str) -> dict[str, Any]:
    return {
        "device": key[0],
        "key": key[1],
        "sequence": sequence,
        "incident_id": incident_id,
        "incomplete": key[2],
    }


def follows(connection: Connection, last: Row | None) -> bool:
    """Return whether the tables are derived from exactly the rows up to `last`."""
    found = connection.execute(select(DERIVED.c.version, DERIVED.c.sequence, DERIVED.c.hash)).one_or_none()
    return found is not None and tuple(found) == (
        VERSION,
        0 if last is None else last.sequence,
        GENESIS if last is None else last.hash,
    )


def lost(connection: Connection) -> LedgerBrokenError | None:
    """Return what the tables were derived from and the chain does not have any more, or None."""
    found = connection.execute(select(DERIVED.c.sequence, DERIVED.c.hash)).one_or_none()
    if found is None or found.sequence == 0:
        return None
    at = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.sequence == found.sequence)).scalar_one_or_none()
    if at == found.hash:
        return None
    if at is not None:
        return LedgerBrokenError(found.sequence, "it is not the row its summary was made of")
    last = last_row(connection)
    return LedgerBrokenError(1 if last is None else last.sequence + 1, "it is missing: rows were cut off the end")


def prepare(connection: Connection) -> LedgerBrokenError | None:
    """Empty the tables where they cannot go on; return what the chain lacks that they were derived from."""
    version = connection.execute(select(DERIVED.c.version)).scalar_one_or_none()
    missing = lost(connection)
    if version != VERSION or missing is not None:
        clear(connection)
    return missing


def clear(connection: Connection) -> None:
    """Empty the tables, to be made anew with `catch_up`."""
    for table in (INCIDENT, INCIDENT_ROW, SEEN, DERIVED):
        connection.execute(delete(table))
    _mark(connection, 0, GENESIS)


def catch_up(connection: Connection) -> bool:
    """Derive the next rows, at most 1,000; return whether more are left.

    A row that is no entry is left out: the check of the chain tells of it.
    """
    after: int = connection.execute(select(DERIVED.c.sequence)).scalar_one()
    rows = [row for row, _ in read_rows(connection, ENTRY.c.sequence > after, limit=_STEP)]
    if rows:
        derive(connection, [(row.sequence, entry_of(row)) for row in rows], rows[-1])
    return len(rows) == _STEP


def mend(engine: Engine, *, anew: bool = False) -> None:
    """Bring the tables up to date beside a desk that may be running, a transaction for each 1,000 rows.

    Args:
        engine: The ledger, to be written.
        anew: Whether to forget what they hold now.
    """
    with engine.begin() as connection:
        if anew:
            clear(connection)
        else:
            prepare(connection)
    behind = True
    while behind:
        with engine.begin() as connection:
            behind = catch_up(connection)


def entry_of(row: Row) -> Entry | None:
    """Return a row's entry, or None when it is none."""
    try:
        return parse_entry(row.body)
    except BodyError:
        return None


def tell(connection: Connection, past: Past, broken: Callable[[LedgerBrokenError], None]) -> None:
    """Tell what still matters: the incidents that did not end and the latest that did, in the order of the chain, then
    the alarms seen.

    Args:
        connection: A connection to the ledger, whose derived tables are up to date.
        past: What takes it.
        broken: Called with each of these rows that was changed, or is no entry.
    """
    ended = (
        select(INCIDENT.c.first)
        .where(INCIDENT.c.ended_row.is_not(None))
        .order_by(INCIDENT.c.ended_row.desc())
        .limit(MAX_ENDED)
        .subquery()
    )
    chosen = union_all(select(INCIDENT.c.first).where(INCIDENT.c.ended_row.is_(None)), select(ended.c.first)).subquery()
    of_them = select(INCIDENT_ROW.c.sequence).join(chosen, INCIDENT_ROW.c.first == chosen.c.first)
    for row, asides in read_rows(connection, ENTRY.c.sequence.in_(of_them)):
        try:
            check_content(row)
            check_asides(row, asides)
        except LedgerBrokenError as error:
            broken(error)
        try:
            past.replay(Record(parse_entry(row.body), asides))
        except BodyError as error:
            broken(LedgerBrokenError(row.sequence, str(error)))
    # Last, as a key may have come again since in an incident that is not told any more.
    latest = select(SEEN).order_by(SEEN.c.sequence.desc()).limit(MAX_SEEN).subquery()
    for seen in connection.execute(select(latest).order_by(latest.c.sequence)):
        past.remember(seen.device, seen.key, seen.incident_id, incomplete=seen.incomplete)


def _summaries(connection: Connection, ids: set[str]) -> dict[str, Summary]:
    found: dict[str, Summary] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _IDS):
        some = wanted[start : start + _IDS]
        for row in connection.execute(select(INCIDENT).where(INCIDENT.c.id.in_(some))):
            found[row.id] = Summary(**row._asdict())
    return found


def _write(
    connection: Connection, summaries: list[Summary], members: list[dict[str, int]], seen: Iterable[dict[str, Any]]
) -> None:
    if summaries:
        later = [column.name for column in INCIDENT.c if column.name != "first"]
        connection.execute(upsert(connection, INCIDENT, ["first"], later), [asdict(one) for one in summaries])
    if members:
        connection.execute(insert(INCIDENT_ROW), members)
    if seen := list(seen):
        later = ["sequence", "incident_id", "incomplete"]
        connection.execute(upsert(connection, SEEN, ["device", "key"], later), seen)


def _trim(connection: Connection) -> None:
    oldest = select(SEEN.c.sequence).order_by(SEEN.c.sequence.desc()).offset(MAX_SEEN).limit(1).scalar_subquery()
    connection.execute(delete(SEEN).where(SEEN.c.sequence <= oldest))


def _mark(connection: Connection, sequence: int, hash_: str) -> None:
    values = {"id": 1, "version": VERSION, "sequence": sequence, "hash": hash_}
    connection.execute(upsert(connection, DERIVED, ["id"], ["version", "sequence", "hash"]), values)
