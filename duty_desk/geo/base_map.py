"""The base map of a desk, in the folder `map` of its data: imported, shown, removed, and read by the running desk.

map/map.json                what there is; replaced in one step, so that a desk that runs sees the old or the new
map/streets-<hash>.geojson  streets, simplified, and the same packed (.gz)
map/tiles-<hash>.pmtiles    vector tiles

Streets are drawn and searched. Tiles are drawn instead of them where there are both; the search stays with the streets.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, Literal

from duty_desk.geo import geojson, pmtiles
from duty_desk.geo.errors import MapError
from duty_desk.geo.shapes import Box, Point

Kind = Literal["streets", "tiles"]
KINDS: Final[tuple[Kind, ...]] = ("streets", "tiles")
MAX_NOTE: Final = pmtiles.MAX_ATTRIBUTION
_NOTE: Final = "map.json"
_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Part:
    """One imported file. `file` is its name in the folder, `source` the name it came by, `sha256` of what came."""

    file: str
    source: str
    sha256: str
    imported_at: str
    box: Box
    attribution: str
    size_bytes: int
    layers: tuple[str, ...] = ()
    min_zoom: int = 0
    max_zoom: int = 0
    streets: int = 0
    warnings: tuple[str, ...] = ()


class BaseMap:
    """The folder of a base map. Nothing is opened before it is asked for.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parts(self) -> dict[Kind, Part]:
        """Return what was imported.

        Raises:
            MapError: The folder cannot be read.
        """
        try:
            text = (self.folder / _NOTE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise MapError(f"{self.folder / _NOTE}: cannot be read: {error}") from None
        try:
            noted = json.loads(text)
            return {kind: _part(noted[kind]) for kind in KINDS if kind in noted}
        except (ValueError, KeyError, TypeError):
            raise MapError(f"{self.folder / _NOTE}: is damaged; import the map again") from None

    def version(self) -> int:
        """Return a number that changes with each import and removal; 0 when nothing was imported."""
        try:
            return (self.folder / _NOTE).stat().st_mtime_ns
        except OSError:
            return 0

    def take(self, file: Path, *, now: datetime, attribution: str = "", known: Sequence[Point] = ()) -> Part:
        """Import a file, GeoJSON or PMTiles, in place of what was imported of its kind.

        Args:
            file: The file.
            now: The time of the import.
            attribution: What its licence wants to be shown on the map.
            known: Where the inventory's buttons and sites are.

        Raises:
            MapError: It names what is wrong and what to do; what was imported before is untouched.
        """
        try:
            with file.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                is_tiles = opened.read(7) == b"PMTiles"
                opened.seek(0)
                with self._locked():
                    take = self._take_tiles if is_tiles else self._take_streets
                    return take(opened, size, file.name, now=now, attribution=attribution[:MAX_NOTE], known=known)
        except OSError as error:
            raise MapError(f"{error.filename or file}: {error.strerror or error}") from None

    def remove(self) -> list[Part]:
        """Remove what was imported, and return it; the desk's own street file is used again.

        Raises:
            MapError: It cannot be removed.
        """
        try:
            if not self.folder.exists():
                return []
            with self._locked():
                parts = list(self._noted().values())
                (self.folder / _NOTE).unlink(missing_ok=True)
                self._sweep({})
                return parts
        except OSError as error:
            raise MapError(f"{error.filename or self.folder}: {error.strerror or error}") from None

    def _take_streets(
        self, opened: BufferedReader, size: int, source: str, *, now: datetime, attribution: str, known: Sequence[Point]
    ) -> Part:
        if size > geojson.MAX_FILE_BYTES:
            raise geojson.too_large(source, size)
        body = opened.read(geojson.MAX_FILE_BYTES + 1)
        streets = geojson.read_streets(body, source=source, known=known)
        sha256 = hashlib.sha256(body).hexdigest()
        name = f"streets-{hashlib.sha256(streets.body).hexdigest()[:16]}.geojson"
        self._write(name, streets.body)
        self._write(f"{name}.gz", gzip.compress(streets.body, mtime=0))
        part = Part(
            file=name,
            source=source,
            sha256=sha256,
            imported_at=now.isoformat(timespec="seconds"),
            box=streets.box,
            attribution=attribution,
            size_bytes=len(streets.body),
            streets=streets.streets,
            warnings=streets.warnings,
        )
        self._note("streets", part)
        return part

    def _take_tiles(
        self, opened: BufferedReader, size: int, source: str, *, now: datetime, attribution: str, known: Sequence[Point]
    ) -> Part:
        tiles = pmtiles.read_header(opened, size, source=source)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        name = f"tiles-{digest[:16]}.pmtiles"
        fresh = self.folder / f".{name}"
        try:
            with fresh.open("wb") as target:
                shutil.copyfileobj(opened, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            fresh.replace(self.folder / name)
        finally:
            fresh.unlink(missing_ok=True)
        part = Part(
            file=name,
            source=source,
            sha256=digest,
            imported_at=now.isoformat(timespec="seconds"),
            box=tiles.box,
            attribution=attribution or tiles.attribution,
            size_bytes=size,
            layers=tiles.layers,
            min_zoom=tiles.min_zoom,
            max_zoom=tiles.max_zoom,
            warnings=tuple(geojson.look(tiles.box, known, source)),
        )
        self._note("tiles", part)
        return part

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise MapError(f"{self.folder}: another import is at work; wait for it") from None
            yield

    def _noted(self) -> dict[Kind, Part]:
        """Return what was imported; nothing when the note of it is damaged, as it is about to be replaced."""
        try:
            return self.parts()
        except MapError:
            return {}

    def _note(self, kind: Kind, part: Part) -> None:
        parts = {**self._noted(), kind: part}
        self._write(_NOTE, json.dumps({name: asdict(each) for name, each in parts.items()}, indent=1).encode())
        self._sweep(parts)

    def _write(self, name: str, body: bytes) -> None:
        fresh = self.folder / f".{name}.new"
        try:
            with fresh.open("wb") as target:
                target.write(body)
                target.flush()
                os.fsync(target.fileno())
            fresh.replace(self.folder / name)
        finally:
            fresh.unlink(missing_ok=True)

    def _sweep(self, parts: dict[Kind, Part]) -> None:
        """Delete what no note names: files of an earlier import, or of one that was cut short."""
        kept = {name for part in parts.values() for name in (part.file, f"{part.file}.gz")} | {_NOTE, _LOCK}
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in kept:
                path.unlink(missing_ok=True)


def _part(noted: dict[str, Any]) -> Part:
    west, south, east, north = noted["box"]
    fields = {**noted, "box": (float(west), float(south), float(east), float(north))}
    return Part(**{**fields, "layers": tuple(noted["layers"]), "warnings": tuple(noted["warnings"])})
