"""Mean speed and number of vehicles on each street in one minute. Pure.

Fixes are thinned by distance, so a vehicle in a jam tells fewer of them than one that flows: each speed counts for as
long as it lasted. Between two fixes of a vehicle on one street it drove at the mean of both; where they are further
apart than CLOSE_S, at what the way between them makes, as it may have stood meanwhile. A street's speed is the mean of
its vehicles, so that one that crawls along it all day is one vehicle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from dashboards.traffic.matching import Streets, distance_m

MEASUREMENT: Final = "street_speed"
GAP_S: Final = 75.0
"""A box tells where it stands each 60 s; what is further apart is two journeys."""
CLOSE_S: Final = 5.0
MOST_MPS: Final = 70.0
"""Faster than any vehicle: such a fix is a defect."""


class Fix(NamedTuple):
    """A position of a vehicle."""

    time_ns: int
    latitude: float
    longitude: float
    speed_mps: float
    course_deg: float | None


@dataclass(frozen=True, slots=True)
class StreetSpeed:
    """One street in one minute."""

    street: str
    speed_mps: float
    vehicles: int
    time_ns: int


def speeds(fixes: Mapping[str, Sequence[Fix]], begin_ns: int, end_ns: int, streets: Streets) -> list[StreetSpeed]:
    """Return each street on which a vehicle was between two moments, by name.

    Args:
        fixes: By vehicle, by time; those of GAP_S before and after belong to it, or the minute's edges are missed.
        begin_ns: Where the minute begins; the result's time.
        end_ns: Where it ends.
        streets: The streets.
    """
    found: dict[str, list[float]] = {}
    for own in fixes.values():
        for street, speed_mps in _means(own, begin_ns, end_ns, streets):
            found.setdefault(street, []).append(speed_mps)
    return [
        StreetSpeed(street, sum(found[street]) / len(found[street]), len(found[street]), begin_ns)
        for street in sorted(found)
    ]


def _means(fixes: Sequence[Fix], begin_ns: int, end_ns: int, streets: Streets) -> Iterable[tuple[str, float]]:
    """Return one vehicle's mean speed on each street."""
    driven: dict[str, float] = {}
    lasted: dict[str, float] = {}
    known: tuple[Fix, str | None] | None = None
    for before, after in pairwise(fixes):
        from_ns, to_ns = max(before.time_ns, begin_ns), min(after.time_ns, end_ns)
        if to_ns <= from_ns or after.time_ns - before.time_ns > GAP_S * 1e9:
            continue
        street = known[1] if known is not None and known[0] is before else _street(before, streets)
        known = (after, _street(after, streets))
        if street is None or street != known[1]:
            continue
        seconds = (to_ns - from_ns) / 1e9
        driven[street] = driven.get(street, 0.0) + seconds * _speed(before, after)
        lasted[street] = lasted.get(street, 0.0) + seconds
    return [(street, driven[street] / lasted[street]) for street in driven]


def _speed(before: Fix, after: Fix) -> float:
    seconds = (after.time_ns - before.time_ns) / 1e9
    if seconds <= CLOSE_S:
        return (before.speed_mps + after.speed_mps) / 2
    return min(MOST_MPS, distance_m(before.latitude, before.longitude, after.latitude, after.longitude) / seconds)


def _street(fix: Fix, streets: Streets) -> str | None:
    if not 0 <= fix.speed_mps <= MOST_MPS:
        return None
    return streets.nearest(fix.latitude, fix.longitude, fix.speed_mps, fix.course_deg)
