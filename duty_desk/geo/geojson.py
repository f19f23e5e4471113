"""A city's streets out of a GeoJSON file: checked, sorted into classes, simplified, and as small as can be. Pure.

Taken are lines with their name and class, and points with a name (landmarks); areas are not. What comes out is GeoJSON
again: one feature for all lines of one name and class, `properties` with `name` and `class`, landmarks with `name` and
`landmark`. Five decimals are a metre.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from duty_desk.geo.errors import MapError
from duty_desk.geo.shapes import Box, Line, Point, box_of, distance_m, inside, join, simplify

MAX_FILE_BYTES: Final = 100_000_000
MAX_POINTS: Final = 3_000_000
MAX_FEATURES: Final = 400_000
MAX_NAME: Final = 120
MAX_COMPACT_BYTES: Final = 8_000_000
"""What every page loads, before gzip."""
TOLERANCES_M: Final = (2.0, 5.0, 10.0, 20.0)
"""How far a simplified line may lie off the one that came: the first with which all of it is small enough."""
CLASSES: Final = ("motorway", "major", "medium", "minor")

_CLASS_OF: Final = {
    **dict.fromkeys(("motorway", "highway", "freeway"), "motorway"),
    **dict.fromkeys(("trunk", "primary", "major", "major_road"), "major"),
    **dict.fromkeys(("secondary", "tertiary", "medium", "medium_road"), "medium"),
}
_NAMES: Final = ("name", "n", "nama", "road_name", "street", "nama_jalan", "namobj")
_KINDS: Final = ("highway", "h", "class", "kind", "fclass", "type")
_LANDMARKS: Final = ("landmark", "amenity", "place", "tourism", "railway")
_NO_STREETS: Final = ("waterway", "railway", "building", "boundary", "power", "barrier")
_WGS_84: Final = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG/0/4326")
_CONVERT: Final = "convert it: ogr2ogr -t_srs EPSG:4326 streets.geojson IN"
_MARGIN_DEG: Final = 0.2
_LEAP_DEG: Final = 0.5


@dataclass(frozen=True, slots=True)
class Streets:
    """A city's streets, ready to be served, and what is to be told of them.

    `body` is GeoJSON; `lines`, `named` and `dropped` count features of the file, `streets` distinct names.
    """

    body: bytes
    box: Box
    lines: int
    named: int
    dropped: int
    streets: int
    landmarks: int
    tolerance_m: float
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    lines: dict[tuple[str, str], list[list[Point]]]
    marks: dict[tuple[str, str], Point]
    features: int = 0
    named: int = 0
    dropped: int = 0
    points: int = 0


def read_streets(body: bytes, *, source: str, known: Sequence[Point] = ()) -> Streets:
    """Return the streets of a GeoJSON file.

    Args:
        body: The file.
        source: Its name, for messages.
        known: Where the inventory's buttons and sites are, to notice a map of elsewhere and swapped coordinates.

    Raises:
        MapError: It names what is wrong and what to do.
    """
    features = _features(body, source)
    found = _Found({}, {})
    for number, feature in enumerate(features):
        _take(found, feature, f"{source}: features[{number}]")
    if not found.lines:
        raise MapError(f"{source}: no line in it, only {found.dropped} other features; streets are LineStrings")
    box = box_of(point for lines in found.lines.values() for line in lines for point in line)
    warnings = look(box, known, source)
    if not found.named:
        warnings.append(f"no line has a name, so no street can be searched; names are taken from: {', '.join(_NAMES)}")
    compact, tolerance_m = _compact(found, source)
    return Streets(
        body=compact,
        box=box,
        lines=found.features,
        named=found.named,
        dropped=found.dropped,
        streets=len({name for name, _ in found.lines if name}),
        landmarks=len(found.marks),
        tolerance_m=tolerance_m,
        warnings=tuple(warnings),
    )


def too_large(source: str, size: int) -> MapError:
    """Return what to tell of a file that is too large."""
    return MapError(
        f"{source}: {size // 1_000_000} MB, at most {MAX_FILE_BYTES // 1_000_000} MB are taken; "
        "cut it to the city: ogr2ogr -clipsrc WEST SOUTH EAST NORTH city.geojson IN, or import it as PMTiles"
    )


def _features(body: bytes, source: str) -> list[Any]:
    if len(body) > MAX_FILE_BYTES:
        raise too_large(source, len(body))
    try:
        value = json.loads(body)
    except UnicodeDecodeError:
        raise MapError(f"{source}: not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise MapError(f"{source}: nested too deep to be a map") from None
    except ValueError as error:
        rest = body.decode(errors="replace")[getattr(error, "pos", 0) :].rstrip()
        cut = any(word.startswith(rest) for word in ("true", "false", "null", "-", "Infinity"))
        if cut or "Unterminated" in str(error):
            raise MapError(f"{source}: it ends in the middle, after {len(body)} bytes; was it copied whole?") from None
        raise MapError(f"{source}: not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("type") != "FeatureCollection":
        kind = value.get("type") if isinstance(value, dict) else type(value).__name__
        raise MapError(f"{source}: expected a GeoJSON FeatureCollection, and it is a {str(kind)[:40]!r}")
    crs = json.dumps(value.get("crs"))
    if value.get("crs") is not None and not any(good in crs for good in _WGS_84):
        raise MapError(f"{source}: its coordinates are of another system ({crs[:120]}); {_CONVERT}")
    features = value.get("features")
    if not isinstance(features, list):
        raise MapError(f"{source}: `features` is no list")
    if len(features) > MAX_FEATURES:
        raise MapError(f"{source}: {len(features)} features, at most {MAX_FEATURES} are taken; leave out paths")
    return features


def _take(found: _Found, feature: Any, where: str) -> None:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if geometry is None or kind not in ("LineString", "MultiLineString", "Point"):
        found.dropped += 1
        return
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    name = _text(properties, _NAMES)
    coordinates = geometry.get("coordinates")
    if kind == "Point":
        mark = "landmark" if properties.get("landmark") is True else _text(properties, _LANDMARKS)
        if name and mark:
            found.marks[(name, mark[:40])] = _points([coordinates], where)[0]
        else:
            found.dropped += 1
        return
    if any(_text(properties, (key,)) for key in _NO_STREETS) and not _text(properties, ("highway",)):
        found.dropped += 1
        return
    lines = [coordinates] if kind == "LineString" else coordinates
    if not isinstance(lines, list):
        raise MapError(f"{where}: coordinates are no list")
    taken = [_points(line, where) for line in lines]
    taken = [line for line in taken if len(line) > 1 and not _leaps(line)]
    if not taken:
        found.dropped += 1
        return
    found.points += sum(len(line) for line in taken)
    if found.points > MAX_POINTS:
        raise MapError(f"{where}: more than {MAX_POINTS} points; cut the map to the city, or leave out paths and steps")
    found.features += 1
    found.named += bool(name)
    found.lines.setdefault((name, _class(properties)), []).extend(taken)


def _points(line: Any, where: str) -> list[Point]:
    if not isinstance(line, list):
        raise MapError(f"{where}: coordinates are no list")
    points: list[Point] = []
    for pair in line:
        if not isinstance(pair, list) or len(pair) < 2 or not all(_number(value) for value in pair[:2]):
            raise MapError(f"{where}: expected [longitude, latitude], and there is {json.dumps(pair)[:60]}")
        longitude, latitude = pair[0], pair[1]
        if abs(latitude) > 90 >= abs(longitude) and abs(latitude) <= 180:
            raise MapError(
                f"{where}: [{longitude}, {latitude}] is latitude first; GeoJSON has longitude first (RFC 7946, 3.1.1); "
                "swap them where the file was made"
            )
        if abs(longitude) > 180 or abs(latitude) > 90:
            raise MapError(
                f"{where}: [{longitude}, {latitude}] are no degrees; they look like metres of a projection; {_CONVERT}"
            )
        points.append((float(longitude), float(latitude)))
    return points


def _leaps(line: Line) -> bool:
    """Return whether a line leaps farther than any street runs straight on: a fault of who drew it."""
    return any(abs(ax - bx) > _LEAP_DEG or abs(ay - by) > _LEAP_DEG for (ax, ay), (bx, by) in pairwise(line))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e12 < value < 1e12


def _text(properties: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the first text under one of the keys, whatever their case, on one line; "" when there is none."""
    lower = {key.lower(): value for key, value in properties.items()}
    for key in keys:
        value = lower.get(key)
        if isinstance(value, str) and value.strip():
            printable = "".join(letter if letter.isprintable() else " " for letter in value)
            return " ".join(printable.split())[:MAX_NAME]
    return ""


