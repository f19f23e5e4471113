"""Lets through the fixes that can be true, by those before them; each refusal has a reason. No I/O.

A receiver calls a fix valid that is not: after a tunnel it is streets away, a bit lost turns S into N, a device server
hands out what it kept for minutes.

| a fix | is |
|---|---|
| outside the configured area | refused: `outside area` |
| of a time not after the last one's, or 10 s later at the box than the last ones were (live only) | refused: `stale` |
| further from the last good one than `max_speed_mps` allows, with 150 m to spare | refused: `jump` |
| the same, but its mirror image on the equator or the prime meridian is near | refused: `hemisphere flip` |
| of a time that leapt ahead of the box's monotonic clock by 10 s (live only) | taken without its time: `time jump` |
| anything else | good; it is what the next one is held against |

What is refused again and again and agrees with itself is true, and what was before was not: a jump is believed after
10 s, the rest after 60 s, and counted as `believed`; a place outside the area never is. Between two fixes their own
times count; where one has none, their arrival; where that means nothing, as in a replayed log, nothing is refused for
its distance.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import asin, cos, radians, sin, sqrt
from typing import Final, Literal

from edge_agent.drivers.base import Sample

Reason = Literal["outside area", "stale", "jump", "hemisphere flip"]

SLACK_M: Final = 150.0
"""How far two fixes of one place may be apart among high walls."""
LATE_NS: Final = 10 * 10**9
BELIEVED_NS: Final[dict[Reason, int]] = {
    "jump": 10 * 10**9,
    "hemisphere flip": 60 * 10**9,
    "stale": 60 * 10**9,
}
_BELIEVED_FIXES: Final = 5
_SAME_LAG_NS: Final = 10**9
_DRIFT: Final = 1e-4
_EARTH_M: Final = 6_371_008.8

NO_POSITION_NS: Final = 60 * 10**9
"""So long without a good fix, while something comes in, is a fault."""
_WHAT_TO_DO: Final = {
    "no fix": "check that the antenna sees the sky, and its cable",
    "outside area": "check `area` in box.toml, else replace the receiver",
    "jump": "the receiver tells places that cannot be; restart it, else replace it",
    "hemisphere flip": "the receiver tells places that cannot be; restart it, else replace it",
    "stale": "what comes is old; restart what is between the receiver and this box",
}
_OTHERWISE: Final = "see what is counted: siaga edge status"


@dataclass(frozen=True, slots=True)
class FixRules:
    """What a fix is held against.

    `max_speed_mps` is the fastest the box itself can move. `area` is south, west, north, east in degrees; west may be
    greater than east, across the date line. `live`: what comes is of now, and its arrival means something.
    """

    max_speed_mps: float = 100.0
    area: tuple[float, float, float, float] | None = None
    live: bool = True


@dataclass(slots=True)
class _Doubt:
    reason: Reason
    first: Sample
    last: Sample
    fixes: int = 1


class FixGate:
    """One receiver's gate.

    Args:
        rules: What a fix is held against.
        counters: Counts refusals by reason, and `believed` and `time jump`.
        reasons: What else its owner counts that is a reason for having no fix.
    """

    def __init__(self, rules: FixRules, counters: Counter[str], reasons: frozenset[str]) -> None:
        self._rules = rules
        self._counters = counters
        self._reasons = reasons | set(_WHAT_TO_DO)
        self._counted: dict[str, int] = {}
        self._last: Sample | None = None
        self._doubt: _Doubt | None = None
        self._lag_ns: int | None = None
        self._lag_at_ns = 0
        self._ahead: tuple[int, int] | None = None
        self._heard_ns = 0
        self._good_ns: int | None = None
        self._reason: str | None = None

    def take(self, samples: list[Sample], monotonic_ns: int) -> list[Sample]:
        """Return the good ones of the fixes that what arrived at `monotonic_ns` completed."""
        good = [taken for sample in samples if (taken := self._judged(sample)) is not None]
        self._heard_ns = monotonic_ns
        if good or self._good_ns is None:
            self._good_ns = monotonic_ns
        self._learn_reason(bool(good))
        return good

    def fault(self) -> str | None:
        """Return why there has been no good fix for a minute, while something came in, or None."""
        if not self._rules.live or self._reason is None or self._good_ns is None:
            return None
        without_ns = self._heard_ns - self._good_ns
        if without_ns < NO_POSITION_NS:
            return None
        what_to_do = _WHAT_TO_DO.get(self._reason, _OTHERWISE)
        return f"{self._reason}: no position for {without_ns // 10**9} s; {what_to_do}"

    def _learn_reason(self, good: bool) -> None:
        before, self._counted = self._counted, {one: self._counters[one] for one in self._reasons & set(self._counters)}
        if good:
            self._reason = None
            return
        rose = [reason for reason, count in self._counted.items() if count > before.get(reason, 0)]
        if rose:
            self._reason = rose[-1]

    def _judged(self, sample: Sample) -> Sample | None:
        reason = self._reason_to_refuse(sample)
        if reason is None:
            self._doubt = None
        else:
            self._counters[reason] += 1
            if not self._is_believed(reason, sample):
                return None
            self._counters["believed"] += 1
            self._doubt = self._lag_ns = None
        self._last = sample
        return self._timed(sample)

    def _reason_to_refuse(self, sample: Sample) -> Reason | None:
        rules, last = self._rules, self._last
        if rules.area is not None and not _is_inside(sample, rules.area):
            return "outside area"
        if last is None:
            return None
        if last.time_ns is not None and sample.time_ns is not None and sample.time_ns <= last.time_ns:
            return "stale"
        lag_ns = self._lag_of(sample)
        if lag_ns is not None and self._lag_ns is not None and lag_ns > self._baseline_ns(sample) + LATE_NS:
            return "stale"
        if self._is_near(last, sample):
            return None
        return "hemisphere flip" if any(self._is_near(last, one) for one in _mirrored(sample)) else "jump"

    def _is_believed(self, reason: Reason, sample: Sample) -> bool:
        doubt, after_ns = self._doubt, BELIEVED_NS.get(reason)
        if after_ns is None:
            return False
        if doubt is None or doubt.reason != reason or not self._agrees(doubt, sample):
            self._doubt = _Doubt(reason, sample, sample)
            return False
        doubt.last = sample
        doubt.fixes += 1
        elapsed_ns = self._elapsed_ns(doubt.first, sample)
        return doubt.fixes >= _BELIEVED_FIXES and elapsed_ns is not None and elapsed_ns >= after_ns

    def _agrees(self, doubt: _Doubt, sample: Sample) -> bool:
        if doubt.last.time_ns is not None and sample.time_ns is not None and sample.time_ns <= doubt.last.time_ns:
            return False
        first_lag_ns, lag_ns = self._lag_of(doubt.first), self._lag_of(sample)
        # What drains out of a buffer comes ever less late; a clock that was set back stays late.
        steady = first_lag_ns is None or lag_ns is None or abs(lag_ns - first_lag_ns) <= _SAME_LAG_NS
        return (steady or doubt.reason != "stale") and self._is_near(doubt.last, sample)

    def _is_near(self, one: Sample, other: Sample) -> bool:
        elapsed_ns = self._elapsed_ns(one, other)
        if elapsed_ns is None:
            return True
        return distance_m(one, other) <= SLACK_M + self._rules.max_speed_mps * max(elapsed_ns, 0) / 1e9

    def _elapsed_ns(self, one: Sample, other: Sample) -> int | None:
        if one.time_ns is not None and other.time_ns is not None:
            return other.time_ns - one.time_ns
        return other.monotonic_ns - one.monotonic_ns if self._rules.live else None

    # --- its time against the box's monotonic clock

    def _lag_of(self, sample: Sample) -> int | None:
        return sample.monotonic_ns - sample.time_ns if self._rules.live and sample.time_ns is not None else None

    def _baseline_ns(self, sample: Sample) -> int:
        assert self._lag_ns is not None
        # Two crystals drift apart, so the smallest lag is not for ever the smallest.
        return self._lag_ns + round((sample.monotonic_ns - self._lag_at_ns) * _DRIFT)

    def _timed(self, sample: Sample) -> Sample:
        """Return a good fix, without its time if that leapt ahead and is not yet believed."""
        lag_ns = self._lag_of(sample)
        if lag_ns is None:
            return sample
        if self._lag_ns is not None and lag_ns < self._baseline_ns(sample) - LATE_NS:
            if self._ahead is None or abs(lag_ns - self._ahead[0]) > _SAME_LAG_NS:
                self._ahead = (lag_ns, sample.monotonic_ns)
            if sample.monotonic_ns - self._ahead[1] < BELIEVED_NS["stale"]:
                self._counters["time jump"] += 1
                sample = replace(sample, time_ns=None)
                self._last = sample
                return sample
            self._counters["believed"] += 1
        self._ahead = None
        self._lag_ns = lag_ns if self._lag_ns is None else min(lag_ns, self._baseline_ns(sample))
        self._lag_at_ns = sample.monotonic_ns
        return sample


def distance_m(one: Sample, other: Sample) -> float:
    """Return the distance of two positions in metres, along a sphere (right to 0.5 %)."""
    south, north = radians(float(one.fields["latitude"])), radians(float(other.fields["latitude"]))
    east = radians(float(other.fields["longitude"]) - float(one.fields["longitude"]))
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(east / 2) ** 2
    return 2 * _EARTH_M * asin(sqrt(min(1.0, half)))


def _mirrored(sample: Sample) -> list[Sample]:
    latitude, longitude = float(sample.fields["latitude"]), float(sample.fields["longitude"])
    places = [(-latitude, longitude), (latitude, -longitude), (-latitude, -longitude)]
    return [replace(sample, fields={"latitude": south, "longitude": east}) for south, east in places]


def _is_inside(sample: Sample, area: tuple[float, float, float, float]) -> bool:
    south, west, north, east = area
    latitude, longitude = float(sample.fields["latitude"]), float(sample.fields["longitude"])
    if not south <= latitude <= north:
        return False
    return west <= longitude <= east if west <= east else longitude >= west or longitude <= east
