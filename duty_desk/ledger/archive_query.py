"""The archive's questions to the ledger: which incidents, and what happened with one. Reads only.

A page takes about the same time wherever in the archive it is: the next one begins after the last incident of the one
before, by (opened_at_ns, first row), latest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, exists, false, literal, or_, select, tuple_

from contract.messages import AlertStatus, IncidentOrigin, IncidentState
from duty_desk.errors import UnknownIncidentError
from duty_desk.incidents.entries import Entry
from duty_desk.ledger.derived import entry_of
from duty_desk.ledger.summary import Summary
from duty_desk.ledger.tables import ASIDE, ENTRY, INCIDENT, INCIDENT_ROW, read_rows

MAX_TIMELINE: Final = 2_000
"""Rows of one incident told at a time."""
MAX_TEXT: Final = 100
MAX_PLACES: Final = 500
_FEW: Final = 500
_SEARCHED: Final = ("address", "caller", "note")
_IN_AN_ID: Final = re.compile(r"[0-9a-f-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which incidents. Times in ns by the centre's clock: opened from `from_ns` on and before `to_ns`.

    `text`, at most 100 characters, is looked for in id, device, button, reported address, caller and notes, whatever
    the case of ASCII letters. `places` are the (device, button) whose address in the inventory has the text, at most
    500: the ledger has no inventory. `officer` is the whole name of somebody who did something with it.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    states: frozenset[IncidentState] = frozenset()
    origins: frozenset[IncidentOrigin] = frozenset()
    statuses: frozenset[AlertStatus] = frozenset()
    text: str | None = None
    places: frozenset[tuple[str, str]] = frozenset()
    officer: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An incident of the archive, with the texts beside it: None where there was none, or it was erased."""

    summary: Summary
    address: str | None
    officer: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some incidents, latest first, and where the next page begins, None at the end."""

    incidents: list[Found]
    after: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of an incident's timeline. `entry` is None where the row is none that is known; `texts` stand beside it."""

    sequence: int
    hash: str
    entry: Entry | None
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """An incident and its rows in order, and the row after which the next part begins, None at the end."""

    found: Found
    lines: list[Line]
    after: int | None


def cursor(after: str) -> tuple[int, int]:
    """Return where a page begins.

    Raises:
        ValueError: It is none that a page gave.
    """
    found = re.fullmatch(r"([0-9]{1,19})-([0-9]{1,18})", after)
    if found is None or int(found[1]) >= 2**63:
        raise ValueError("expected what the page before gave as its next")
    return int(found[1]), int(found[2])


def search(connection: Connection, chosen: Filter, after: tuple[int, int] | None, limit: int) -> Page:
    """Return a page of incidents, latest first."""
    query = with_texts().where(*_conditions(connection, chosen))
    if after is not None:
        place = tuple_(*(literal(each, BigInteger) for each in after))
        query = query.where(tuple_(INCIDENT.c.opened_at_ns, INCIDENT.c.first) < place)
    query = query.order_by(INCIDENT.c.opened_at_ns.desc(), INCIDENT.c.first.desc()).limit(limit + 1)
    found = [found_of(row) for row in connection.execute(query)]
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1].summary
    return Page(found[:limit], f"{last.opened_at_ns}-{last.first}")


def timeline(connection: Connection, incident_id: str, after: int) -> Timeline:
    """Return what happened with an incident.

    Raises:
        UnknownIncidentError: There is no such incident.
    """
    row = connection.execute(with_texts().where(INCIDENT.c.id == incident_id)).one_or_none()
    if row is None:
        raise UnknownIncidentError(incident_id)
    found = found_of(row)
    of_it = select(INCIDENT_ROW.c.sequence).where(
        INCIDENT_ROW.c.first == found.summary.first, INCIDENT_ROW.c.sequence > after
    )
    of_it = of_it.order_by(INCIDENT_ROW.c.sequence).limit(MAX_TIMELINE + 1)
    lines = [
        Line(row.sequence, row.hash, entry_of(row), {name: aside.text for name, aside in asides.items()})
        for row, asides in read_rows(connection, ENTRY.c.sequence.in_(of_it))
    ]
    if len(lines) <= MAX_TIMELINE:
        return Timeline(found, lines, None)
    return Timeline(found, lines[:MAX_TIMELINE], lines[MAX_TIMELINE - 1].sequence)


