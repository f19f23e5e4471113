"""A table as Grafana's: its columns named, in units, coloured by thresholds; what no column names is hidden. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.marks import (
    CLEAR,
    NOTHING,
    clocks,
    legend,
    nothing,
    origins,
    states,
    steps,
    unit,
    yes_or_no,
)
from dashboards.grafana.question import SOURCE, Target
from dashboards.model import Column, Panel, Words

_TAGS = {
    "device": Words("Boks", "Box"),
    "sensor": Words("Sensor", "Sensor"),
    "street": Words("Jalan", "Street"),
}
_TIME = Words("Terakhir", "Last")
_OPENED = Words("Waktu", "Time")
_NOT_YET = Words("belum", "not yet")
_CLOCK = "dateTimeAsIsoNoDateIfToday"
"""Grafana has ages in English only."""
_GRAVE = ("faults", "speed_mps")
"""Columns that say which rows are to be seen first."""
_NEVER_AMISS = "–"
_NAME_PX = 100
_NUMBER_PX = 120
"""Of columns beside a box's name, so that the name has the rest of the width."""


def table_panel(definition: Panel, language: str) -> table.Panel:
    """Return the panel without its number, title and place."""
    made = (
        table.Panel()
        .datasource(SOURCE)
        .targets([Target(question, "table", language) for question in definition.questions])
        .mappings([nothing(language)])
        .no_value(NOTHING.of(language))
        .thresholds(steps(()))
        .min_width(60)
        .footer(common.TableFooterOptions().show(False).reducer(["sum"]))
    )
    if len(definition.questions) > 1:
        made.with_transformation(
            model.DataTransformerConfig("joinByField", options={"byField": "device", "mode": "outer"})
        )
    tags = _tags(definition)
    # Joined, each question has a time of its own; the first one's is shown.
    others = [f"Time {number}" for number in range(2, max(2, len(definition.questions)) + 1)]
    order = ["Time", "Time 1", *tags, *(column.field for column in definition.columns)]
    made.with_transformation(
        model.DataTransformerConfig(
            "organize",
            options={
                "excludeByName": dict.fromkeys((*others, *_unnamed(definition)), True),
                "indexByName": {name: index for index, name in enumerate(dict.fromkeys(order))},
                "renameByName": {},
            },
        )
    )
    for name in ("Time", "Time 1"):
        made.override_by_name(
            name, [_value("displayName", _time(definition).of(language)), _value("unit", _CLOCK), *_narrow(160)]
        )
    crowded = {"device", "sensor"} <= set(tags)
    for tag in tags:
        narrow = _narrow(_NAME_PX) if crowded and tag == "sensor" else []
        made.override_by_name(tag, [_value("displayName", _TAGS[tag].of(language)), *narrow])
    for column in definition.columns:
        narrow = _narrow(_NUMBER_PX) if crowded and column.unit else []
        made.override_by_name(column.field, [*_column(column, language), *narrow])
    return made.sort_by(_order(definition, language))


def _order(definition: Panel, language: str) -> list[builder.Builder[look.TableSortByFieldState]]:
    """Return how its rows are sorted: what complains first, then who has been silent longest."""
    if _is_a_list(definition):
        return []
    by: list[builder.Builder[look.TableSortByFieldState]] = [
        common.TableSortByFieldState()
        .display_name(_heading(column, language))
        .desc(column.thresholds[-1].level != "good")
        for column in definition.columns
        if column.thresholds and column.field in _GRAVE
    ]
    return [*by, common.TableSortByFieldState().display_name(_TIME.of(language)).desc(False)]


def _is_a_list(definition: Panel) -> bool:
    """Whether its rows are events and not the newest of each box."""
    return not any("GROUP BY" in question.influxql for question in definition.questions)


def _time(definition: Panel) -> Words:
    return _OPENED if _is_a_list(definition) else _TIME


def _tags(definition: Panel) -> list[str]:
    """Return what its rows are grouped by: those are columns of Grafana's table."""
    named = {column.field for column in definition.columns}
    found = [tag for tag in _TAGS if any(f'"{tag}"' in each.influxql for each in definition.questions)]
    return [tag for tag in found if tag not in named]


def _unnamed(definition: Panel) -> list[str]:
    """Return the answer's fields that no column shows, such as the one `last()` is asked for."""
    named = {column.field for column in definition.columns}
    asked = [part.split('"')[1] for each in definition.questions for part in each.influxql.split(" AS ")[1:]]
    loose = [
        part.strip().strip('"')
        for each in definition.questions
        for part in each.influxql.partition(" FROM ")[0].removeprefix("SELECT ").split(",")
        if part.strip().startswith('"')
    ]
    return [field for field in dict.fromkeys((*asked, *loose)) if field not in named and field not in _TAGS]


def _heading(column: Column, language: str) -> str:
    return column.heading.of(language)


def _column(column: Column, language: str) -> list[model.DynamicConfigValue]:
    values = [_value("displayName", _heading(column, language))]
    if column.unit:
        values.append(_value("unit", unit(column.unit, language)))
    if column.decimals is not None:
        values.append(_value("decimals", column.decimals))
    if column.thresholds:
        values += [
            _value("thresholds", steps(column.thresholds, good=CLEAR).build()),
            _value("custom.displayMode", "color-background-solid"),
        ]
    if column.field == "clock_trusted":
        values.append(_value("mappings", [yes_or_no(language, good=CLEAR), nothing(language)]))
    if column.field == "fault":
        values.append(_value("mappings", [nothing(language, _NEVER_AMISS)]))
    if column.field in ("accept_s", "depart_s", "resolve_s"):
        values.append(_value("mappings", [nothing(language, _NOT_YET.of(language))]))
    if column.field == "state":
        values.append(_value("mappings", [states(language), nothing(language)]))
    if column.field == "origin":
        values.append(_value("mappings", [origins(language), nothing(language)]))
    if column.field == "clock":
        values += [
            _value("mappings", [clocks(language), nothing(language)]),
            _value("custom.displayMode", "color-text"),
        ]
    return values


def bounds(definition: Panel, language: str) -> str:
    """Return what a title adds: the bounds of its columns with their marks, once for columns of the same bounds."""
    same: dict[str, list[str]] = {}
    for column in definition.columns:
        if column.thresholds and column.field != "clock_trusted":
            same.setdefault(legend(column.thresholds, column.unit, language), []).append(_heading(column, language))
    return "".join(f" · {', '.join(headings)} {told}" for told, headings in same.items())


def _narrow(px: int) -> list[model.DynamicConfigValue]:
    return [_value("custom.width", px)]


def _value(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(name, value)
