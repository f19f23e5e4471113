"""The whole simulated day, series by series. Pure; the larger part of its time is the vehicles' driving."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.chronicle import INCIDENT
from contract.inventory import Inventory
from contract.messages import IncidentMessage
from dashboards.traffic.matching import Streets
from dashboards.traffic.minutes import GAP_S, MEASUREMENT, Fix, speeds
from simulator.history.boxes import boxes
from simulator.history.fates import Fate, fates
from simulator.history.incidents import beats, incident_points, incidents
from simulator.history.places import inventory, places
from simulator.history.plan import MINUTE, Plan, S
from simulator.history.series import Series
from simulator.history.stations import stations
from simulator.history.vehicles import vehicles
from simulator.streets import City, load_city


@dataclass(frozen=True)
class Day:
    """What happened. `series()` is made anew at each call, the same each time."""

    plan: Plan
    city: City
    fates: dict[str, Fate]
    inventory: Inventory
    incidents: list[IncidentMessage]
    streets: Streets = field(repr=False)

    def series(self) -> Iterator[Series]:
        """Yield every series that the store would hold."""
        positions: dict[str, Series] = {}
        for one in vehicles(self.plan, self.fates, self.city):
            positions[one.tags["device"]] = one
            yield one
        yield from self._street_speeds(positions)
        yield from stations(self.plan, self.fates)
        yield from boxes(self.plan, self.fates)
        yield from beats(self.plan, self.incidents)
        yield from self._incidents()

    def _street_speeds(self, positions: dict[str, Series]) -> Iterator[Series]:
        found: dict[str, Series] = {}
        gap_ns = round(GAP_S * S)
        for begin_ns in range(self.plan.begin_ns // MINUTE * MINUTE, self.plan.end_ns - MINUTE + 1, MINUTE):
            fixes = {
                name: _fixes(one, begin_ns - gap_ns, begin_ns + MINUTE + gap_ns) for name, one in positions.items()
            }
            for one in speeds(fixes, begin_ns, begin_ns + MINUTE, self.streets):
                tags, shape = {"street": one.street}, {"speed_mps": "d", "vehicles": "q"}
                series = found.setdefault(one.street, Series(MEASUREMENT, tags, shape))
                series.add(one.time_ns, one.speed_mps, one.vehicles)
        yield from found.values()

    def _incidents(self) -> Iterator[Series]:
        found: dict[tuple[str, ...], Series] = {}
        shape = {
            **dict.fromkeys(("incident_id", "state", "button", "reason"), "s"),
            **dict.fromkeys(("presses", "step"), "q"),
            **dict.fromkeys(("latitude", "longitude", "ring_s", "accept_s", "depart_s", "resolve_s", "end_s"), "d"),
        }
        for point in incident_points(self.incidents):
            key = tuple(point.tags.values())
            series = found.setdefault(key, Series(INCIDENT, point.tags, shape, policy=point.policy))
            series.add(point.time_ns, *(point.fields.get(name) for name in shape))
        yield from found.values()


def simulate(plan: Plan) -> Day:
    """Return the day of a plan; the same plan gives the same day."""
    city = load_city()
    known = fates(plan)
    where = {box: place for box, (_, place) in places(plan, city).items()}
    streets = Streets(
        {one.name: [tuple((place.latitude, place.longitude) for place in one.points)] for one in city.streets}
    )
    return Day(plan, city, known, inventory(plan, city), incidents(plan, known, where), streets)


def _fixes(series: Series, begin_ns: int, end_ns: int) -> list[Fix]:
    first, last = bisect_left(series.times, begin_ns), bisect_left(series.times, end_ns)
    columns = [series.columns[name][first:last] for name in ("latitude", "longitude", "speed_mps", "course_deg")]
    return [Fix(*values) for values in zip(series.times[first:last], *columns, strict=True)]
