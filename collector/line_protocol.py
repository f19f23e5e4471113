"""Readings as lines of InfluxDB line protocol. Pure, and the hot path: one f-string a line, heads cached.

https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/

- The measurement is the reading's kind; the tags are device and sensor, so that a repeat is the same point.
- A field has the type the catalogue gives it, whatever the JSON number looked like: a store refuses a field that
  changes its type. Floats are always written with a point or an exponent, integers with `i`.
- The string field `clock` says where the timestamp's clock came from.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from contract.batch import FieldValue, Reading
from contract.catalogue import KINDS

_HEADS = 65_536
"""Series whose heads are remembered, at about 300 bytes each."""

_TYPES = {kind.name: {quantity.name: quantity.type for quantity in kind.quantities} for kind in KINDS.values()}
_TAG = re.compile(r"([,= ])")
_MEASUREMENT = re.compile(r"([, ])")
_UNSAFE = str.maketrans({"\n": " ", "\r": " ", "\\": "/"})
"""Names have no way to carry a newline, and one that ends in a backslash would escape what follows it."""


def line(device: str, reading: Reading) -> str:
    """Return a reading as one line, without the newline. The catalogue must have accepted it.

    Args:
        device: The device, from the topic; the body's word for it does not count.
        reading: The reading.
    """
    types = _TYPES[reading["kind"]]
    fields = ",".join([f"{name}={_value(types[name], value)}" for name, value in reading["fields"].items()])
    head = _head(reading["kind"], device, reading["sensor"])
    return f'{head}{fields},clock="{reading["clock"]}" {reading["timestamp_ns"]}'


def escape_tag(text: str) -> str:
    """Return a tag value escaped; newlines become spaces and backslashes slashes."""
    return _TAG.sub(r"\\\1", text.translate(_UNSAFE))


def escape_measurement(text: str) -> str:
    """Return a measurement's name escaped; newlines become spaces and backslashes slashes."""
    return _MEASUREMENT.sub(r"\\\1", text.translate(_UNSAFE))


def escape_text(text: str) -> str:
    """Return a string field's value in quotes."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines of a body; a newline inside a quoted text ends none."""
    lines: list[bytes] = []
    start = 0
    quoted = escaped = False
    for place, byte in enumerate(body):
        if escaped:
            escaped = False
        elif byte == 0x5C:
            escaped = True
        elif byte == 0x22:
            quoted = not quoted
        elif byte == 0x0A and not quoted:
            lines.append(body[start:place])
            start = place + 1
    lines.append(body[start:])
    return [one for one in lines if one]


@lru_cache(maxsize=_HEADS)
def _head(kind: str, device: str, sensor: str) -> str:
    return f"{escape_measurement(kind)},device={escape_tag(device)},sensor={escape_tag(sensor)} "


def _value(kind: Literal["float", "int", "bool", "str"], value: FieldValue) -> str:
    if kind == "float":
        return repr(float(value))
    if kind == "int":
        return f"{value}i"
    if kind == "bool":
        return "true" if value else "false"
    return escape_text(str(value))
