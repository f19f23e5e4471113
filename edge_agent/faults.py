"""What is wrong now, since when, and what was wrong before. Pure: names, words and monotonic time go in.

Beside it stand the counters of the report: they say how often, this says whether still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MOST_FAULTS: Final = 64
MOST_CLEARED: Final = 16


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong.

    `what` has it, such as `sensor gps`. `words` are a short reason, `: ` and what to do about it. `since_ns` and
    `until_ns` are by the monotonic clock; `until_ns` is None while it lasts.
    """

    what: str
    words: str
    since_ns: int
    until_ns: int | None = None


class FaultBoard:
    """The faults of a box: at most 64 at a time, and the last 16 that are over."""

    def __init__(self) -> None:
        self._now: dict[str, Fault] = {}
        self._cleared: deque[Fault] = deque(maxlen=MOST_CLEARED)

    @property
    def now(self) -> list[Fault]:
        """What is wrong, the longest first."""
        return sorted(self._now.values(), key=lambda fault: fault.since_ns)

    @property
    def cleared(self) -> list[Fault]:
        """What was wrong, the latest last."""
        return list(self._cleared)

    def update(self, wrong: Mapping[str, str], monotonic_ns: int) -> tuple[list[Fault], list[Fault]]:
        """Take everything that is wrong now; return which faults began and which are over.

        The same reason with other words is the same fault.
        """
        began: list[Fault] = []
        over: list[Fault] = []
        for what, fault in list(self._now.items()):
            words = wrong.get(what)
            if words is None or reason(words) != reason(fault.words):
                over.append(Fault(what, fault.words, fault.since_ns, monotonic_ns))
                del self._now[what]
        for what, words in wrong.items():
            known = self._now.get(what)
            if known is None and len(self._now) >= MOST_FAULTS:
                continue
            self._now[what] = Fault(what, words, monotonic_ns if known is None else known.since_ns)
            if known is None:
                began.append(self._now[what])
        self._cleared.extend(over)
        return began, over


def reason(words: str) -> str:
    """Return the part of a fault's words that stays the same."""
    return words.partition(": ")[0]
