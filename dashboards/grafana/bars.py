"""Bars as Grafana's bar gauge: the gravest first, as many as can be read, each with its name in full. Pure.

Grafana draws as many bars as there are values, however thin. So the values become rows, are sorted and cut to what
fits, and become one field each again, which units and thresholds go by.
"""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from contract.chronicle import NO_DEVICE
from dashboards.grafana.question import of_first_few
from dashboards.model import Panel, Words

VALUE_PX: Final = 26
"""A bar is no higher than 28 where there are many."""
NAME_PX: Final = 20
"""With a larger one above its bar, where there are few, the value would be cut."""
_ROOM: Final = 30
_NO_BOX: Final = Words("tanpa boks", "no box")
_BAR_PX: Final = 38
"""A bar and the gap below it; from 40 px on Grafana puts the name above the bar."""
_ROW_PX: Final = 38
_HEAD_PX: Final = 56
"""What title and edges take of a panel."""
_HIGHEST, _LOWEST = Words("{n} tertinggi", "{n} highest"), Words("{n} terendah", "{n} lowest")


def bars_panel(definition: Panel, language: str) -> bargauge.Panel:
    """Return the panel without what all panels have."""
    made = (
        bargauge.Panel()
        .display_mode(look.BarGaugeDisplayMode.BASIC)
        .orientation(look.VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .min_viz_height(10)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .text(common.VizTextDisplayOptions().value_size(VALUE_PX).title_size(NAME_PX))
    )
    for transformation in _transformations(definition):
        made.with_transformation(transformation)
    made.override_by_name(NO_DEVICE, [model.DynamicConfigValue("displayName", roomy(_NO_BOX.of(language)))])
    return made


def roomy(name: str) -> str:
    """Return a name with blanks at its end: Grafana gives it the width that it has in smaller letters.

    Blanks are measured and not drawn.
    """
    return name + " " * round(len(name) * 1.7 + 6)


def fitting(definition: Panel) -> int:
    """Return for how many bars there is room."""
    return max(1, (definition.cell.height * _ROW_PX - _HEAD_PX) // _BAR_PX)


def few(definition: Panel, language: str) -> str:
    """Return what a title adds where not all are shown; a question for the first few says so in its own title."""
    if definition.kind != "bars" or any(of_first_few(question) for question in definition.questions):
        return ""
    words = (_LOWEST if _low_is_grave(definition) else _HIGHEST).of(language)
    return " · " + words.format(n=fitting(definition))


def _transformations(definition: Panel) -> list[model.DataTransformerConfig]:
    question = definition.questions[0]
    first = of_first_few(question)
    name, value = first or ("Field", "Last *")
    made: list[tuple[str, dict[str, Any]]] = (
        [] if first else [("reduce", {"reducers": ["lastNotNull"], "mode": "seriesToRows"})]
    )
    made += [
        ("sortBy", {"fields": {}, "sort": [{"field": value, "desc": not _low_is_grave(definition)}]}),
        ("limit", {"limitField": fitting(definition)}),
        (
            "rowsToFields",
            {
                "mappings": [
                    {"fieldName": name, "handlerKey": "field.name"},
                    {"fieldName": value, "handlerKey": "field.value"},
                    *([{"fieldName": "Time", "handlerKey": "__ignore"}] if first else []),
                ]
            },
        ),
        ("renameByRegex", {"regex": "^(.*)$", "renamePattern": "$1" + " " * _ROOM}),
    ]
    return [model.DataTransformerConfig(kind, options=options) for kind, options in made]


def _low_is_grave(definition: Panel) -> bool:
    return len(definition.thresholds) > 1 and definition.thresholds[-1].level == "good"
