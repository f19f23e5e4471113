"""What the store answered, as a panel needs it: series, their ages and levels, a table's rows, who is silent. Pure.

The time of a row is the time of a reading only where the question selects one (`last`, `first`, `top`, `bottom`, no
function). A sum or count over a bounded time has none: that it answers says that there was something in that time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dashboards.model import Panel, Question
from dashboards.server.roster import Expected, Roster, grade
from store import Row, Value

MAX_ROWS: Final = 50_000
"""Rows of one question that are handed on; what is beyond is said to be missing."""
_QUOTED: Final = re.compile(r'"([^"]+)"')
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_GROUPED: Final = "GROUP BY time("
_SELECTOR: Final = re.compile(r'SELECT\s+(?:last|first|top|bottom)\("[^"]+"(?:, [^)]*)?\)(?!\s*-)|SELECT\s+"')


@dataclass(frozen=True, slots=True)
class Series:
    """One series. `newest_ms` is None when its rows have no times of readings; `level` is its newest value's."""

    tags: dict[str, str]
    label: str
    rows: list[list[Value]]
    newest_ms: int | None
    stale: bool
    level: str | None
    bounds: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's answer."""

    ref: str
    columns: list[str]
    series: list[Series]
    cut: bool


def outer_tags(influxql: str) -> tuple[str, ...]:
    """Return the tags by which a question groups, those of a question within it left out."""
    _, found, rest = _outer(influxql).rpartition("GROUP BY")
    return tuple(_QUOTED.findall(rest)) if found else ()


def has_times(question: Question) -> bool:
    """Return whether the rows' times are those of readings, to within a group.

    The mean of a bounded time has the time at which that begins, and so has what is chosen of such means.
    """
    if "GROUP BY time)" in _outer(question.influxql):
        return True
    parts = question.influxql.split("FROM (")
    return all(_GROUPED in part or _SELECTOR.match(part) is not None for part in parts)


def _outer(influxql: str) -> str:
    """Return a question without what is in parentheses; of each pair the closing one stays."""
    depth = 0
    outer: list[str] = []
    for character in influxql:
        depth += (character == "(") - (character == ")")
        if depth == 0:
            outer.append(character)
    return "".join(outer)


def answered(
    panel: Panel, question: Question, rows: Sequence[Row], roster: Roster, *, now_ms: int, step_ms: int, language: str
) -> Answered:
    """Return a question's answer, its rows put into series.

    Args:
        panel: Whose question it is; it says from which age on a value is stale.
        question: The question.
        rows: As the store gave them, `time` in ns.
        roster: Who is called what, and each sensor's own thresholds.
        now_ms: Now, in ms since 1970.
        step_ms: How wide a group is, in ms.
        language: `id` or `en`.
    """
    name = "" if question.label is None else question.label.of(language)
    by = dict.fromkeys((*outer_tags(question.influxql), *_PLACE.findall(name)))
    columns: list[str] = []
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows[:MAX_ROWS]:
        for column in row:
            if column not in by and column not in columns and column != "measurement":
                columns.append(column)
        groups.setdefault(tuple(str(row.get(each) or "") for each in by), []).append(row)
    grouped = _GROUPED in question.influxql
    series = []
    for key, found in groups.items():
        tags = {tag: value for tag, value in zip(by, key, strict=True) if value}
        newest_ns = _newest(found, columns, zero_is_none="fill(0)" in question.influxql)
        newest_ms = newest_ns // 1_000_000 if newest_ns is not None and has_times(question) else None
        if newest_ms is not None and grouped:
            newest_ms = min(now_ms, newest_ms + step_ms)
        empty = newest_ns is None
        stale = empty or (
            panel.stale_s is not None and newest_ms is not None and _old(newest_ms, now_ms, panel.stale_s)
        )
        values = [column for column in columns if column != "time"]
        first = values[0] if values else ""
        bounds = roster.bounds(tags, first)
        level = None if stale else grade(_last(found, first), panel.thresholds, bounds)
        series.append(
            Series(
                tags,
                roster.label(tags) or _filled(name, tags) or panel.title.of(language),
                [
                    [_in_ms(row.get(column)) if column == "time" else row.get(column) for column in columns]
                    for row in found
                ],
                newest_ms,
                stale,
                level,
                [bound.model_dump() for bound in bounds],
            )
        )
    return Answered(question.ref, columns, series, len(rows) > MAX_ROWS)


