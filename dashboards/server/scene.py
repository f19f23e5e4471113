"""What a screen shows of an incident: the place, its times, who is near. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from contract.inventory import Inventory
from contract.messages import IncidentMessage
from dashboards.server.takeover import is_drill

NEAREST: Final = 5
CAMERAS_WITHIN_M: Final = 500.0
SENSORS_WITHIN_M: Final = 2_000.0
POSITION_S: Final = 300
"""A position older than this says nothing of where a vehicle is now."""
_EARTH_M: Final = 6_371_000.0

_TIMES: Final = (
    ("opened", "opened_at_ns"),
    ("received", "received_at_ns"),
    ("accepted", "accepted_at_ns"),
    ("departed", "departed_at_ns"),
    ("resolved", "resolved_at_ns"),
    ("ended", "ended_at_ns"),
)


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance between two places in degrees, in m; good within a city."""
    mean = math.radians((latitude + other_latitude) / 2)
    east = math.radians(other_longitude - longitude) * math.cos(mean)
    return _EARTH_M * math.hypot(east, math.radians(other_latitude - latitude))


def scene(
    message: IncidentMessage,
    inventory: Inventory,
    vehicles: Iterable[Mapping[str, Any]],
    values: Mapping[tuple[str, str], Mapping[str, Any]],
    *,
    now_ms: int,
    others: int,
) -> dict[str, Any]:
    """Return an incident as a screen shows it.

    Args:
        message: The incident.
        inventory: The city's.
        vehicles: `name`, `label`, `latitude`, `longitude`, `newest_ms` of each vehicle with a position.
        values: The newest value of sensors by box and sensor: `field`, `value`, `unit`, `level`, `newest_ms`.
        now_ms: Now, in ms since 1970.
        others: How many further incidents have no screen.
    """
    place = _place(message, inventory)
    return {
        "id": message.incident_id,
        "state": message.state,
        "drill": is_drill(message),
        "status": message.status,
        "origin": message.origin,
        "presses": message.presses,
        "step": message.escalation_step,
        "incomplete": message.incomplete,
        "place": place,
        "times": [
            {"key": key, "at_ms": at_ns // 1_000_000}
            for key, field in _TIMES
            if (at_ns := getattr(message, field)) is not None
        ],
        "vehicles": [] if place is None else _near(place, _fresh(vehicles, now_ms), None)[:NEAREST],
        "sensors": [] if place is None else _near(place, _sensors(inventory, values), SENSORS_WITHIN_M)[:NEAREST],
        "cameras": [] if place is None else _near(place, _cameras(inventory), CAMERAS_WITHIN_M)[:NEAREST],
        "others": others,
        "now_ms": now_ms,
    }


def _place(message: IncidentMessage, inventory: Inventory) -> dict[str, Any] | None:
    button = None
    if message.device is not None and message.button is not None:
        button = inventory.button(message.device, message.button)
    device = next((each for each in inventory.devices if each.name == message.device), None)
    site = next((each for each in inventory.sites if device is not None and each.id == device.site), None)
    known = button or site
    latitude = message.latitude if message.latitude is not None or known is None else known.latitude
    longitude = message.longitude if message.longitude is not None or known is None else known.longitude
    if latitude is None or longitude is None:
        return None
    address = known.address if known is not None else ""
    label = device.label if device is not None else message.device or ""
    return {"latitude": latitude, "longitude": longitude, "address": address, "label": label}


def _fresh(vehicles: Iterable[Mapping[str, Any]], now_ms: int) -> Iterable[Mapping[str, Any]]:
    return (each for each in vehicles if now_ms - each["newest_ms"] <= POSITION_S * 1_000)


def _sensors(inventory: Inventory, values: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    sites = {site.id: site for site in inventory.sites}
    devices = {device.name: device for device in inventory.devices}
    for sensor in inventory.sensors:
        site = sites.get(devices[sensor.device].site or "")
        latitude = sensor.latitude if sensor.latitude is not None or site is None else site.latitude
        longitude = sensor.longitude if sensor.longitude is not None or site is None else site.longitude
        if latitude is not None and longitude is not None:
            value = values.get((sensor.device, sensor.id))
            yield {"name": f"{sensor.device}/{sensor.id}", "label": sensor.label, "kind": sensor.kind} | {
                "latitude": latitude,
                "longitude": longitude,
                "value": None if value is None else dict(value),
            }


def _cameras(inventory: Inventory) -> Iterable[Mapping[str, Any]]:
    sites = {site.id: site for site in inventory.sites}
    for camera in inventory.cameras:
        site = sites[camera.site]
        yield {"name": camera.id, "label": camera.label, "link": camera.link} | {
            "latitude": site.latitude,
            "longitude": site.longitude,
        }


def _near(place: Mapping[str, Any], found: Iterable[Mapping[str, Any]], within_m: float | None) -> list[dict[str, Any]]:
    near = [
        dict(each)
        | {"metres": round(distance_m(place["latitude"], place["longitude"], each["latitude"], each["longitude"]))}
        for each in found
    ]
    return sorted(
        (each for each in near if within_m is None or each["metres"] <= within_m),
        key=lambda each: (each["metres"], each["name"]),
    )
