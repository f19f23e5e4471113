"""What time it is, and how far that can be trusted. Pure: monotonic time goes in with each call.

Rules:
- The box keeps one anchor: a moment of its monotonic clock together with the true time then, and who said so.
- NTP outranks GNSS (a receiver's sentence comes up to half a second after its moment), which outranks the centre's
  time. A new word replaces the anchor when its source ranks at least as high, or when the anchor is older than an hour,
  by which time the crystal has drifted.
- The wall clock is read at the start, trusted by nobody, and then only while NTP keeps it; no timer and no order
  depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.time_quality import ClockSource

_RANK: dict[ClockSource, int] = {"none": 0, "centre": 1, "gnss": 2, "ntp": 3}
_ANCHOR_LIFE_NS = 3_600 * 10**9

EARLIEST_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z. No true time is before this software was written: a receiver that says so has rolled over."""
LATEST_NS = EARLIEST_NS + 50 * 365 * 86_400 * 10**9


def is_plausible(time_ns: int) -> bool:
    """Return whether a time can be true: not before this software, and not fifty years after it."""
    return EARLIEST_NS <= time_ns < LATEST_NS


@dataclass(frozen=True, slots=True)
class _Anchor:
    source: ClockSource
    monotonic_ns: int
    time_ns: int


class Clock:
    """The box's clock.

    Args:
        wall_ns: The wall clock at the start, in ns since 1970; trusted by nobody.
        monotonic_ns: The monotonic clock at the same moment.
    """

    def __init__(self, wall_ns: int, monotonic_ns: int) -> None:
        self._anchor = _Anchor("none", monotonic_ns, max(0, wall_ns))

    @property
    def source(self) -> ClockSource:
        """Who the present time is from."""
        return self._anchor.source

    @property
    def trusted(self) -> bool:
        """Whether anyone has told the time since the start."""
        return self._anchor.source != "none"

    def time_ns(self, monotonic_ns: int) -> int:
        """Return the time in ns since 1970 at a moment of the monotonic clock, past or present; never below zero."""
        return max(0, self._anchor.time_ns + monotonic_ns - self._anchor.monotonic_ns)

    def tell(self, source: ClockSource, time_ns: int, monotonic_ns: int) -> bool:
        """Hear the time from a source.

        Returns:
            Whether the clock became trusted by this word.
        """
        if not is_plausible(time_ns):
            return False
        old = self._anchor
        aged = monotonic_ns - old.monotonic_ns > _ANCHOR_LIFE_NS
        if _RANK[source] < _RANK[old.source] and not aged:
            return False
        self._anchor = _Anchor(source, monotonic_ns, time_ns)
        return old.source == "none"
