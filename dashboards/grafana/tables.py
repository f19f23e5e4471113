"""A table as Grafana's: its columns named, in units, coloured by thresholds; what no column names is hidden. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.marks import NOTHING, clocks, legend, nothing, steps, unit, yes_or_no
from dashboards.grafana.question import SOURCE, Target
from dashboards.model import Column, Panel, Words

_TAGS = {
    "device": Words("Boks", "Box"),
    "sensor": Words("Sensor", "Sensor"),
    "street": Words("Jalan", "Street"),
}
_TIME = Words("Terakhir", "Last")


def table_panel(definition: Panel, language: str) -> table.Panel:
    """Return the panel without its number, title and place."""
    made = (
        table.Panel()
        .datasource(SOURCE)
        .targets([Target(question, "table", language) for question in definition.questions])
        .mappings([nothing(language)])
        .no_value(NOTHING.of(language))
        .thresholds(steps(()))
        .footer(common.TableFooterOptions().show(False).reducer(["sum"]))
    )
    if len(definition.questions) > 1:
        made.with_transformation(
            model.DataTransformerConfig("joinByField", options={"byField": "device", "mode": "outer"})
        )
    tags = _tags(definition)
    order = ["Time", "Time 1", *tags, *(column.field for column in definition.columns)]
    made.with_transformation(
        model.DataTransformerConfig(
            "organize",
            options={
                "excludeByName": dict.fromkeys(("Time 2", *_unnamed(definition)), True),
                "indexByName": {name: index for index, name in enumerate(dict.fromkeys(order))},
                "renameByName": {},
            },
        )
    )
    for name in ("Time", "Time 1"):
        made.override_by_name(name, [_value("displayName", _TIME.of(language)), _value("unit", "dateTimeFromNow")])
    for tag in tags:
        made.override_by_name(tag, [_value("displayName", _TAGS[tag].of(language))])
    for column in definition.columns:
        made.override_by_name(column.field, _column(column, language))
    return made


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


def _column(column: Column, language: str) -> list[model.DynamicConfigValue]:
    heading = column.heading.of(language)
    if column.thresholds and column.field != "clock_trusted":
        heading = f"{heading}  {legend(column.thresholds, '')}"
    values = [_value("displayName", heading)]
    if column.unit:
        values.append(_value("unit", unit(column.unit)))
    if column.decimals is not None:
        values.append(_value("decimals", column.decimals))
    if column.thresholds:
        values += [
            _value("thresholds", steps(column.thresholds).build()),
            _value("custom.displayMode", "color-background-solid"),
        ]
    if column.field == "clock_trusted":
        values.append(_value("mappings", [yes_or_no(language), nothing(language)]))
    if column.field == "clock":
        values += [
            _value("mappings", [clocks(language), nothing(language)]),
            _value("custom.displayMode", "color-text"),
        ]
    return values


def _value(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(name, value)
