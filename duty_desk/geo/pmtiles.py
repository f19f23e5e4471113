"""Looks into a PMTiles file without taking it apart: whether a browser can draw it, and what is in it. Pure.

https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md, version 3 of the specification: a header of 127 bytes,
the root directory within the first 16 KiB, and metadata as JSON.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from duty_desk.geo.errors import MapError
from duty_desk.geo.shapes import Box

MAX_FILE_BYTES: Final = 2_000_000_000
MAX_METADATA_BYTES: Final = 2_000_000
MAX_LAYERS: Final = 64
MAX_ATTRIBUTION: Final = 200

_HEADER: Final = struct.Struct("<7sB11Q6B4iB2i")
_MAGIC: Final = b"PMTiles"
_COMPRESSIONS: Final = {0: "unknown", 1: "none", 2: "gzip", 3: "brotli", 4: "zstd"}
_TILE_TYPES: Final = {0: "unknown", 1: "vector", 2: "PNG", 3: "JPEG", 4: "WebP", 5: "AVIF"}
_E7: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Tiles:
    """What a file of vector tiles holds. `layers` are the names of its layers."""

    box: Box
    min_zoom: int
    max_zoom: int
    layers: tuple[str, ...]
    attribution: str


def read_header(file: BinaryIO, size: int, *, source: str) -> Tiles:
    """Return what a PMTiles file holds.

    Args:
        file: The file, open for reading and seeking.
        size: Its size in bytes.
        source: Its name, for messages.

    Raises:
        MapError: It names what is wrong and what to do.
    """
    if size > MAX_FILE_BYTES:
        raise MapError(
            f"{source}: {size // 1_000_000} MB, at most {MAX_FILE_BYTES // 1_000_000} MB are taken; "
            "cut it to the city: pmtiles extract IN city.pmtiles --bbox=WEST,SOUTH,EAST,NORTH"
        )
    head = file.read(_HEADER.size)
    if not head.startswith(_MAGIC) or len(head) < 8:
        raise MapError(f"{source}: no PMTiles file")
    if head[7] != 3:
        raise MapError(f"{source}: PMTiles version {head[7]}; only 3 is read: pmtiles convert IN OUT")
    if len(head) < _HEADER.size:
        raise MapError(f"{source}: it ends in its header; was it copied whole?")
    fields = _HEADER.unpack(head)
    spans = [(fields[at], fields[at + 1]) for at in (2, 4, 6, 8)]
    inner, packed, kind, min_zoom, max_zoom = fields[14:19]
    west, south, east, north = (value * _E7 for value in fields[19:23])
    if any(start + length > size for start, length in spans):
        missing = max(start + length for start, length in spans) - size
        raise MapError(f"{source}: it ends {missing} bytes too early; was it copied whole?")
    if kind != 1:
        told = _TILE_TYPES.get(kind, "unknown")
        raise MapError(f"{source}: its tiles are {told} pictures; the map draws vector tiles (MVT)")
    if packed not in (1, 2) or inner not in (1, 2):
        told = _COMPRESSIONS.get(packed if packed not in (1, 2) else inner, "unknown")
        raise MapError(f"{source}: compressed with {told}, which browsers do not read here; write it with gzip")
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90 and min_zoom <= max_zoom <= 24):
        raise MapError(f"{source}: its bounds or zooms make no sense; make it again")
    metadata = _metadata(file, spans[1], inner, source)
    layers = _layers(metadata)
    if not layers:
        raise MapError(f"{source}: its metadata names no vector layers; make it with a tool that does, as tippecanoe")
    attribution = metadata.get("attribution")
    return Tiles(
        box=(west, south, east, north),
        min_zoom=min_zoom,
        max_zoom=max_zoom,
        layers=layers,
        # Often with links; the page shows it as text.
        attribution=re.sub(r"<[^>]*>", "", attribution)[:MAX_ATTRIBUTION] if isinstance(attribution, str) else "",
    )


def _metadata(file: BinaryIO, span: tuple[int, int], inner: int, source: str) -> dict[str, Any]:
    start, length = span
    if length > MAX_METADATA_BYTES:
        raise MapError(f"{source}: its metadata are {length} bytes, at most {MAX_METADATA_BYTES} are read")
    file.seek(start)
    body = file.read(length)
    try:
        if inner == 2:
            unpack = zlib.decompressobj(wbits=31)
            body = unpack.decompress(body, MAX_METADATA_BYTES)
        value = json.loads(body)
    except (zlib.error, ValueError, RecursionError) as error:
        raise MapError(f"{source}: its metadata cannot be read: {error}") from None
    return value if isinstance(value, dict) else {}


def _layers(metadata: dict[str, Any]) -> tuple[str, ...]:
    layers = metadata.get("vector_layers")
    if not isinstance(layers, list):
        return ()
    names = [layer.get("id") for layer in layers if isinstance(layer, dict)]
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= 100)[:MAX_LAYERS]
