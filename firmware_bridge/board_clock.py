"""A board's clock of 32 bits of milliseconds, mapped to CLOCK_MONOTONIC with a bound of the error. Pure.

The offset between the two is held as an interval. A beat was said before it came: that bounds it from above. One that
answers a ping was said after the ping was sent: that bounds it from below. Between measurements the interval widens by
the drift of two clocks; the board's is a ceramic resonator.
"""

from __future__ import annotations

from typing import Final

DRIFT: Final = 0.006
"""A resonator's 0.5 % and what temperature adds."""

TRANSIT_NS: Final = 50_000_000
"""The longest that a frame may take when no ping bounds it: 8 frames in line before it, and the host at work."""

_MS: Final = 1_000_000
_WRAP: Final = 1 << 32


class BoardClock:
    """The mapping; it begins anew when the board's clock does.

    `restarts` counts how often a measurement could not be reconciled with those before.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._last_ms: int | None = None
        self._low_ns = self._high_ns = self._at_ns = 0

    def reset(self) -> None:
        """Forget all, because the board started anew."""
        self._last_ms = None

    def heard(self, board_ms: int, now_ns: int, *, sent_ns: int | None = None) -> None:
        """Take that a beat's `board_ms` was the board's clock before `now_ns` and, if known, after `sent_ns`."""
        full_ms = board_ms
        if self._last_ms is not None:
            full_ms = self._last_ms + _signed(board_ms - self._last_ms)
            low_ns, high_ns = self._widened(now_ns)
            told_low_ns, told_high_ns = _bounds(full_ms, now_ns, sent_ns)
            # A beat that answers nothing may have been on its way for long: it says nothing about the least.
            low_ns = low_ns if sent_ns is None else max(low_ns, told_low_ns)
            high_ns = min(high_ns, told_high_ns)
            if full_ms >= self._last_ms and low_ns <= high_ns:
                self._last_ms, self._low_ns, self._high_ns, self._at_ns = full_ms, low_ns, high_ns, now_ns
                return
            self.restarts += 1
            full_ms = board_ms
        self._last_ms, self._at_ns = full_ms, now_ns
        self._low_ns, self._high_ns = _bounds(full_ms, now_ns, sent_ns)

    def monotonic_ns(self, board_ms: int, age_ms: int, now_ns: int) -> tuple[int, int] | None:
        """Return when it was `age_ms` before `board_ms`, and by how much that may be wrong; None: nothing is known.

        The moment is never later than `now_ns`.
        """
        if self._last_ms is None:
            return None
        low_ns, high_ns = self._widened(now_ns)
        moment_ns = (self._last_ms + _signed(board_ms - self._last_ms) - age_ms) * _MS
        error_ns = (high_ns - low_ns) // 2 + _MS + round(age_ms * _MS * DRIFT)
        return min(moment_ns + (low_ns + high_ns) // 2, now_ns), error_ns

    def _widened(self, now_ns: int) -> tuple[int, int]:
        drifted_ns = round(max(0, now_ns - self._at_ns) * DRIFT)
        return self._low_ns - drifted_ns, self._high_ns + drifted_ns


def _bounds(full_ms: int, now_ns: int, sent_ns: int | None) -> tuple[int, int]:
    since_ns = now_ns - TRANSIT_NS if sent_ns is None else sent_ns
    # The board's millisecond had begun up to one before.
    return since_ns - (full_ms + 1) * _MS, now_ns - full_ms * _MS


def _signed(difference: int) -> int:
    """Return a difference of two counters of 32 bits, the shorter way round."""
    return (difference + _WRAP // 2) % _WRAP - _WRAP // 2
