"""What time it is, and how far that can be trusted. Pure: monotonic time goes in with each call.

Rules:
- The box keeps one anchor: a moment of its monotonic clock together with the true time then, and who said so.
- NTP outranks GNSS (a receiver's sentence comes up to half a second after its moment), which outranks the centre's
  time. A new word replaces the anchor when its source ranks at least as high, or when the anchor is older than an hour,
  by which time the crystal has drifted.
- The wall clock is read at the start, trusted by nobody, and then only while NTP keeps it; no timer and no order
  depends on it.
- No clock starts before 2026: a wall clock that says so was never set, and the time counts from there, or from the
  floor that `clock_floor.py` knows. An agent that starts again within one boot goes on with the anchor it had.
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
class Anchor:
    """A moment of the monotonic clock, the time then in ns since 1970, and who said so."""

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
        self._anchor = Anchor("none", monotonic_ns, wall_ns if is_plausible(wall_ns) else EARLIEST_NS)
        self.resumed = False
        """Whether it goes on with the anchor of an agent of this same boot."""

    @property
    def anchor(self) -> Anchor:
        """What the time is counted from."""
        return self._anchor

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

    def resume(self, anchor: Anchor) -> None:
        """Go on with the anchor that an agent of this same boot had; one that is not plausible is not taken."""
        if is_plausible(anchor.time_ns):
            self._anchor = anchor
            self.resumed = True

    def raise_floor(self, floor_ns: int) -> bool:
        """Count from this time on, in ns since 1970, if nobody has told the time and the clock was set below it.

        Returns:
            Whether it did.
        """
        if self.trusted or self.resumed or not self._anchor.time_ns < floor_ns < LATEST_NS:
            return False
        self._anchor = Anchor("none", self._anchor.monotonic_ns, floor_ns)
        return True

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
        self._anchor = Anchor(source, monotonic_ns, time_ns)
        return old.source == "none"
