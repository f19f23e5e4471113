"""Whether the store is in trouble, and how much patience that asks of the boxes. Pure."""

from __future__ import annotations

from typing import Final

LEAST_RETRY_AFTER_S: Final = 5.0
MOST_RETRY_AFTER_S: Final = 30.0


class Trouble:
    """A stretch of time in which the store takes nothing."""

    def __init__(self) -> None:
        self.why: str | None = None
        self.times = 0
        self._since_s = 0.0
        self._asked_s = 0.0

    def __bool__(self) -> bool:
        """Return whether the store is in trouble now."""
        return self.why is not None

    def begin(self, why: str, now_s: float, asked_s: float = 0.0) -> bool:
        """Note a failure and the patience the store itself asked for, in seconds; return whether it is the first."""
        first = self.why is None
        if first:
            self.times += 1
            self._since_s = now_s
        self.why = why
        self._asked_s = asked_s
        return first

    def end(self, now_s: float) -> float | None:
        """Note a success; return how long the trouble was, in seconds, or None when there was none."""
        if self.why is None:
            return None
        self.why = None
        return now_s - self._since_s

    def retry_after_s(self, now_s: float) -> float:
        """Return for how long a box should send nothing: as long as it lasts already, within 5 and 30 seconds."""
        lasted = max(self._asked_s, now_s - self._since_s)
        return round(min(MOST_RETRY_AFTER_S, max(LEAST_RETRY_AFTER_S, lasted)), 1)
