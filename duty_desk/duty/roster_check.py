"""Whether a roster can be relied on: coverage, people, and who would be at two places at once. Pure; time is given."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from duty_desk.access.people import Account
from duty_desk.duty.findings import MAX_FINDINGS, Finding, error, warning
from duty_desk.duty.roster import Change, Gap, Roster, Row, Turn
from duty_desk.incidents.actor import Role

AHEAD_DAYS: Final = 62
"""How far ahead a roster without an end is looked through; further where an exception is dated later."""
MAX_AHEAD_DAYS: Final = 400
_MAX_GAPS: Final = 20
_ROLES: Final[dict[str, frozenset[Role]]] = {
    "officer": frozenset({"officer", "supervisor"}),
    "supervisor": frozenset({"supervisor"}),
}


def check_roster(
    roster: Roster, accounts: Mapping[str, Account], now_ns: int, *, allow_gaps: bool = False
) -> list[Finding]:
    """Return what is wrong with a roster from now on, errors first.

    Args:
        roster: It.
        accounts: Who may log in, by name.
        now_ns: The centre's clock.
        allow_gaps: Whether a time in which nobody is on duty is a warning.
    """
    today = roster.day_of(now_ns)
    last = _last_day(roster, today)
    found = [
        *_people(roster, accounts),
        *_doubles(roster, today, last),
        *_coverage(roster, accounts, now_ns, last, allow_gaps),
        *_changes(roster),
    ]
    return sorted(found, key=lambda each: each.level)[:MAX_FINDINGS]


def _last_day(roster: Roster, today: date) -> date:
    """Return the last day that is looked at."""
    dated = [each.last for each in roster.changes] + [row.last for row in roster.rows if row.last is not None]
    ahead = max([today + timedelta(AHEAD_DAYS), *dated])
    if roster.last_day is not None:
        ahead = min(ahead, max(roster.last_day, today))
    return min(ahead, today + timedelta(MAX_AHEAD_DAYS))


def _people(roster: Roster, accounts: Mapping[str, Account]) -> Iterator[Finding]:
    named: list[tuple[Row | Change, str, str]] = [(row, who, row.part) for row in roster.rows for who in row.who]
    named += [(each, who, "officer") for each in roster.changes for who in (each.who, each.by) if who]
    for line, who, part in named:
        account = accounts.get(who)
        if account is None:
            close = difflib.get_close_matches(who, accounts, n=1)
            code = "no_account_near" if close else "no_account"
            yield error(code, line.line, old=line.old, who=who, near=close[0] if close else "")
        elif account.disabled:
            yield error("account_disabled", line.line, old=line.old, who=who)
        elif account.role not in _ROLES[part]:
            yield error(f"role_{part}", line.line, old=line.old, who=who, role=account.role)


def _doubles(roster: Roster, first: date, last: date) -> Iterator[Finding]:
    """Yield who would work two shifts at once, once for each pair of lines."""
    latest: dict[str, Turn] = {}
    told: set[tuple[str, int, int]] = set()
    for turn in roster.between(first - timedelta(1), last):
        before = latest.get(turn.who)
        if before is not None and turn.begin_ns < before.end_ns:
            key = (turn.who, before.line, turn.line)
            if key not in told:
                told.add(key)
                yield error(
                    "overlap", turn.line, old=turn.old, who=turn.who, shift=turn.shift, other=before.shift,
                    day=turn.day, row=before.line,
                )  # fmt: skip
        if before is None or turn.end_ns > before.end_ns:
            latest[turn.who] = turn


def _coverage(
    roster: Roster, accounts: Mapping[str, Account], now_ns: int, last: date, allow_gaps: bool
) -> Iterator[Finding]:
    end_ns = max((turn.end_ns for turn in roster.between(last - timedelta(1), last)), default=now_ns)
    end_ns = max(end_ns, roster.ns(last, 0))
    ends = roster.last_day is not None and roster.last_day <= last
    if end_ns > now_ns:
        known = frozenset(name for name, account in accounts.items() if not account.disabled)
        gaps = roster.gaps(now_ns, end_ns, known=known)
        for gap in gaps[:_MAX_GAPS]:
            yield Finding("warning" if allow_gaps else "error", "gap", values=_span(roster, gap))
        if len(gaps) > _MAX_GAPS:
            yield warning("gaps_more", count=len(gaps) - _MAX_GAPS)
        if roster.gaps(now_ns, end_ns, part="supervisor", known=known):
            yield warning("gap_supervisor")
    if ends and end_ns <= now_ns:
        yield error("over", end=told_time(roster, end_ns))
    elif ends:
        yield warning("ends", end=told_time(roster, end_ns))


def _changes(roster: Roster) -> Iterator[Finding]:
    """Yield the exceptions that change nothing."""
    for each in roster.changes:
        count = min((each.last - each.first).days, MAX_AHEAD_DAYS) + 1
        days = (each.first + timedelta(ahead) for ahead in range(count))
        if each.kind == "extra":
            met = any(row.shift == each.shift and row.on(day) for day in days for row in roster.rows)
        else:
            others = {other.by for other in roster.changes if other is not each}
            met = each.who in others or any(
                each.meets(day, row.shift, each.who) and each.who in row.who and row.on(day)
                for day in days
                for row in roster.rows
            )
        if not met:
            shift = each.shift or ""
            yield warning("change_idle", each.line, old=each.old, who=each.who, shift=shift, first=each.first)


def _span(roster: Roster, gap: Gap) -> dict[str, object]:
    return {"begin": told_time(roster, gap.begin_ns), "end": told_time(roster, gap.end_ns)}


def told_time(roster: Roster, time_ns: int) -> str:
    """Return a moment as the head of shift reads it, by the local clock."""
    return datetime.fromtimestamp(time_ns // 10**9, roster.zone).strftime("%Y-%m-%d %H:%M")
