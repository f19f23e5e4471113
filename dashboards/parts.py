"""Panels and questions made of the catalogue, which says units, ranges, labels and how values are summed up. Pure."""

from __future__ import annotations

from dataclasses import replace

from contract.catalogue import KINDS, Quantity
from dashboards.model import Cell, Column, Panel, Question, Threshold, Words
from store.layout import RAW, function_of

BY_SENSOR = '"device", "sensor"'
BY_DEVICE = '"device"'


def quantity(kind: str, field: str) -> Quantity:
    """Return a field of the catalogue.

    Raises:
        KeyError: There is none of this name.
    """
    return {known.name: known for known in KINDS[kind].quantities}[field]


def label(kind: str, field: str) -> Words:
    """Return a field's name for people."""
    known = quantity(kind, field)
    return Words(known.label_id, known.label_en)


def over_time(kind: str, field: str, *, by: str = BY_SENSOR, where: str = "", ref: str = "A") -> Question:
    """Return the question for a field's values over the range shown, one series a sensor."""
    function = function_of(quantity(kind, field))
    only = f" AND {where}" if where else ""
    return Question(
        ref,
        f'SELECT {function}("{field}") AS "{field}" FROM "{{policy}}"."{kind}" WHERE {{time}}{only}'
        f" GROUP BY time({{step}}), {by} fill(none)",
        _name(by),
    )


def newest(kind: str, fields: tuple[str, ...], within: str, *, by: str = BY_SENSOR, ref: str = "A") -> Question:
    """Return the question for the newest reading of each sensor not older than `within` (such as `15m`).

    The fields are those of one reading, with its true time: several `last()` would mix readings, and even one reads
    every point of the time, which a store that goes backwards does not.
    """
    named = ", ".join(f'"{field}"' for field in fields)
    return Question(
        ref,
        f'SELECT {named} FROM "{RAW}"."{kind}" WHERE time > now() - {within} GROUP BY {by} ORDER BY time DESC LIMIT 1',
        _name(by),
        instant=True,
    )


def lines(key: str, kind: str, field: str, cell: Cell, *, where: str = "", by: str = BY_SENSOR) -> Panel:
    """Return a panel of a field over time."""
    known = quantity(kind, field)
    return Panel(
        key,
        "lines",
        label(kind, field),
        cell,
        (over_time(kind, field, where=where, by=by),),
        unit=known.unit,
        minimum=0 if known.minimum == 0 else None,
    )


def bars(
    key: str,
    kind: str,
    field: str,
    cell: Cell,
    within: str,
    *,
    maximum: float,
    decimals: int,
    thresholds: tuple[Threshold, ...] = (),
) -> Panel:
    """Return a panel of the newest values of a field side by side, the expected sensors that are silent among them."""
    known = quantity(kind, field)
    return Panel(
        key,
        "bars",
        label(kind, field),
        cell,
        (newest(kind, (field,), within),),
        unit=known.unit,
        decimals=decimals,
        thresholds=thresholds,
        minimum=known.minimum if known.minimum is not None and known.minimum >= 0 else 0,
        maximum=maximum,
        stale_s=seconds(within),
        expected=kind,
    )


def stat(key: str, title: Words, cell: Cell, influxql: str, *, stale_s: float | None = None, unit: str = "") -> Panel:
    """Return a panel of one large value."""
    question = Question("A", influxql, instant="now()" in influxql)
    return Panel(key, "stat", title, cell, (question,), unit=unit, stale_s=stale_s)


def graded(panel: Panel, *thresholds: Threshold) -> Panel:
    """Return a panel with thresholds."""
    return replace(panel, thresholds=thresholds)


def column(kind: str, field: str, *, decimals: int | None = None, heading: Words | None = None) -> Column:
    """Return a column for a field of the catalogue; `heading` is a shorter name where the catalogue's would be cut."""
    return Column(field, heading or label(kind, field), quantity(kind, field).unit, decimals)


def seconds(within: str) -> float:
    """Return an InfluxQL duration such as `15m` in s."""
    return int(within[:-1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[within[-1]]


def _name(by: str) -> Words:
    name = "{device} {sensor}" if "sensor" in by else "{device}"
    return Words(name, name)
