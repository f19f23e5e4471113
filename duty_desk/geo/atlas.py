"""What the running desk knows of the map: which streets it shows, and the search in them.

It looks at each question whether something else was imported, and reads it then in a thread: an import needs no
restart, and a ring does not wait.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from contract.inventory import Inventory
from duty_desk.geo.base_map import BaseMap, Part
from duty_desk.geo.errors import MapError
from duty_desk.geo.geojson import read_streets
from duty_desk.geo.search import Place, Search
from duty_desk.geo.shapes import Box, Point

NOTHING: Final = b'{"type":"FeatureCollection","features":[]}'
Origin = Literal["imported", "own", "none"]
_log = logging.getLogger("siaga.desk.map")


@dataclass(frozen=True, slots=True)
class Streets:
    """The streets that are shown: GeoJSON in memory or in a file, plain and packed by gzip."""

    origin: Origin
    etag: str
    box: Box | None
    attribution: str
    plain: bytes | Path
    packed: bytes | Path


@dataclass(frozen=True, slots=True)
class Atlas:
    """One state of the map. `fault` says what could not be read of it, or is None."""

    streets: Streets
    tiles: Part | None
    tiles_file: Path | None
    search: Search
    fault: str | None


class Atlases:
    """The map as it is now.

    Args:
        base_map: What was imported.
        own: The street file that desk.toml names, or None.
        inventory: What stands where.
    """

    def __init__(self, base_map: BaseMap, own: bytes | None, inventory: Inventory) -> None:
        self._base_map = base_map
        self._own = own
        self._inventory = inventory
        self._lock = asyncio.Lock()
        self._version = -1
        self._atlas: Atlas | None = None

    async def current(self) -> Atlas:
        """Return the map as it is now."""
        if self._atlas is None or self._version != self._base_map.version():
            async with self._lock:
                version = self._base_map.version()
                if self._atlas is None or self._version != version:
                    self._atlas = await asyncio.to_thread(load, self._base_map, self._own, self._inventory)
                    self._version = version
                    if self._atlas.fault is not None:
                        _log.warning("the map: %s", self._atlas.fault)
        return self._atlas


def load(base_map: BaseMap, own: bytes | None, inventory: Inventory) -> Atlas:
    """Read the map. What cannot be read is left out and told, as the desk works without."""
    faults: list[str] = []
    try:
        parts = base_map.parts()
    except MapError as error:
        parts = {}
        faults.append(str(error))
    streets, features = _own_streets(own, faults)
    imported = parts.get("streets")
    if imported is not None:
        plain = base_map.folder / imported.file
        try:
            features = json.loads(plain.read_bytes())["features"]
            packed = plain.with_name(f"{plain.name}.gz")
            tag = _etag(imported.file.encode())
            streets = Streets("imported", tag, imported.box, imported.attribution, plain, packed)
        except (OSError, ValueError, KeyError) as error:
            faults.append(f"{plain}: cannot be read ({error}); import it again")
    tiles = parts.get("tiles")
    tiles_file = None if tiles is None else base_map.folder / tiles.file
    if tiles_file is not None and not tiles_file.is_file():
        faults.append(f"{tiles_file}: is gone; import it again")
        tiles = tiles_file = None
    search = Search(_lines(features), [*known_places(inventory), *_landmarks(features)])
    return Atlas(streets, tiles, tiles_file, search, "; ".join(faults) or None)


def known_places(inventory: Inventory) -> list[Place]:
    """Return the inventory's buttons and sites as places to be found."""
    buttons = [Place(one.address, "button", one.latitude, one.longitude) for one in inventory.buttons]
    taken = {place.name for place in buttons}
    sites = [Place(one.address, "site", one.latitude, one.longitude) for one in inventory.sites]
    return [*buttons, *(site for site in sites if site.name not in taken)]


def known_points(inventory: Inventory) -> list[Point]:
    """Return where the inventory's buttons and sites are."""
    buttons = [(one.longitude, one.latitude) for one in inventory.buttons]
    return buttons + [(one.longitude, one.latitude) for one in inventory.sites]


def _own_streets(own: bytes | None, faults: list[str]) -> tuple[Streets, Sequence[Any]]:
    if own is None:
        return Streets("none", _etag(NOTHING), None, "", NOTHING, gzip.compress(NOTHING, mtime=0)), ()
    try:
        read = read_streets(own, source="streets")
    except MapError as error:
        faults.append(str(error))
        return _own_streets(None, faults)
    packed = gzip.compress(read.body, mtime=0)
    return Streets("own", _etag(read.body), read.box, "", read.body, packed), json.loads(read.body)["features"]


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _lines(features: Sequence[Any]) -> Iterator[tuple[str, list[Point]]]:
    for feature in features:
        if feature["geometry"]["type"] == "MultiLineString" and feature["properties"]["name"]:
            for line in feature["geometry"]["coordinates"]:
                yield feature["properties"]["name"], [(x, y) for x, y in line]


def _landmarks(features: Sequence[Any]) -> Iterator[Place]:
    for feature in features:
        if feature["geometry"]["type"] == "Point":
            longitude, latitude = feature["geometry"]["coordinates"]
            yield Place(feature["properties"]["name"], "landmark", latitude, longitude)