_ADDRESS: Final = ASIDE.alias("its_address")
_OFFICER: Final = ASIDE.alias("its_officer")


def with_texts() -> Select[Any]:
    """Return the query for incidents with the address that was reported and the name of who accepted."""
    joined = INCIDENT.outerjoin(
        _ADDRESS, and_(_ADDRESS.c.sequence == INCIDENT.c.first, _ADDRESS.c.field == "address")
    ).outerjoin(_OFFICER, and_(_OFFICER.c.sequence == INCIDENT.c.accepted_row, _OFFICER.c.field == "officer"))
    return select(INCIDENT, _ADDRESS.c.text.label("its_address"), _OFFICER.c.text.label("its_officer")).select_from(
        joined
    )


def found_of(row: Any) -> Found:
    """Return a row of `with_texts`."""
    values = row._asdict()
    address, officer = values.pop("its_address"), values.pop("its_officer")
    return Found(Summary(**values), address, officer)


def _conditions(connection: Connection, chosen: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if chosen.from_ns is not None:
        conditions.append(INCIDENT.c.opened_at_ns >= chosen.from_ns)
    if chosen.to_ns is not None:
        conditions.append(INCIDENT.c.opened_at_ns < chosen.to_ns)
    for column, values in (
        (INCIDENT.c.state, chosen.states),
        (INCIDENT.c.origin, chosen.origins),
        (INCIDENT.c.status, chosen.statuses),
    ):
        if values:
            conditions.append(column.in_(sorted(values)))
    if chosen.officer:
        conditions.append(_beside(connection, ("officer",), lambda text: text == chosen.officer))
    if chosen.text:
        conditions.append(_has_text(connection, chosen.text[:MAX_TEXT], chosen.places))
    return conditions


def _has_text(connection: Connection, text: str, places: frozenset[tuple[str, str]]) -> ColumnElement[bool]:

    def has_it(column: ColumnElement[Any]) -> ColumnElement[bool]:
        # SQLite's LIKE takes no notice of the case, as it is.
        if connection.dialect.name == "sqlite":
            return column.contains(text, autoescape=True)
        return column.icontains(text.replace("\x00", ""), autoescape=True)

    parts = [has_it(INCIDENT.c.device), has_it(INCIDENT.c.button), _beside(connection, _SEARCHED, has_it)]
    if _IN_AN_ID.fullmatch(text):
        parts.append(has_it(INCIDENT.c.id))
    if places:
        parts.append(tuple_(INCIDENT.c.device, INCIDENT.c.button).in_(sorted(places)[:MAX_PLACES]))
    return or_(*parts)


def _beside(
    connection: Connection, names: Sequence[str], fits: Callable[[ColumnElement[str]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Return that a text of these names beside an incident's rows fits.

    Where there are few, they name the incidents; where there are many, one is soon met by walking the incidents.
    """
    some = select(ASIDE.c.sequence).where(ASIDE.c.field.in_(names), fits(ASIDE.c.text)).limit(_FEW + 1)
    rows = [sequence for (sequence,) in connection.execute(some)]
    if len(rows) > _FEW:
        # The empty string keeps SQLite from walking all texts of a name for each incident, by their index.
        return exists().where(
            INCIDENT_ROW.c.first == INCIDENT.c.first,
            ASIDE.c.sequence == INCIDENT_ROW.c.sequence,
            (ASIDE.c.field + "").in_(names),
            fits(ASIDE.c.text + ""),
        )
    if not rows:
        return false()
    return INCIDENT.c.first.in_(select(INCIDENT_ROW.c.first).where(INCIDENT_ROW.c.sequence.in_(rows)))
