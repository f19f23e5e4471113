"""A PMTiles file of one vector tile, made by hand from the specifications (PMTiles 3, Mapbox Vector Tile 2.1)."""

from __future__ import annotations

import gzip
import json
import math
import struct
from typing import Any

ZOOM = 10
EXTENT = 4096


def made(layer: str = "roads", *, tile_type: int = 1, compression: int = 2, metadata: Any = None) -> bytes:
    """Return a file with one tile of Bandung, which holds one road from west to east with a name."""
    column, row = tile_of(107.61, -6.91)
    road = gzip.compress(_tile(layer, {"kind": "major_road", "name": "Jalan Ubin"}), mtime=0)
    directory = _varint(1) + _varint(_tile_id(ZOOM, column, row)) + _varint(1) + _varint(len(road)) + _varint(1)
    root = gzip.compress(directory, mtime=0)
    told = (
        metadata
        if metadata is not None
        else {"vector_layers": [{"id": layer, "fields": {}}], "attribution": "© <b>Ubin</b>"}
    )
    about = gzip.compress(json.dumps(told).encode(), mtime=0)
    start = 127
    spans = [(start, len(root)), (start + len(root), len(about)), (start + len(root) + len(about), 0)]
    spans.append((spans[2][0], len(road)))
    box = [round(value * 1e7) for value in (107.4, -7.1, 107.9, -6.7)]
    head = b"PMTiles" + struct.pack("<B", 3) + b"".join(struct.pack("<QQ", *span) for span in spans)
    head += struct.pack("<QQQ", 1, 1, 1) + bytes([1, 2, compression, tile_type, ZOOM, ZOOM])
    head += struct.pack("<4i", *box) + struct.pack("<B2i", ZOOM, round(107.61e7), round(-6.91e7))
    assert len(head) == start
    return head + root + about + road


def tile_of(longitude: float, latitude: float) -> tuple[int, int]:
    """Return the column and row of the tile that a place lies in."""
    count = 2**ZOOM
    northing = math.asinh(math.tan(math.radians(latitude)))
    return int((longitude + 180) / 360 * count), int((1 - northing / math.pi) / 2 * count)


def _tile(layer: str, properties: dict[str, str]) -> bytes:
    keys, values = list(properties), list(properties.values())
    tags = b"".join(_varint(at) + _varint(at) for at in range(len(keys)))
    # From the left edge to the right, in the middle: MoveTo, LineTo.
    line = [9, _zigzag(0), _zigzag(EXTENT // 2), 10, _zigzag(EXTENT), _zigzag(0)]
    geometry = b"".join(_varint(number) for number in line)
    feature = _field(2, tags) + b"\x18\x02" + _field(4, geometry)
    body = _field(1, layer.encode()) + _field(2, feature)
    body += b"".join(_field(3, key.encode()) for key in keys)
    body += b"".join(_field(4, _field(1, value.encode())) for value in values)
    body += b"\x28" + _varint(EXTENT) + b"\x78\x02"
    return _field(3, body)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _tile_id(zoom: int, column: int, row: int) -> int:
    """Return the number of a tile on the Hilbert curve of its zoom, behind all tiles of lower zooms."""
    number = ((1 << 2 * zoom) - 1) // 3
    side = 2**zoom
    half = side // 2
    while half:
        right, low = int(bool(column & half)), int(bool(row & half))
        number += half * half * ((3 * right) ^ low)
        if not low:
            if right:
                column, row = half - 1 - (column & (half - 1)), half - 1 - (row & (half - 1))
            column, row = row, column
        half //= 2
    return number
