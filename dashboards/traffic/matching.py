"""On which street a position lies: the nearest one within 25 m, and for who moves, one that leads the same way. Pure.

A course says nothing while a vehicle stands or crawls, so it counts from CRAWL_MPS on. A street is driven both ways.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from contract.errors import ConfigError

NEAR_M: Final = 25.0
TURNED_DEG: Final = 35.0
"""How far a course may differ from the street's direction."""
CRAWL_MPS: Final = 2.0
MOST_STREETS: Final = 5_000

_CELL_DEG: Final = 0.002
"""About 220 m: a segment lies in few cells, and a cell holds few segments."""
_DEGREE_M: Final = 111_195.0
_MOST_CELLS: Final = 200_000

Line = tuple[tuple[float, float], ...]
"""A street's points as (latitude, longitude)."""


@dataclass(frozen=True, slots=True)
class _Segment:
    street: str
    latitude: float
    longitude: float
    east_m: float
    north_m: float
    course_deg: float


class Streets:
    """A city's streets, found by place.

    Args:
        lines: Each street's name and its lines.
    """

    def __init__(self, lines: dict[str, list[Line]]) -> None:
        self.names = tuple(lines)
        self._cells: dict[tuple[int, int], list[_Segment]] = {}
        for name, parts in lines.items():
            for part in parts:
                for start, end in pairwise(part):
                    self._add(name, start, end)

    def nearest(self, latitude: float, longitude: float, speed_mps: float, course_deg: float | None) -> str | None:
        """Return the street a position is on, or None when it is on none that we know.

        Args:
            latitude, longitude: In degrees, WGS 84.
            speed_mps: Over ground.
            course_deg: From true north, or None when not known.
        """
        best, best_m = None, NEAR_M
        for one in self._cells.get(_cell(latitude, longitude), ()):
            if speed_mps >= CRAWL_MPS and course_deg is not None and _turned(course_deg, one.course_deg) > TURNED_DEG:
                continue
            away_m = _away_m(latitude, longitude, one)
            if away_m <= best_m:
                best, best_m = one.street, away_m
        return best

    def _add(self, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        north_m = (end[0] - start[0]) * _DEGREE_M
        east_m = (end[1] - start[1]) * _DEGREE_M * math.cos(math.radians(start[0]))
        if not north_m and not east_m:
            return
        one = _Segment(name, *start, east_m, north_m, math.degrees(math.atan2(east_m, north_m)) % 360)
        margin = NEAR_M / _DEGREE_M * 1.5
        south, west = _cell(min(start[0], end[0]) - margin, min(start[1], end[1]) - margin)
        north, east = _cell(max(start[0], end[0]) + margin, max(start[1], end[1]) + margin)
        if (north - south + 1) * (east - west + 1) + len(self._cells) > _MOST_CELLS:
            raise ValueError(f"{name}: a segment of {math.hypot(east_m, north_m) / 1000:.0f} km is no street's")
        for row in range(south, north + 1):
            for column in range(west, east + 1):
                self._cells.setdefault((row, column), []).append(one)


def load_streets(geojson: str, *, source: str) -> Streets:
    """Return the streets of a GeoJSON FeatureCollection: its lines that have a `name`, parts of one name together.

    Args:
        geojson: The text (RFC 7946).
        source: The file's name, for error messages.

    Raises:
        ConfigError: It is no such text, or holds no street or too many.
    """
    lines: dict[str, list[Line]] = {}
    try:
        for feature in json.loads(geojson)["features"]:
            geometry, name = feature["geometry"], (feature.get("properties") or {}).get("name")
            if not name or geometry["type"] not in ("LineString", "MultiLineString"):
                continue
            coordinates = geometry["coordinates"]
            for part in [coordinates] if geometry["type"] == "LineString" else coordinates:
                # RFC 7946, 3.1.1: longitude first.
                line = tuple((float(place[1]), float(place[0])) for place in part)
                if not all(abs(latitude) < 90 and abs(longitude) <= 180 for latitude, longitude in line):
                    raise ValueError(f"{name}: not in degrees")
                lines.setdefault(str(name), []).append(line)
        if not 0 < len(lines) <= MOST_STREETS:
            raise ValueError(f"{len(lines)} streets; expected 1 to {MOST_STREETS} lines with a name")
        return Streets(lines)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"is no GeoJSON of streets: {error or type(error).__name__}"
        raise ConfigError(source, "", reason, example='{"type": "FeatureCollection", "features": […]}') from None


def distance_m(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return how far two places are apart, in metres; good to 0.1 % within a city."""
    east = (to_longitude - longitude) * math.cos(math.radians(latitude))
    return math.hypot(east, to_latitude - latitude) * _DEGREE_M


def _cell(latitude: float, longitude: float) -> tuple[int, int]:
    return math.floor(latitude / _CELL_DEG), math.floor(longitude / _CELL_DEG)


def _turned(course_deg: float, street_deg: float) -> float:
    """Return how far a course is from a street's direction, whichever way it is driven: 0 to 90 degrees."""
    apart = abs(course_deg - street_deg) % 180
    return min(apart, 180 - apart)


def _away_m(latitude: float, longitude: float, one: _Segment) -> float:
    north_m = (latitude - one.latitude) * _DEGREE_M
    east_m = (longitude - one.longitude) * _DEGREE_M * math.cos(math.radians(one.latitude))
    length = one.east_m**2 + one.north_m**2
    part = max(0.0, min(1.0, (east_m * one.east_m + north_m * one.north_m) / length))
    return math.hypot(east_m - part * one.east_m, north_m - part * one.north_m)
