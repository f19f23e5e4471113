"""Official vehicles on the city's streets: a fix a second, thinned by the rule that a box has. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contract.batch import FieldValue
from edge_agent.thinning import Thinner, Thinning
from simulator.history import courses
from simulator.history.fates import FINE, Fate
from simulator.history.plan import HOUR, MINUTE, Plan, S, hour_of
from simulator.history.series import Series, reading
from simulator.streets import City
from simulator.tracker import Fix, Tracker

THINNING: Final = Thinning(min_interval_s=1.0, min_distance_m=5.0, max_interval_s=60.0)
"""As in the agent's own sample of a receiver."""
GPS: Final = "gps"
_FIELDS: Final = ("latitude", "longitude", "altitude_m", "speed_mps", "course_deg", "satellites", "hdop")
_TRAFFIC_NS: Final = 5 * MINUTE


def vehicles(plan: Plan, known: dict[str, Fate], city: City) -> Iterator[Series]:
    """Yield each vehicle's positions; it drives in its shift, and stands where it is out of it."""
    for number, vehicle in enumerate(plan.moving):
        fate = known.get(vehicle, FINE)
        series = _positions(plan, vehicle, number, fate, city)
        if len(series):
            yield series


def _positions(plan: Plan, vehicle: str, number: int, fate: Fate, city: City) -> Series:
    series = reading("position", vehicle, GPS, _FIELDS, ("satellites",))
    series.late = fate.late
    tracker = Tracker(city.streets[number % len(city.streets)].points, seed=plan.seed * 1_000_003 + number)
    thinner = Thinner(THINNING)
    at_ns = plan.begin_ns + plan.random("gps", vehicle).randrange(S)
    fix, flow, flow_until_ns, on_duty = tracker.advance(1.0), 1.0, 0, True
    while at_ns < plan.end_ns:
        if at_ns >= flow_until_ns:
            flow, on_duty = courses.flow(at_ns), _on_duty(at_ns, number)
            flow_until_ns = at_ns + _TRAFFIC_NS
        # A road at half its pace is half the way in the same second.
        fix = _scaled(tracker.advance(flow), flow) if on_duty else _standing(fix)
        where: dict[str, FieldValue] = {"latitude": fix.latitude, "longitude": fix.longitude}
        if thinner.is_told(GPS, "position", where, at_ns) and fate.hears(at_ns):
            series.add(
                at_ns,
                *(round(fix.latitude, 6), round(fix.longitude, 6), round(fix.altitude_m, 1)),
                *(round(fix.speed_mps, 2), round(fix.course_deg, 1) % 360, fix.satellites, fix.hdop, "gnss"),
            )
        at_ns += S if on_duty else MINUTE
    return series


def _on_duty(at_ns: int, number: int) -> bool:
    """Return whether a vehicle's shift runs: two of three by day, one of three at night, changed each eight hours."""
    shift = at_ns // (8 * HOUR)
    return (number + shift) % 3 == 0 or (5 <= hour_of(at_ns) < 22 and (number + shift) % 3 == 1)


def _scaled(fix: Fix, flow: float) -> Fix:
    return Fix(
        fix.latitude, fix.longitude, fix.altitude_m, fix.speed_mps * flow, fix.course_deg, fix.satellites, fix.hdop
    )


def _standing(fix: Fix) -> Fix:
    return Fix(fix.latitude, fix.longitude, fix.altitude_m, 0.0, fix.course_deg, fix.satellites, fix.hdop)
