"""A device's books against the store's: what it says it produced, and what the store counts. Pure.

A device reports each minute, since its program's start: `produced`, `waiting` for a receipt, `dropped`. A window goes
from one report to another, about an hour later; the store's count of readings with a time inside it must be

    expected = produced - dropped - refused        (each as it grew inside the window; refused: quarantined or counted)

Three things make that a range instead of a number, and each widens it by no more than it can explain:
- `backlog`: what still waited at the quietest later report, beyond what had been produced in its last two minutes, and
  what was dropped later, may be readings of this window;
- a restart inside: what the new life took over from the card was counted by both lives, at most what the old one had
  waiting. What the old one produced after its last report is in no report, so a surplus is not judged;
- bodies that could not be decoded held readings, nobody knows how many; a lost reading cannot be told from those.
Readings within EDGE_S of a report may belong to either side of it: the store is counted with and without them.

| state | when |
|---|---|
| `open` | readings are missing, and what is on the way has not had its time: no report yet SETTLED_S after the end |
| `not judged` | the clock was not trusted, a start is missing, or refusals explain it: later, unreadable, unseen |
| `short` | the store has fewer than the range allows, even with the edges: readings are lost |
| `surplus` | it has more, even without the edges: somebody else writes, or the device counts wrongly |
| `balanced` | otherwise |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from contract.messages import Report

EDGE_S: Final = 5.0
SETTLED_S: Final = 600.0
FRESH_S: Final = 120.0
HOUR_NS: Final = 3_600 * 10**9

State = Literal["balanced", "open", "not judged", "short", "surplus"]
FAULTS: Final[frozenset[State]] = frozenset({"short", "surplus"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What one report says; times in ns since 1970 by the device's clock, the rest counts readings since its start.

    `backlog` is what waited at the quietest report of the same hour up to this one, beyond the fresh.
    """

    timestamp_ns: int
    stream: str
    previous_stream: str
    trusted: bool
    produced: int
    receipted: int
    waiting: int
    dropped: int
    backlog: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch between two reports, and what the reports say of it. `why_not`: why it cannot be judged.

    `least` and `most` bound what the store should have, before what was refused; `most` is None when not known.
    """

    begin_ns: int
    end_ns: int
    produced: int
    dropped: int
    backlog: int
    restarts: int
    least: int
    most: int | None
    settled: bool
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the store counts in a window, without and with the readings near its ends."""

    narrow: int
    wide: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A window judged. `difference`: readings too few (negative) or too many for what the reports allow."""

    window: Window
    refused: int
    stored: Counted
    expected: int
    difference: int
    state: State
    why: str


def mark(report: Report) -> Mark | None:
    """Return what a report says of readings, or None when it names no stream."""
    if report.stream is None:
        return None
    books = report.readings
    return Mark(
        report.timestamp_ns,
        report.stream,
        report.previous_stream or "",
        report.clock != "none",
        books.produced,
        books.receipted,
        books.waiting,
        sum(books.dropped.values()),
        books.waiting,
    )


def windows(marks: Sequence[Mark]) -> list[Window]:
    """Return the windows between a device's marks, by hour: each ends with an hour's last mark.

    Args:
        marks: The first and the last report of each hour and stream that are known, by time.
    """
    found: list[Window] = []
    begin = 0
    for place in range(1, len(marks)):
        last = place + 1 == len(marks)
        if last or marks[place + 1].timestamp_ns // HOUR_NS != marks[place].timestamp_ns // HOUR_NS:
            if marks[place].timestamp_ns > marks[begin].timestamp_ns:
                found.append(window(marks[begin : place + 1], marks[place + 1 :]))
            begin = place
    return found


def window(inside: Sequence[Mark], later: Sequence[Mark]) -> Window:
    """Return what reports say of the stretch from the first to the last of them.

    Args:
        inside: At least two marks, by time.
        later: Those that came after.
    """
    first, last = inside[0], inside[-1]
    produced = dropped = taken_over = restarts = 0
    why_not = None if all(one.trusted for one in inside) else "the device's clock was not trusted"
    for before, after in pairwise(inside):
        if after.stream == before.stream:
            produced += after.produced - before.produced
            dropped += after.dropped - before.dropped
            continue
        restarts += 1
        produced += after.produced
        dropped += after.dropped
        taken_over += before.waiting
        if after.previous_stream != before.stream:
            why_not = why_not or "a start of the device is missing from its reports"
    backlog = _backlog(last, later)
    grown = produced - dropped
    return Window(
        begin_ns=first.timestamp_ns,
        end_ns=last.timestamp_ns,
        produced=produced,
        dropped=dropped,
        backlog=backlog,
        restarts=restarts,
        least=grown - backlog - taken_over,
        # What was dropped inside may have been produced before.
        most=None if restarts else grown + dropped,
        settled=bool(later) and later[-1].timestamp_ns - last.timestamp_ns >= SETTLED_S * 1e9,
        why_not=why_not,
    )


def _backlog(last: Mark, later: Sequence[Mark]) -> int:
    """Return how many readings from before `last` may still wait, or were dropped since, by the quietest later mark."""
    least = last.waiting
    dropped_before = 0
    before = last
    for one in later:
        dropped_before += one.dropped - before.dropped if one.stream == before.stream else one.dropped
        if one.timestamp_ns - last.timestamp_ns >= SETTLED_S * 1e9:
            least = min(least, one.backlog + dropped_before)
        before = one
    return least


def judge(
    window: Window,
    stored: Counted,
    refused: int,
    *,
    refused_next: int = 0,
    bodies_unknown: int = 0,
    refusals_unseen: bool = False,
) -> Verdict:
    """Return what to think of a window.

    Args:
        window: The window.
        stored: What the store counts in it.
        refused: Readings quarantined or refused that came in it.
        refused_next: Readings refused in the hour after it: some may be this window's.
        bodies_unknown: Bodies that came in it and could not be decoded.
        refusals_unseen: Whether others refuse readings too, and nobody told how many.
    """
    expected = window.produced - window.dropped - refused
    short = window.least - refused - stored.wide
    surplus = 0 if window.most is None else stored.narrow - window.most
    difference = -short if short > 0 else max(0, surplus)
    state: State
    if window.why_not is not None:
        state, why = "not judged", window.why_not
    elif not window.settled and short <= 0 and stored.wide < expected:
        state, why = "open", "what is on the way has not had its time"
    elif short > 0 and bodies_unknown:
        state, why = "not judged", f"{bodies_unknown} bodies could not be decoded; nobody knows what they held"
    elif 0 < short <= refused_next:
        state, why = "not judged", f"{refused_next} readings were refused in the hour after it; some may be of this one"
    elif short > 0 and refusals_unseen:
        state, why = "not judged", f"{short} are missing; what others of the group refused is not known: [books] others"
    elif short > 0:
        state, why = "short", f"{short} readings are neither stored nor accounted for"
    elif surplus > 0:
        state, why = "surplus", f"the store has {surplus} readings more than the device produced"
    else:
        more = stored.narrow - expected
        state, why = "balanced", f"{more} more than reported, around a restart" if window.restarts and more > 0 else ""
    return Verdict(window, refused, stored, expected, difference, state, why)
