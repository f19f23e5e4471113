"""When an open line has fallen silent. Pure: moments of the monotonic clock go in.

Rules:
- Silent is a sensor without a reading for five times its usual interval, and for 60 s at least.
- The usual interval is the median of the last 15 that lasted a second or longer; shorter ones do not matter against
  60 s, and several readings of one moment are no interval. Until one was seen it is what the configuration says.
- One that was never heard is silent 60 s after the start, or after five of its configured intervals.
"""

from __future__ import annotations

from collections import deque
from typing import Final

INTERVALS: Final = 5
LEAST_NS: Final = 60 * 10**9
_SHORT_NS: Final = 10**9
_REMEMBERED: Final = 15


class Silence:
    """One sensor.

    Args:
        begun_ns: When it was first listened to.
        interval_ns: How often it is asked by its configuration; 0: that is not known.
    """

    def __init__(self, begun_ns: int, interval_ns: int = 0) -> None:
        self._last_ns = begun_ns
        self._heard = False
        self._configured_ns = interval_ns
        self._intervals: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def heard(self) -> bool:
        """Whether there was a reading at all."""
        return self._heard

    @property
    def usual_ns(self) -> int:
        """Its usual interval in ns; 0: not known, or shorter than a second."""
        if not self._intervals:
            return self._configured_ns
        return sorted(self._intervals)[len(self._intervals) // 2]

    def take(self, monotonic_ns: int) -> None:
        """Take that it gave a reading."""
        interval_ns = monotonic_ns - self._last_ns
        if interval_ns < 0:
            return
        if self._heard and interval_ns >= _SHORT_NS:
            self._intervals.append(interval_ns)
        self._heard = True
        self._last_ns = monotonic_ns

    def silent_ns(self, monotonic_ns: int) -> int | None:
        """Return for how long it has been silent, in ns; None: it is not."""
        lasts_ns = monotonic_ns - self._last_ns
        return lasts_ns if lasts_ns > max(LEAST_NS, INTERVALS * self.usual_ns) else None