def _class(properties: dict[str, Any]) -> str:
    kind = _text(properties, _KINDS).lower()
    return _CLASS_OF.get(kind.removesuffix("_link"), "minor") if kind else "medium"


def look(box: Box, known: Sequence[Point], source: str) -> list[str]:
    """Return what is odd about where a map lies.

    Args:
        box: The map's.
        known: Where the inventory's buttons and sites are.
        source: The file's name.

    Raises:
        MapError: Latitude and longitude are surely swapped.
    """
    if not known or any(inside(box, point, _MARGIN_DEG) for point in known):
        return []
    west, south, east, north = box
    if any(inside((south, west, north, east), point, _MARGIN_DEG) for point in known):
        raise MapError(
            f"{source}: latitude and longitude are swapped: the desk's buttons lie on it only the other way round; "
            "GeoJSON has longitude first (RFC 7946, 3.1.1)"
        )
    away = min(distance_m(_into(box, point), point) for point in known)
    return [f"no button or site lies on it, the nearest is about {away / 1000:.0f} km away; is it the right city?"]


def _into(box: Box, point: Point) -> Point:
    west, south, east, north = box
    return min(max(point[0], west), east), min(max(point[1], south), north)


def _compact(found: _Found, source: str) -> tuple[bytes, float]:
    """Return the file as it is served, and the tolerance with which it was small enough."""
    for tolerance_m in TOLERANCES_M:
        body = json.dumps(
            {"type": "FeatureCollection", "features": list(_served(found, tolerance_m))},
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        if len(body) <= MAX_COMPACT_BYTES:
            return body, tolerance_m
    raise MapError(
        f"{source}: {len(body) // 1_000_000} MB even when simplified, and every page loads it; "
        "leave out the smallest streets, or import it as PMTiles"
    )


def _served(found: _Found, tolerance_m: float) -> Iterator[dict[str, Any]]:
    # The smallest first, so that the large ones are drawn over them.
    for (name, kind), lines in sorted(found.lines.items(), key=lambda item: (-CLASSES.index(item[0][1]), item[0])):
        rounded = [_rounded(line, tolerance_m) for line in join(lines)]
        yield _feature("MultiLineString", rounded, {"name": name, "class": kind})
    for (name, kind), point in sorted(found.marks.items()):
        yield _feature("Point", _pair(point), {"name": name, "landmark": kind})


def _feature(kind: str, coordinates: Any, properties: dict[str, str]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def _rounded(line: Line, tolerance_m: float) -> list[list[float]]:
    return [_pair(point) for point in simplify(line, tolerance_m)]


def _pair(point: Point) -> list[float]:
    return [round(point[0], 5), round(point[1], 5)]
