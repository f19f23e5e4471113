"""When each channel is tested, and which of them nobody can count on. Pure; time is given.

Rules:
- Each channel is tested at least once a day; a personal one for each person on duty, and again when they come on duty,
  unless it worked in the ten minutes before.
- After the desk's start everybody is taken to have come half a day ago.
- A test that failed is made again after ten minutes. A page that was handed over is as good as a test.
- While a press is unanswered no test begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from duty_desk.channels.channel import Health

MINUTE_NS: Final = 60 * 10**9
DAILY_NS: Final = 23 * 60 * MINUTE_NS + 30 * MINUTE_NS
"""After this a test is due, so that there is one in each 24 hours."""
HALF_DAY_NS: Final = 12 * 60 * MINUTE_NS
AGAIN_NS: Final = 10 * MINUTE_NS
FIRST_NS: Final = MINUTE_NS
"""How long after its start a desk tests nothing: channels need a moment to connect, and the ledger to be read."""
STALE_NS: Final = 25 * 60 * MINUTE_NS
"""A channel that did not work for this long counts as untested."""
DOWN: Final = 3
"""Failures in a row after which a channel is down."""
MAX_KNOWN: Final = 10_000
"""People and channels whose tests are remembered."""

Fault = Literal["untested", "failing", "down", "nobody", "unused"]
"""untested: it did not work within a day; failing: the last attempt failed; down: the last three did; nobody: it is a
personal one, and reaches nobody of those on duty; unused: it reaches nobody at all."""
Tested = tuple[str, str | None]
"""Channel and account; None for a channel that is nobody's own."""


@dataclass(slots=True)
class Schedule:
    """What was tested when, and what is due.

    Args:
        began_ns: When the desk began, by the monotonic clock.
    """

    began_ns: int
    health: dict[str, Health] = field(default_factory=dict)
    """Of each channel as a whole."""
    each: dict[Tested, Health] = field(default_factory=dict)
    """Of each channel and person."""
    failures: dict[str, int] = field(default_factory=dict)
    """In a row, by channel."""
    _duty: dict[str, int] | None = None
    """Since when who is on duty, as far as that was seen."""

    def tried(self, channel: str, who: str | None, at_ns: int, fault: str | None, *, theirs: bool = False) -> None:
        """Take note of an attempt; `fault` says why it failed. `theirs`: it was this person's address that failed."""
        for health in self._both(channel, who):
            health.tested_ns = at_ns
            if fault is None:
                health.worked_ns = at_ns
        if not theirs:
            self.failures[channel] = 0 if fault is None else self.failures.get(channel, 0) + 1
            self.health[channel].fault = fault
        if (channel, who) in self.each:
            self.each[channel, who].fault = fault

    def confirmed(self, channel: str, who: str, at_ns: int) -> None:
        """Take note that somebody said that a test arrived."""
        for health in self._both(channel, who):
            health.people[who] = at_ns

    def down(self, channel: str) -> bool:
        """Return whether a channel is down: it is tried, and not waited for."""
        return self.failures.get(channel, 0) >= DOWN

    def due(
        self, channels: Mapping[str, frozenset[str] | None], on_duty: Iterable[str], *, wall_ns: int, monotonic_ns: int
    ) -> list[Tested]:
        """Return what is to be tested now.

        Args:
            channels: By name whom it reaches; None for one that is nobody's own.
            on_duty: The officers and supervisors on duty.
            wall_ns: The centre's clock.
            monotonic_ns: The monotonic clock.
        """
        if monotonic_ns - self.began_ns < FIRST_NS:
            return []
        people = tuple(dict.fromkeys(on_duty))
        self._see(people, wall_ns)
        found: list[Tested] = []
        for channel, reached in channels.items():
            whom: tuple[str | None, ...] = (
                (None,) if reached is None else tuple(who for who in people if who in reached)
            )
            found += [(channel, who) for who in whom if self._is_due(channel, who, wall_ns)]
        return found

    def fault(self, channel: str, reached: frozenset[str] | None, on_duty: Iterable[str], wall_ns: int) -> Fault | None:
        """Return what is wrong with a channel, None when it can be counted on."""
        health = self.health.get(channel) or Health()
        if self.down(channel):
            return "down"
        if reached is not None and not any(who in reached for who in on_duty):
            return "nobody" if reached else "unused"
        if health.fault is not None:
            return "failing"
        return "untested" if _stale(health, wall_ns) else None

    def fault_of(self, channel: str, who: str, wall_ns: int) -> Fault | None:
        """Return what is wrong with a channel for one person, None when it can be counted on."""
        health = self.each.get((channel, who)) or Health()
        if health.fault is not None:
            return "failing"
        return "untested" if _stale(health, wall_ns) else None

    def _both(self, channel: str, who: str | None) -> list[Health]:
        both = [self.health.setdefault(channel, Health())]
        if (channel, who) in self.each or len(self.each) < MAX_KNOWN:
            both.append(self.each.setdefault((channel, who), Health()))
        return both

    def _see(self, people: tuple[str, ...], wall_ns: int) -> None:
        first = self._duty is None
        known = self._duty or {}
        since_ns = wall_ns - HALF_DAY_NS if first else wall_ns
        self._duty = {who: known.get(who, since_ns) for who in people}

    def _is_due(self, channel: str, who: str | None, wall_ns: int) -> bool:
        health = self.each.get((channel, who))
        if health is None or health.tested_ns is None or health.tested_ns > wall_ns:
            return True
        if health.fault is not None:
            return wall_ns - health.tested_ns >= AGAIN_NS
        worked_ns = health.worked_ns or 0
        if wall_ns - worked_ns >= DAILY_NS:
            return True
        if who is None:
            return False
        return worked_ns < (self._duty or {}).get(who, 0) - AGAIN_NS


def _stale(health: Health, wall_ns: int) -> bool:
    return health.worked_ns is None or wall_ns - health.worked_ns > STALE_NS
