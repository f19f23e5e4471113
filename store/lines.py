"""Points of our own as line protocol; readings have a quicker way of their own, `collector.line_protocol`. Pure.

A field has the type of its Python value: a store refuses a field that changes its type, so whoever makes points says
1.0 where later 1.5 may stand.
"""

from __future__ import annotations

from collections.abc import Mapping

FieldValue = str | int | float | bool

_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\n": " ", "\r": " ", "\\": "/"})
_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": " ", "\r": " ", "\\": "/"})
_TEXT = str.maketrans({"\\": "\\\\", '"': '\\"'})


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, FieldValue], time_ns: int) -> str:
    """Return a point as one line, without the newline. A tag without a value is left out: the store refuses it.

    Args:
        measurement: Its name.
        tags: What it is found by.
        fields: Its values, at least one.
        time_ns: Its time since 1970.

    Raises:
        ValueError: It has no field.
    """
    if not fields:
        raise ValueError(f"a point of {measurement} without a field")
    values = ",".join(f"{name.translate(_TAG)}={value_of(value)}" for name, value in fields.items())
    return f"{head(measurement, tags)} {values} {time_ns}"


def head(measurement: str, tags: Mapping[str, str]) -> str:
    """Return what stands before the fields: the measurement and its tags, in the order the store keeps them."""
    parts = [measurement.translate(_MEASUREMENT)]
    parts += [f"{name.translate(_TAG)}={tags[name].translate(_TAG)}" for name in sorted(tags) if tags[name]]
    return ",".join(parts)


def value_of(value: FieldValue) -> str:
    """Return a field's value as the store reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    return f'"{value.translate(_TEXT)}"'
