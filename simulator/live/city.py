"""A small city beside the boxes that are really there: its stations, vehicles and boxes, point by point. Pure.

Its values are those of the simulated day (`simulator.history`), and its boxes are called `post-1`, `vehicle-1` and so
on, so that they are none of those that run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from contract.batch import FieldValue
from contract.inventory import Inventory
from dashboards.traffic.matching import Streets
from dashboards.traffic.minutes import GAP_S, Fix, speeds
from dashboards.traffic.task import MINUTE_NS, line_of
from edge_agent.thinning import Thinner
from simulator.history import courses
from simulator.history.boxes import boxes
from simulator.history.fates import FINE, Fate
from simulator.history.places import inventory
from simulator.history.plan import HOUR, MINUTE, Plan, S
from simulator.history.series import Series
from simulator.history.stations import stations
from simulator.history.vehicles import GPS, THINNING
from simulator.streets import City, load_city
from simulator.tracker import Tracker
from store.lines import line

COUNTS: Final = {"boxes": 25, "vehicles": 8, "air": 6, "water": 4, "weather": 3, "incidents": 1}
BEFORE_NS: Final = 6 * HOUR
"""How much past a city has when it begins."""
STORM_AGO_NS: Final = 100 * MINUTE
LASTS_NS: Final = 12 * HOUR
"""For how long its time goes on; then another one begins."""
_STANDS: Final = 1
_SILENT_AGO_NS: Final = 20 * MINUTE

Arrival = tuple[int, str]
"""When a point comes in, in ns since 1970, and its line for the store."""


def city_from(now_ns: int, past_from_ns: int = 0) -> Plan:
    """Return a city of which the last hours are known at `now_ns`, but none before `past_from_ns`."""
    now_ns = now_ns // MINUTE * MINUTE
    begin_ns = max(now_ns - BEFORE_NS, min(now_ns, past_from_ns // MINUTE * MINUTE))
    return Plan(begin_ns, now_ns + LASTS_NS, now_ns - STORM_AGO_NS, **COUNTS)


def fates(plan: Plan) -> dict[str, Fate]:
    """Return what is wrong in the city from the start on, so that the walls have something to say."""
    silent_from = plan.end_ns - LASTS_NS - _SILENT_AGO_NS
    return {
        plan.air_boxes[1]: Fate(silent_from=silent_from, fault="sensor_silent"),
        plan.plain_boxes[0]: Fate(never=True),
        plan.plain_boxes[1]: Fate(fault="disk_low"),
        plan.moving[-1]: Fate(silent_from=silent_from),
    }


def members() -> Inventory:
    """Return who and what is in the city. Its boxes have no buttons: nobody can press where there is no box."""
    known = inventory(Plan(0, HOUR, 0, **COUNTS), load_city())
    return Inventory(
        version=1,
        sites=[site.model_copy(update={"id": f"site-{_named(site.id.removeprefix('site-'))}"}) for site in known.sites],
        devices=[
            each.model_copy(
                update={"name": _named(each.name), "site": None if each.site is None else f"site-{_named(each.name)}"}
            )
            for each in known.devices
        ],
        sensors=[each.model_copy(update={"device": _named(each.device)}) for each in known.sensors],
    )


def arrivals(plan: Plan) -> Iterator[Arrival]:
    """Yield every point but the streets' speeds in the order in which it comes in; positions are made as asked for."""
    known, city = fates(plan), load_city()
    made: list[Iterator[Arrival]] = [_listed(one) for one in stations(plan, known)]
    made += [_listed(one) for one in boxes(plan, known)]
    made += [_driven(plan, name, number, known.get(name, FINE), city) for number, name in enumerate(plan.moving)]
    return heapq.merge(*made)


class Traffic:
    """The streets' speeds of the past, made of the positions as they come; of now the wall server makes its own."""

    def __init__(self) -> None:
        lines = {
            one.name: [tuple((place.latitude, place.longitude) for place in one.points)] for one in load_city().streets
        }
        self._streets = Streets(lines)
        self._fixes: dict[str, list[Fix]] = {}
        self._minute_ns = 0

    def take(self, text: str) -> list[str]:
        """Take a line; return those of the minutes that are over with it."""
        if not text.startswith("position,"):
            return []
        head, fields, at = text.split(" ")
        values = dict(pair.split("=") for pair in fields.split(","))
        numbers = [float(values[name]) for name in ("latitude", "longitude", "speed_mps", "course_deg")]
        fix = Fix(int(at), *numbers)
        self._fixes.setdefault(head, []).append(fix)
        made: list[str] = []
        gap_ns = round(GAP_S * S)
        # The first minute is not whole.
        self._minute_ns = self._minute_ns or (fix.time_ns // MINUTE_NS + 1) * MINUTE_NS
        while fix.time_ns > self._minute_ns + MINUTE_NS + gap_ns:
            made += [
                line_of(one) for one in speeds(self._fixes, self._minute_ns, self._minute_ns + MINUTE_NS, self._streets)
            ]
            self._minute_ns += MINUTE_NS
            for name, fixes in self._fixes.items():
                self._fixes[name] = [one for one in fixes if one.time_ns >= self._minute_ns - gap_ns]
        return made


def _named(box: str) -> str:
    return f"post-{box.removeprefix('box-')}" if box.startswith("box-") else box


def _listed(series: Series) -> Iterator[Arrival]:
    series.tags["device"] = _named(series.tags["device"])
    return zip(series.times, series.lines(late=False), strict=True)


def _driven(plan: Plan, vehicle: str, number: int, fate: Fate, city: City) -> Iterator[Arrival]:
    """Yield a vehicle's positions, thinned as a box does it. One of them stands."""
    tracker = Tracker(city.streets[number % len(city.streets)].points, seed=plan.seed * 1_000_003 + number)
    thinner = Thinner(THINNING)
    at_ns = plan.begin_ns + plan.random("gps", vehicle).randrange(S)
    fix = tracker.advance(1.0)
    while at_ns < plan.end_ns and fate.hears(at_ns):
        flow = 0.0 if number == _STANDS else courses.flow(at_ns)
        if flow:
            # A road at half its pace is half the way in the same second.
            fix = tracker.advance(flow)
        fields: dict[str, FieldValue] = {
            "latitude": round(fix.latitude, 6),
            "longitude": round(fix.longitude, 6),
            "altitude_m": round(fix.altitude_m, 1),
            "speed_mps": round(fix.speed_mps * flow, 2),
            "course_deg": round(fix.course_deg, 1) % 360,
            "satellites": fix.satellites,
            "hdop": fix.hdop,
            "clock": "gnss",
        }
        if thinner.is_told(GPS, "position", fields, at_ns):
            yield at_ns, line("position", {"device": vehicle, "sensor": GPS}, fields, at_ns)
        at_ns += S if flow else MINUTE
