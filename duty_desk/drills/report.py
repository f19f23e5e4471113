"""What came of a drill: who, and how fast, from the ledger alone. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from duty_desk.incidents.entries import DeliveryEntry, DutyEntry, EscalatedEntry, PageEntry
from duty_desk.ledger.archive_query import Found, timeline
from duty_desk.ledger.derived import entry_of
from duty_desk.ledger.export import incidents
from duty_desk.ledger.tables import ENTRY, read_rows

_BEGAN: Final = '%"what":"drill_began"%'
_ENDED: Final = '%"what":"drill_ended"%'


@dataclass(frozen=True, slots=True)
class Span:
    """A drill in the ledger. Times in ns by the centre's clock; `ended_ns` is None while it runs, or while the desk
    is down that ended in it. `end` is `done`, `stopped`, `time` or `restarted`."""

    name: str
    began_ns: int
    began_by: str | None
    ended_ns: int | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One incident of a drill.

    Times in s since the desk had it, of `depart_s` since it was accepted; None where it never came so far.
    `first_screen` painted it first, after `shown_s`. `step` is the highest of the escalation, -1 for none. `pages`
    counts what became of the calls to people, by channel and outcome.
    """

    found: Found
    shown_s: float | None
    first_screen: str | None
    accept_s: float | None
    depart_s: float | None
    resolve_s: float | None
    step: int
    pages: dict[str, int]


def spans(connection: Connection) -> list[Span]:
    """Return the drills in the ledger, the first first. It reads through the whole ledger."""
    found: list[Span] = []
    for row, asides in read_rows(connection, ENTRY.c.body.like(_BEGAN) | ENTRY.c.body.like(_ENDED)):
        entry = entry_of(row)
        if not isinstance(entry, DutyEntry):
            continue
        if entry.what == "drill_began":
            who = asides.get("who")
            found.append(Span(entry.detail or "", entry.at_ns, None if who is None else who.text))
        elif entry.what == "drill_ended" and found and found[-1].ended_ns is None:
            name, _, end = (entry.detail or "").rpartition(": ")
            if name == found[-1].name:
                found[-1] = replace(found[-1], ended_ns=entry.at_ns, end=end)
    return found


def report(connection: Connection, span: Span, until_ns: int) -> Iterator[Line]:
    """Yield each incident of a drill, in the order they opened.

    Args:
        connection: A connection to the ledger, whose derived tables are up to date.
        span: The drill.
        until_ns: Where a drill without an end is taken to end: the next one, or now.
    """
    # Ids are older than their rows: an incident that a step opened at the beginning is not before it.
    for found in incidents(connection, from_ns=span.began_ns, to_ns=span.ended_ns or until_ns):
        if found.summary.status == "Exercise":
            yield _line(connection, found)


def _line(connection: Connection, found: Found) -> Line:
    summary, since_ns = found.summary, found.summary.received_at_ns
    shown: tuple[int, str] | None = None
    step, pages = -1, Counter[str]()
    for line in timeline(connection, summary.id, 0).lines:
        match line.entry:
            case DeliveryEntry(kind="shown") as entry if shown is None:
                shown = (entry.at_ns, entry.screen)
            case EscalatedEntry() as entry:
                step = max(step, entry.step)
            case PageEntry() as entry:
                pages[f"{entry.channel} {entry.outcome}"] += 1
            case _:
                pass
    return Line(
        found=found,
        shown_s=None if shown is None else _seconds(since_ns, shown[0]),
        first_screen=None if shown is None else shown[1],
        accept_s=_seconds(since_ns, summary.accepted_at_ns),
        depart_s=None if summary.accepted_at_ns is None else _seconds(summary.accepted_at_ns, summary.departed_at_ns),
        resolve_s=_seconds(since_ns, summary.resolved_at_ns),
        step=step,
        pages=dict(sorted(pages.items())),
    )


def _seconds(from_ns: int, to_ns: int | None) -> float | None:
    return None if to_ns is None else round((to_ns - from_ns) / 1e9, 1)
