"""Batches for the collector's tests."""

from __future__ import annotations

import json
from typing import Any

STREAM = "00000000000000aa"
T0_NS = 1_700_000_000 * 10**9


def reading(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a good reading; `number` makes its timestamp its own."""
    return {
        "timestamp_ns": T0_NS + number * 10**6,
        "sensor": "gps",
        "kind": "position",
        "fields": {"latitude": -6.9, "longitude": 107.6, "satellites": 9},
        "clock": "gnss",
    } | changes


def batch(
    device: str = "box-1", number: int = 0, *, readings: list[dict[str, Any]] | None = None, **changes: Any
) -> Any:
    """Return a batch as a dict; without `readings` it has one."""
    value = {"device": device, "stream": STREAM, "batch": number, "readings": readings or [reading(number)]}
    return value | changes


def body(*args: Any, **kwargs: Any) -> bytes:
    """Return `batch` as JSON."""
    return json.dumps(batch(*args, **kwargs)).encode()


GOOD = body()
BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "not UTF-8": (b'{"device":"\xff"}', "not utf-8"),
    "not JSON": (GOOD[:-1], "not json"),
    "empty": (b"", "not json"),
    "trailing junk": (GOOD + b"x", "not json"),
    "deep nesting": (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    "oversize": (GOOD.replace(b"{", b"{" + b" " * 300_000, 1), "oversize"),
    "duplicate key": (GOOD.replace(b'"batch": 0', b'"batch": 0, "batch": 1'), "duplicate key"),
    "duplicate key in a reading": (GOOD.replace(b'"sensor"', b'"sensor": "a", "sensor"'), "duplicate key"),
    "duplicate field": (GOOD.replace(b'"latitude": -6.9', b'"latitude": 1, "latitude" : 2'), "duplicate key"),
    "NaN": (GOOD.replace(b"-6.9", b"NaN"), "not json"),
    "NaN in a key we do not know": (GOOD.replace(b'"batch": 0', b'"batch": 0, "x": NaN'), "not json"),
    "infinity by exponent": (GOOD.replace(b"-6.9", b"1e999"), "invalid"),
    "string for a number": (GOOD.replace(b'"batch": 0', b'"batch": "0"'), "invalid"),
    "float for an integer": (GOOD.replace(b'"batch": 0', b'"batch": 0.5'), "invalid"),
    "number too large": (GOOD.replace(b'"batch": 0', b'"batch": 9223372036854775808'), "invalid"),
    "negative number": (GOOD.replace(b'"batch": 0', b'"batch": -1'), "invalid"),
    "no readings": (GOOD.replace(b'"readings"', b'"others"'), "invalid"),
    "empty readings": (json.dumps(batch() | {"readings": []}).encode(), "invalid"),
    "wrong name": (body(readings=[reading(sensor="GPS 1")]), "invalid"),
    "unknown clock": (body(readings=[reading(clock="sundial")]), "invalid"),
    "negative time": (body(readings=[reading(timestamp_ns=-1)]), "invalid"),
    "another version": (b'{"version":2,"data":[]}', "invalid"),
    "not an object": (b"[1,2]", "invalid"),
    "another device": (body("box-2"), "another device"),
}
"""Bodies that box-1 sends and that are refused as a whole, with the reason."""
