"""What leaves the ledger: every row as JSON lines, or a row an incident as CSV that is safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, select

from duty_desk.errors import UnknownIncidentError
from duty_desk.incidents.records import Aside
from duty_desk.ledger.archive_query import Found, found_of, with_texts
from duty_desk.ledger.chain import Row
from duty_desk.ledger.summary import Summary
from duty_desk.ledger.tables import ENTRY, INCIDENT, INCIDENT_ROW, read_rows

_TIMES: Final = [field.name for field in fields(Summary) if field.name.endswith("_at_ns")]
_AFTER: Final = ("accepted_at_ns", "departed_at_ns", "resolved_at_ns", "ended_at_ns")
_PLAIN: Final = ("id", "origin", "status", "state", "reason", "device", "button", "category", "presses", "escalated")
COLUMNS: Final = (
    *_PLAIN,
    "address",
    "officer",
    *(name.removesuffix("_ns") for name in _TIMES),
    *(name.removesuffix("_at_ns") + "_after_s" for name in _AFTER),
)
"""The columns of the CSV. Times are ISO 8601 in the city's zone; `…_after_s` is seconds since `opened_at`; `escalated`
is the highest step, -1 for none."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FETCH: Final = 1_000


def parse_time(text: str, zone: tzinfo) -> int:
    """Return an ISO 8601 date or time in ns since 1970; without an offset it is of `zone`.

    Raises:
        ValueError: It is none.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    past = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (past // timedelta(microseconds=1)) * 1_000


def show_time(ns: int | None, zone: tzinfo) -> str:
    """Return a time as ISO 8601 in `zone`, to the millisecond; empty for None."""
    if ns is None:
        return ""
    seconds, rest = divmod(ns, 1_000_000_000)
    shown = datetime.fromtimestamp(seconds, zone).replace(microsecond=rest // 1_000)
    return shown.isoformat(timespec="milliseconds")


def json_lines(
    connection: Connection,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
    incident_id: str | None = None,
    names: bool = True,
) -> Iterator[tuple[int, str | None]]:
    """Yield each row's number with its line, None where it is not asked for.

    A line has `sequence`, `previous`, `hash`, `entry` exactly as it was hashed, and in `beside` each text and its salt.

    Args:
        connection: A connection to the ledger.
        from_ns: Rows that happened from then on.
        to_ns: Rows that happened before then.
        incident_id: Rows of this incident only.
        names: Whether the texts beside the chain are told.

    Raises:
        UnknownIncidentError: There is no such incident.
    """
    chosen = None
    if incident_id is not None:
        chosen = ENTRY.c.sequence.in_(
            select(INCIDENT_ROW.c.sequence).where(INCIDENT_ROW.c.first == _first(connection, incident_id))
        )
    for row, asides in read_rows(connection, chosen):
        if from_ns is None and to_ns is None:
            wanted = True
        else:
            at_ns = json.loads(row.body)["at_ns"]
            wanted = (from_ns is None or at_ns >= from_ns) and (to_ns is None or at_ns < to_ns)
        yield row.sequence, json_line(row, asides if names else {}) if wanted else None


def json_line(row: Row, asides: dict[str, Aside]) -> str:
    """Return a row as a line of JSON."""
    beside = {name: {"salt": aside.salt, "text": aside.text} for name, aside in sorted(asides.items())}
    told = "" if not beside else f',"beside":{json.dumps(beside, ensure_ascii=False, separators=(",", ":"))}'
    return f'{{"sequence":{row.sequence},"previous":"{row.previous}","hash":"{row.hash}","entry":{row.body}{told}}}'


def incidents(
    connection: Connection, *, from_ns: int | None = None, to_ns: int | None = None, incident_id: str | None = None
) -> Iterator[Found]:
    """Yield incidents in the order they opened: those that opened from then on, before then.

    Raises:
        UnknownIncidentError: There is no such incident.
    """
    query = with_texts().order_by(INCIDENT.c.opened_at_ns, INCIDENT.c.first)
    if incident_id is not None:
        query = query.where(INCIDENT.c.first == _first(connection, incident_id))
    if from_ns is not None:
        query = query.where(INCIDENT.c.opened_at_ns >= from_ns)
    if to_ns is not None:
        query = query.where(INCIDENT.c.opened_at_ns < to_ns)
    with connection.execute(query, execution_options={"yield_per": _FETCH}) as rows:
        for row in rows:
            yield found_of(row)


def csv_lines(incidents: Iterable[Found], zone: tzinfo, *, names: bool = True, header: bool = True) -> Iterator[str]:
    """Yield the CSV of some incidents, times in `zone`, a line at a time with its line end (RFC 4180).

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="")

    def line() -> str:
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    if header:
        writer.writeheader()
        yield line()
    for found in incidents:
        writer.writerow({name: _safe(value) for name, value in _cells(found, zone, names).items()})
        yield line()


def _cells(found: Found, zone: tzinfo, names: bool) -> dict[str, Any]:
    summary = found.summary
    cells = {name: getattr(summary, name) for name in _PLAIN}
    cells |= {name.removesuffix("_ns"): show_time(getattr(summary, name), zone) for name in _TIMES}
    for name in _AFTER:
        at_ns = getattr(summary, name)
        after = None if at_ns is None else round((at_ns - summary.opened_at_ns) / 1e9, 3)
        cells[name.removesuffix("_at_ns") + "_after_s"] = after
    if names:
        cells |= {"address": found.address, "officer": found.officer}
    return cells


def _safe(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _first(connection: Connection, incident_id: str) -> int:
    first: int | None = connection.execute(
        select(INCIDENT.c.first).where(INCIDENT.c.id == incident_id)
    ).scalar_one_or_none()
    if first is None:
        raise UnknownIncidentError(incident_id)
    return first
