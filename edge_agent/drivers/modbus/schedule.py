"""Whose turn it is on a bus. Pure: monotonic seconds go in, turns come out.

| a slave | is asked |
|---|---|
| sound, as each is at the start | each `poll_s`, on a grid since the start; what was missed is not made up |
| doubtful: its last request had no answer | once more in the interval, when a late answer can no longer come |
| silent: three intervals without an answer | after 1, 2, 4 … intervals, at most 60 s, at least one interval |
| that answers again | as a sound one, at once |

Sound slaves go first, the one due longest before all. Another is asked when no sound one is due, or when it is overdue
by its interval (a silent one: by 60 s), and never two such in a row while a sound one waits. So on a bus that has time
for its slaves, a sound one waits for at most one other's time-out, however many are silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SILENT_AFTER: Final = 3
LONGEST_BETWEEN_S: Final = 60.0


@dataclass(slots=True)
class _Slave:
    poll_s: float
    grid_s: float  # when its present interval began
    due_s: float
    retried: bool = False
    misses: int = 0

    @property
    def silent(self) -> bool:
        return self.misses >= SILENT_AFTER

    @property
    def sound(self) -> bool:
        return not self.retried and not self.misses


@dataclass(frozen=True, slots=True)
class Turn:
    """Slave number `slave` is asked at `at_s` or later."""

    slave: int
    at_s: float


class Schedule:
    """The turns of one bus.

    `skipped` counts the intervals of sound slaves for which there was no time.

    Args:
        polls_s: The interval of each slave in seconds.
        quarantine_s: How long after a request without an answer its slave is left alone.
        now_s: The monotonic clock.
    """

    def __init__(self, polls_s: Sequence[float], quarantine_s: float, now_s: float) -> None:
        self._slaves = [_Slave(poll_s, now_s, now_s) for poll_s in polls_s]
        self._quarantine_s = quarantine_s
        self._after_sound = True
        self.skipped = 0

    def silent(self, slave: int) -> bool:
        """Return whether a slave is silent."""
        return self._slaves[slave].silent

    def next(self, now_s: float) -> Turn:
        """Return whose turn it is next, and when."""
        order = sorted(range(len(self._slaves)), key=lambda each: self._slaves[each].due_s)
        due = [each for each in order if self._slaves[each].due_s <= now_s]
        sound = next((each for each in due if self._slaves[each].sound), None)
        other = next((each for each in due if not self._slaves[each].sound), None)
        if other is not None:
            one = self._slaves[other]
            overdue = now_s - one.due_s >= (LONGEST_BETWEEN_S if one.silent else one.poll_s)
            if sound is None or (overdue and self._after_sound):
                return Turn(other, now_s)
        if sound is not None:
            return Turn(sound, now_s)
        return Turn(order[0], self._slaves[order[0]].due_s)

    def answered(self, slave: int, now_s: float) -> None:
        """Take that a slave was asked and has answered, be it with a refusal."""
        one = self._slaves[slave]
        self._after_sound = one.sound
        self._next_interval(one, now_s)
        one.misses = 0

    def missed(self, slave: int, now_s: float, *, lives: bool = False) -> None:
        """Take that a slave was asked and gave no answer in time; `lives`: not to all, but to some of it."""
        one = self._slaves[slave]
        self._after_sound = one.sound
        again_s = now_s + self._quarantine_s
        if lives:
            one.misses = 0
        elif not one.retried and not one.silent and again_s < one.grid_s + one.poll_s:
            one.retried = True
            one.due_s = again_s
            return
        else:
            one.misses += 1
        self._next_interval(one, now_s)
        if one.silent:
            longer_s = min(one.poll_s * 2 ** min(one.misses - SILENT_AFTER, 16), LONGEST_BETWEEN_S)
            one.due_s = now_s + max(longer_s, one.poll_s)
        one.due_s = max(one.due_s, again_s)

    def _next_interval(self, one: _Slave, now_s: float) -> None:
        passed = max(int((now_s - one.grid_s) // one.poll_s), 0)
        if one.sound:
            self.skipped += passed
        one.grid_s += (passed + 1) * one.poll_s
        one.due_s = one.grid_s
        one.retried = False
