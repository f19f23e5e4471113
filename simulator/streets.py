"""Bandung's main streets and landmarks, from the coordinates in `bandung.geojson` (WGS 84, about 100 m)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import Final

from contract.inventory import Inventory

METRES_PER_DEGREE: Final = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Street:
    """A street as a line of points, at least two."""

    name: str
    points: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class City:
    """The streets, and the landmarks by name."""

    streets: tuple[Street, ...]
    landmarks: dict[str, Place]


def load_city() -> City:
    """Return Bandung as this package knows it."""
    text = resources.files("simulator").joinpath("bandung.geojson").read_text(encoding="utf-8")
    streets: list[Street] = []
    landmarks: dict[str, Place] = {}
    for feature in json.loads(text)["features"]:
        name, geometry = feature["properties"]["name"], feature["geometry"]
        if geometry["type"] == "Point":
            landmarks[name] = _place(geometry["coordinates"])
        else:
            streets.append(Street(name, tuple(_place(pair) for pair in geometry["coordinates"])))
    return City(tuple(streets), landmarks)


def places_of(inventory: Inventory) -> dict[str, Place]:
    """Return where each box stands that has a site."""
    sites = {site.id: Place(site.latitude, site.longitude) for site in inventory.sites}
    return {device.name: sites[device.site] for device in inventory.devices if device.site is not None}


def metres_between(start: Place, end: Place) -> tuple[float, float]:
    """Return how far `end` lies east and north of `start`, in metres; good to 0.1 % within a city."""
    east = (end.longitude - start.longitude) * METRES_PER_DEGREE * math.cos(math.radians(start.latitude))
    return east, (end.latitude - start.latitude) * METRES_PER_DEGREE


def _place(pair: list[float]) -> Place:
    longitude, latitude = pair  # GeoJSON, RFC 7946, 3.1.1: longitude first
    return Place(latitude, longitude)
