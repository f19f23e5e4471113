"""Which incidents may be the one that is being reported. Pure.

It only tells: nothing is merged by it. Whoever takes the call decides.
Rules:
- Those that are not over, and those that ended within the last 30 minutes, as far as memory has them.
- Within 300 m where both places are known, or with the same address. Where one of them has no place on the map, it is
  enough that one address names all of the other.
- No drill and no test: what a citizen reports must not become a note on one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from duty_desk.geo.shapes import distance_m
from duty_desk.geo.words import ASIDE, BETWEEN, COMMON, words
from duty_desk.incidents.incident import Incident

NEAR_M: Final = 300.0
RECENT_NS: Final = 30 * 60 * 1_000_000_000
MAX_NEAR: Final = 8


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is: degrees, WGS 84, both or neither; and its address, if there is one."""

    latitude: float | None
    longitude: float | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Near:
    """An incident that may be the same. `distance_m` is None where one of the two has no place on the map."""

    incident: Incident
    spot: Spot
    distance_m: float | None
    same_address: bool


def nearby(incidents: Iterable[tuple[Incident, Spot]], spot: Spot, now_ns: int) -> list[Near]:
    """Return what may be the same: first what is not over, then the nearest, then the latest; at most 8.

    Args:
        incidents: The incidents in memory, each with where it is.
        spot: Where the new report is, as far as it is known.
        now_ns: The centre's clock.
    """
    found = []
    for incident, there in incidents:
        if incident.status != "Actual" or not _recent(incident, now_ns):
            continue
        away_m = _distance_m(spot, there)
        same = _same(spot.address, there.address, part=away_m is None)
        if same or (away_m is not None and away_m <= NEAR_M):
            found.append(Near(incident, there, away_m, same))
    found.sort(key=_rank)
    return found[:MAX_NEAR]


def _rank(near: Near) -> tuple[bool, float, int]:
    away_m = 0.0 if near.distance_m is None else near.distance_m
    return not near.incident.active, away_m, -near.incident.opened_at_ns


def _recent(incident: Incident, now_ns: int) -> bool:
    return incident.ended_at_ns is None or now_ns - incident.ended_at_ns <= RECENT_NS


def _distance_m(one: Spot, other: Spot) -> float | None:
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    return distance_m((one.longitude, one.latitude), (other.longitude, other.latitude))


def _same(one: str | None, other: str | None, *, part: bool) -> bool:
    """Return whether two addresses are the same, or, with `part`, whether one names all of the other."""
    here, there = _names(one or ""), _names(other or "")
    if not here or not there:
        return False
    if here == there:
        return True
    return part and (here <= there or there <= here) and any(map(_tells, here & there))


@functools.lru_cache(maxsize=4_096)
def _names(address: str) -> frozenset[str]:
    return frozenset(words(address)) - ASIDE - BETWEEN


def _tells(word: str) -> bool:
    return word not in COMMON and not word.isdigit()
