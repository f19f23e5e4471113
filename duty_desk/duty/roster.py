"""Who is on duty when, by a week plan with changes. Pure; time is given.

Rules:
- A shift belongs to the day on which it begins, by the local clock, also when it ends on the next day.
- It lasts at most 24 hours: one that ends at the time it begins lasts until the next day.
- A local time that the clock skips or has twice is taken the same way for every shift, so that one always ends where
  the next begins.
- Of the changes, swaps and extra shifts come first, each once; then who is sick or on leave is replaced or left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Literal
from zoneinfo import ZoneInfo

Part = Literal["officer", "supervisor"]
Kind = Literal["sick", "leave", "swap", "extra"]

DAY_MIN: Final = 24 * 60
_DAY: Final = timedelta(days=1)
_MAX_DAYS: Final = 500
"""Days whose shifts are kept as they were made."""
_MAX_CHAIN: Final = 5
"""Replacements who are sick themselves, one after the other."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the week plan: who works which shift on which days (0 is Monday), from and until which date.

    `begins_min` and `ends_min` are minutes after local midnight, the second up to 1440. `line` is where it stands, in
    the file of the roster that is in force if `old`.
    """

    line: int
    shift: str
    days: frozenset[int]
    begins_min: int
    ends_min: int
    who: tuple[str, ...]
    part: Part = "officer"
    first: date | None = None
    last: date | None = None
    old: bool = False

    def on(self, day: date) -> bool:
        """Return whether the shift begins on this day."""
        return day.weekday() in self.days and _within(day, self.first, self.last)

    @property
    def overnight(self) -> bool:
        """Whether it ends on the day after it began."""
        return self.ends_min <= self.begins_min


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the changes: on shifts that begin from `first` to `last`, `who` is replaced by `by`, or left out.

    `shift` None means whichever they have. With `extra`, `who` works that shift as well.
    """

    line: int
    kind: Kind
    who: str
    first: date
    last: date
    shift: str | None = None
    by: str | None = None
    old: bool = False

    def meets(self, day: date, shift: str, who: str) -> bool:
        """Return whether it is about this person in this shift of this day."""
        return who == self.who and (self.shift is None or self.shift == shift) and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Turn:
    """One person in one shift of one day; times by the centre's clock."""

    who: str
    part: Part
    shift: str
    day: date
    begin_ns: int
    end_ns: int
    line: int
    old: bool = False

    def covers(self, now_ns: int) -> bool:
        """Return whether it is under way at a moment."""
        return self.begin_ns <= now_ns < self.end_ns


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody of a part is on duty."""

    begin_ns: int
    end_ns: int


class Roster:
    """The roster.

    Args:
        rows: The week plan.
        changes: What is otherwise on some days.
        zone: Whose local time it is written in.
    """

    def __init__(self, rows: Iterable[Row], changes: Iterable[Change], zone: ZoneInfo) -> None:
        self.rows = tuple(rows)
        self.changes = tuple(changes)
        self.zone = zone
        self._days: OrderedDict[date, tuple[Turn, ...]] = OrderedDict()

    @cached_property
    def people(self) -> frozenset[str]:
        """Everybody whom it names."""
        planned = {who for row in self.rows for who in row.who}
        others = {name for each in self.changes for name in (each.who, each.by) if name is not None}
        return frozenset(planned | others)

    @cached_property
    def last_day(self) -> date | None:
        """The last day on which a shift begins; None when it goes on for ever."""
        lasts = [row.last for row in self.rows]
        return None if not lasts or None in lasts else max(each for each in lasts if each is not None)

    def day_of(self, time_ns: int) -> date:
        """Return the local day of a moment."""
        return datetime.fromtimestamp(time_ns // 10**9, self.zone).date()

    def ns(self, day: date, minutes: int) -> int:
        """Return the moment that is so many minutes after midnight by the local clock of a day."""
        day += minutes // DAY_MIN * _DAY
        local = datetime.combine(day, time(*divmod(minutes % DAY_MIN, 60)), self.zone)
        return round(local.timestamp()) * 10**9

    def of_day(self, day: date) -> tuple[Turn, ...]:
        """Return the turns that begin on a day, in order of their times."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = tuple(sorted(self._make(day), key=lambda turn: (turn.begin_ns, turn.end_ns)))
            while len(self._days) > _MAX_DAYS:
                self._days.popitem(last=False)
        return found

    def at(self, now_ns: int) -> tuple[Turn, ...]:
        """Return the turns that are under way."""
        day = self.day_of(now_ns)
        return tuple(turn for each in (day - _DAY, day) for turn in self.of_day(each) if turn.covers(now_ns))

    def after(self, now_ns: int, *, days: int = 8) -> tuple[Turn, ...]:
        """Return the turns that begin next, all at the same moment; empty when none does within so many days."""
        day = self.day_of(now_ns)
        for ahead in range(days + 1):
            coming = [turn for turn in self.of_day(day + ahead * _DAY) if turn.begin_ns > now_ns]
            if coming:
                return tuple(turn for turn in coming if turn.begin_ns == coming[0].begin_ns)
        return ()

    def between(self, first: date, last: date) -> Iterator[Turn]:
        """Yield the turns that begin from one day to another, both included."""
        for ahead in range((last - first).days + 1):
            yield from self.of_day(first + ahead * _DAY)

    def gaps(
        self, begin_ns: int, end_ns: int, *, part: Part = "officer", known: frozenset[str] | None = None
    ) -> list[Gap]:
        """Return when nobody of a part is on duty, in order.

        Args:
            begin_ns: From then on.
            end_ns: Until then.
            part: Officers or supervisors.
            known: Who counts; None for everybody.
        """
        turns = self.between(self.day_of(begin_ns) - _DAY, self.day_of(end_ns))
        spans = sorted(
            (turn.begin_ns, turn.end_ns) for turn in turns if turn.part == part and (known is None or turn.who in known)
        )
        found: list[Gap] = []
        reached = begin_ns
        for begin, end in spans:
            if begin >= end_ns:
                break
            if begin > reached:
                found.append(Gap(reached, begin))
            reached = max(reached, end)
        if reached < end_ns:
            found.append(Gap(reached, end_ns))
        return found

    def _make(self, day: date) -> Iterator[Turn]:
        for row in self.rows:
            if not row.on(day):
                continue
            begin_ns = self.ns(day, row.begins_min)
            end_ns = self.ns(day, row.ends_min + (DAY_MIN if row.overnight else 0))
            for who in row.who:
                turn = Turn(who, row.part, row.shift, day, begin_ns, end_ns, row.line, row.old)
                changed = self._changed(turn)
                if changed is not None:
                    yield changed
        yield from self._extra(day)

    def _changed(self, turn: Turn) -> Turn | None:
        """Return a turn as the changes leave it; None when nobody works it."""
        for each in self.changes:
            if each.kind == "swap" and each.by is not None and each.meets(turn.day, turn.shift, turn.who):
                turn = replace(turn, who=each.by)
                break
        return self._there(turn)

    def _there(self, turn: Turn) -> Turn | None:
        for _ in range(_MAX_CHAIN):
            away = next(
                (
                    each
                    for each in self.changes
                    if each.kind in ("sick", "leave") and each.meets(turn.day, turn.shift, turn.who)
                ),
                None,
            )
            if away is None:
                return turn
            if away.by is None:
                return None
            turn = replace(turn, who=away.by)
        return None

    def _extra(self, day: date) -> Iterator[Turn]:
        for each in self.changes:
            if each.kind != "extra" or not each.first <= day <= each.last:
                continue
            row = next((row for row in self.rows if row.shift == each.shift and row.on(day)), None)
            if row is not None:
                begin_ns = self.ns(day, row.begins_min)
                end_ns = self.ns(day, row.ends_min + (DAY_MIN if row.overnight else 0))
                there = self._there(Turn(each.who, row.part, row.shift, day, begin_ns, end_ns, each.line, each.old))
                if there is not None:
                    yield there


def _within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def followed_by(old: Roster, new: Roster, today: date) -> Roster:
    """Return a roster that is the old one until the new one begins.

    A new roster that has begun, or says no date, replaces the old one at once; the shift that is under way goes on by
    the new one.
    """
    begins = min((row.first or date.min for row in new.rows), default=date.min)
    if begins <= today:
        return new
    last = begins - _DAY
    rows = [
        replace(row, last=last if row.last is None else min(row.last, last), old=True)
        for row in old.rows
        if row.first is None or row.first <= last
    ]
    kept = [replace(each, last=min(each.last, last), old=True) for each in old.changes if each.first <= last]
    return Roster([*rows, *new.rows], [*kept, *new.changes], new.zone)
