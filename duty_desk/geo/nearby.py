"""What is near a place: which vehicles, which sensors with what they measure, which cameras. Pure.

A vehicle is whatever reported a position within the last half hour, except boxes that have a site: what stands
somewhere does not move, whatever its GPS receiver says between houses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.catalogue import KINDS, Kind
from contract.inventory import Inventory, Site, VehicleUse
from duty_desk.geo.shapes import Point, distance_m
from store.protocol import Row, Value

MAX_VEHICLES: Final = 8
MAX_SENSORS: Final = 12
MAX_CAMERAS: Final = 12
MAX_DEVICES: Final = 20
"""Boxes near by whose sensors are asked for."""
POSITIONS_MINUTES: Final = 30
SENSORS_MINUTES: Final = 60
SENSORS_WITHIN_M: Final = 1_500.0
CAMERAS_WITHIN_M: Final = 500.0

_NO_SURROUNDINGS: Final = frozenset({"position", "box_health", "enclosure"})
_MEASURED: Final = tuple(kind for kind in KINDS.values() if kind.name not in _NO_SURROUNDINGS)
_NS: Final = 1_000_000_000
_ROUGH_DEG: Final = 0.5
"""About 50 km: farther vehicles are not looked at."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle. Position in degrees, WGS 84; course in degrees from north, None at rest or unknown.

    `use` is what the inventory says it is for, None when it does not.
    """

    device: str
    sensor: str
    label: str
    use: VehicleUse | None
    latitude: float
    longitude: float
    speed_mps: float | None
    course_deg: float | None
    age_s: float
    distance_m: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One value: the quantity's names for people, its unit (UCUM) and the value."""

    name: str
    label_id: str
    label_en: str
    unit: str
    value: float | int | bool | str


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor and the latest that it measured."""

    device: str
    sensor: str
    label: str
    kind_id: str
    kind_en: str
    latitude: float
    longitude: float
    age_s: float
    distance_m: int
    values: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera, by link."""

    id: str
    label: str
    link: str
    address: str
    latitude: float
    longitude: float
    distance_m: int


@dataclass(slots=True)
class Surroundings:
    """The inventory, as far as it says what stands near a place."""

    inventory: Inventory
    labels: dict[str, str] = field(init=False)
    uses: dict[str, VehicleUse | None] = field(init=False)
    homes: dict[str, Site] = field(init=False)

    def __post_init__(self) -> None:
        sites = {site.id: site for site in self.inventory.sites}
        self.labels = {device.name: device.label for device in self.inventory.devices}
        self.uses = {device.name: device.vehicle for device in self.inventory.devices}
        self.homes = {device.name: sites[device.site] for device in self.inventory.devices if device.site is not None}

    def devices_near(self, at: Point) -> list[str]:
        """Return the boxes that stand near a place, the nearest first, at most MAX_DEVICES."""
        away = {name: distance_m(at, _point(site)) for name, site in self.homes.items()}
        near = [name for name in away if away[name] <= SENSORS_WITHIN_M]
        return sorted(near, key=lambda name: (away[name], name))[:MAX_DEVICES]

    def cameras_near(self, at: Point) -> list[Camera]:
        """Return the cameras of the sites near a place, the nearest first."""
        sites = {site.id: site for site in self.inventory.sites}
        found = []
        for camera in self.inventory.cameras:
            site = sites[camera.site]
            away = distance_m(at, _point(site))
            if away <= CAMERAS_WITHIN_M:
                found.append(
                    Camera(
                        id=camera.id,
                        label=camera.label,
                        link=camera.link,
                        address=site.address,
                        latitude=site.latitude,
                        longitude=site.longitude,
                        distance_m=round(away),
                    )
                )
        return sorted(found, key=lambda one: (one.distance_m, one.id))[:MAX_CAMERAS]

    def vehicles(self, rows: Iterable[Row], at: Point, now_ns: int) -> list[Vehicle]:
        """Return the vehicles nearest to a place, from the latest rows of `position`."""
        found = []
        for row in rows:
            latitude, longitude = _number(row.get("latitude")), _number(row.get("longitude"))
            if latitude is None or longitude is None or abs(latitude - at[1]) > _ROUGH_DEG:
                continue
            device, sensor = str(row.get("device", "")), str(row.get("sensor", ""))
            if device in self.homes:
                continue
            found.append(
                Vehicle(
                    device=device,
                    sensor=sensor,
                    label=self.labels.get(device, device),
                    use=self.uses.get(device),
                    latitude=latitude,
                    longitude=longitude,
                    speed_mps=_number(row.get("speed_mps")),
                    course_deg=_number(row.get("course_deg")),
                    age_s=_age_s(row, now_ns),
                    distance_m=round(distance_m(at, (longitude, latitude))),
                )
            )
        return sorted(found, key=lambda one: (one.distance_m, one.device, one.sensor))[:MAX_VEHICLES]

    def sensors(self, rows: Iterable[Row], at: Point, now_ns: int) -> list[Sensor]:
        """Return the sensors nearest to a place with their latest values, from their latest rows."""
        found = []
        for row in rows:
            kind, device = KINDS.get(str(row.get("measurement", ""))), str(row.get("device", ""))
            home = self.homes.get(device)
            if kind is None or home is None:
                continue
            values = tuple(_measures(kind, row))
            if values:
                found.append(
                    Sensor(
                        device=device,
                        sensor=str(row.get("sensor", "")),
                        label=self.labels.get(device, device),
                        kind_id=kind.label_id,
                        kind_en=kind.label_en,
                        latitude=home.latitude,
                        longitude=home.longitude,
                        age_s=_age_s(row, now_ns),
                        distance_m=round(distance_m(at, _point(home))),
                        values=values,
                    )
                )
        return sorted(found, key=lambda one: (one.distance_m, one.device, one.sensor))[:MAX_SENSORS]


def positions_query() -> str:
    """Return the InfluxQL that asks for the latest position of everything that moves."""
    return (
        "SELECT latitude, longitude, speed_mps, course_deg FROM position "
        f"WHERE time > now() - {POSITIONS_MINUTES}m GROUP BY device, sensor "
        "ORDER BY time DESC LIMIT 1"
    )


def sensors_query(devices: Sequence[str]) -> str:
    """Return the InfluxQL that asks for the latest that these boxes measured."""
    kinds = ", ".join(f'"{kind.name}"' for kind in _MEASURED)
    which = " OR ".join(f"device = {_quoted(device)}" for device in devices[:MAX_DEVICES])
    return (
        f"SELECT * FROM {kinds} WHERE time > now() - {SENSORS_MINUTES}m AND ({which}) "
        "GROUP BY device, sensor ORDER BY time DESC LIMIT 1"
    )


def _measures(kind: Kind, row: Row) -> Iterable[Measure]:
    for quantity in kind.quantities:
        value = row.get(quantity.name)
        if value is not None and value != "":
            yield Measure(quantity.name, quantity.label_id, quantity.label_en, quantity.unit, value)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _point(site: Site) -> Point:
    return site.longitude, site.latitude


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time_ns(row: Row) -> int:
    time = row.get("time")
    return time if isinstance(time, int) else 0


def _age_s(row: Row, now_ns: int) -> float:
    return round(max(0, now_ns - _time_ns(row)) / _NS, 1)
