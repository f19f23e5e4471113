"""Which steps hold for which incident: by where it came from, what it is, and where. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.incidents.entries import Category
from duty_desk.incidents.incident import Incident

Audience = Literal["officer", "everyone", "supervisor", "siren"]
"""Whom a step lets ring: the screens of officers, every screen, the screens of supervisors, or the sirens. Whom it
pages: the officers on duty, everybody who may be called, the supervisors on duty."""

MAX_STEPS: Final = 20
OTHERS: Final = "others"
"""In a step's channels: all that are set up and that no earlier step names."""
PEOPLE: Final[tuple[Audience, ...]] = ("officer", "everyone", "supervisor")
LOUD: Final = frozenset({"siren", "sirens", "beacon"})
"""Channels that sound in a street or a room: never for a drill or a test."""
Area = tuple[tuple[float, float], ...]
"""Corners as latitude and longitude: a polygon, or the two opposite ones of a box."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from `after_s` on these ring too; only for incidents of these origins, None for all.

    `channels` take a page to `pages`; where that is empty, to the people of `rings`, or else to those officers and
    supervisors who ring by then. `repeat_s`: the pages are sent again after each so many seconds until it is answered.
    """

    after_s: float
    rings: tuple[Audience, ...]
    origins: frozenset[IncidentOrigin] | None = None
    channels: tuple[str, ...] = ()
    pages: tuple[Audience, ...] = ()
    repeat_s: float | None = None


DEFAULT_STEPS: Final = (
    Step(0, ("officer",), channels=("push",), repeat_s=60),
    Step(15, ("everyone",)),
    Step(30, ("supervisor",), channels=("push",), repeat_s=60),
    Step(60, ("siren",), channels=(OTHERS,), repeat_s=120),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an incident is, as far as it is known: the site's id, degrees WGS 84."""

    site: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which incidents a plan is for. None, or nothing: for all. Of the place, any of the three is enough.

    `devices` and `sites` are patterns (`braga-*`).
    """

    origins: frozenset[IncidentOrigin] | None = None
    categories: frozenset[Category] | None = None
    statuses: frozenset[AlertStatus] | None = None
    devices: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()

    def fits(self, incident: Incident, spot: Spot) -> bool:
        """Return whether an incident is one of these. A press has no category, so that it fits none."""
        category = None if incident.call is None else incident.call.category
        return (
            (self.origins is None or incident.origin in self.origins)
            and (self.categories is None or category in self.categories)
            and (self.statuses is None or incident.status in self.statuses)
            and self._there(incident.device, spot)
        )

    def _there(self, device: str | None, spot: Spot) -> bool:
        if not (self.devices or self.sites or self.areas):
            return True
        if device is not None and _like(device, self.devices):
            return True
        if spot.site is not None and _like(spot.site, self.sites):
            return True
        if spot.latitude is None or spot.longitude is None:
            return False
        return any(inside(area, spot.latitude, spot.longitude) for area in self.areas)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for some incidents. `name` is what people call it."""

    name: str
    match: Match
    steps: tuple[Step, ...]


def choose(plans: Collection[Plan], incident: Incident, spot: Spot) -> int | None:
    """Return which plan is the first that an incident fits, None where none is."""
    return next((number for number, plan in enumerate(plans) if plan.match.fits(incident, spot)), None)


def inside(area: Area, latitude: float, longitude: float) -> bool:
    """Return whether a point is in an area. No area reaches over the 180th meridian."""
    if len(area) == 2:
        (south, west), (north, east) = area
        between = min(south, north) <= latitude <= max(south, north)
        return between and min(west, east) <= longitude <= max(west, east)
    crossed = False
    for (lat_1, lon_1), (lat_2, lon_2) in zip(area, (*area[1:], *area[:1]), strict=True):
        if (lat_1 > latitude) != (lat_2 > latitude):
            at = lon_1 + (latitude - lat_1) / (lat_2 - lat_1) * (lon_2 - lon_1)
            crossed ^= longitude < at
    return crossed


def _like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