def table_rows(panel: Panel, answers: Iterable[Answered], roster: Roster, language: str) -> list[dict[str, Any]]:
    """Return a table's rows: the questions' newest rows joined by box and sensor, tags filling columns of their name.

    A question without tags gives a row for each of its own.
    """
    joined: dict[tuple[object, ...], dict[str, Any]] = {}
    for question in answers:
        for series in question.series:
            latest = series.rows[-1:] if series.tags else series.rows
            for number, row in enumerate(latest):
                key = tuple(sorted(series.tags.items())) if series.tags else (question.ref, number)
                cells = dict(zip(question.columns, row, strict=True))
                time_ms = cells.pop("time", None)
                made = joined.setdefault(
                    key,
                    {"label": series.label if series.tags else "", "tags": series.tags, "cells": dict(series.tags)}
                    | {"newest_ms": time_ms, "stale": series.stale, "levels": {}},
                )
                made["cells"] |= {name: value for name, value in cells.items() if value is not None}
    for made in joined.values():
        for column in panel.columns:
            bounds = roster.bounds(made["tags"], column.field)
            level = grade(made["cells"].get(column.field), column.thresholds, bounds)
            if level is not None and not made["stale"]:
                made["levels"][column.field] = level
        device = made["cells"].get("device")
        if device is not None:
            made["cells"]["device"] = roster.label({"device": device}) or device
    return list(joined.values())


def silent(panel: Panel, answers: Sequence[Answered], roster: Roster) -> list[dict[str, Any]]:
    """Return who of the expected has nothing, or nothing fresh, with when each was last heard in this answer.

    A panel that only counts cannot tell who is missing: nobody is named then.
    """
    expected = roster.expected(panel.expected)
    telling = [question for question in answers if any("device" in series.tags for series in question.series)]
    if not expected or (not telling and any(question.series for question in answers)):
        return []
    heard: dict[tuple[str, str], Series] = {}
    for question in telling[:1]:
        for series in question.series:
            heard[series.tags.get("device", ""), series.tags.get("sensor", "")] = series
    return [_missing(each, found) for each in expected if (found := _heard(heard, each)) is None or found.stale]


def newest_of(answers: Iterable[Answered]) -> int | None:
    """Return the time of the newest reading in the answers, in ms since 1970."""
    return max((s.newest_ms for question in answers for s in question.series if s.newest_ms is not None), default=None)


def _heard(heard: Mapping[tuple[str, str], Series], one: Expected) -> Series | None:
    found = heard.get((one.device, one.sensor)) or heard.get((one.device, ""))
    if found is not None or one.sensor:
        return found
    return next((series for (device, _), series in heard.items() if device == one.device), None)


def _missing(one: Expected, found: Series | None) -> dict[str, Any]:
    name = f"{one.device}/{one.sensor}" if one.sensor else one.device
    return {"name": name, "label": one.label, "since_ms": None if found is None else found.newest_ms}


def _newest(rows: Sequence[Row], columns: Sequence[str], *, zero_is_none: bool) -> int | None:
    for row in reversed(rows):
        values = [row.get(column) for column in columns if column != "time"]
        if any(value is not None and not (zero_is_none and value == 0) for value in values):
            times = (each.get("time") for each in (row, rows[0]))
            return max((int(time) for time in times if isinstance(time, int | float)), default=0)
    return None


def _last(rows: Sequence[Row], column: str) -> Value:
    return next((row[column] for row in reversed(rows) if row.get(column) is not None), None)


def _old(newest_ms: int, now_ms: int, stale_s: float) -> bool:
    return now_ms - newest_ms > stale_s * 1_000


def _in_ms(time: Value) -> Value:
    return int(time) // 1_000_000 if isinstance(time, int | float) else time


def _filled(name: str, tags: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: tags.get(found.group(1), ""), name).strip()
