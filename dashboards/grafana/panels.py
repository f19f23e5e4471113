"""Panels of a definition as Grafana's, one function a kind; maps and tables have files of their own. Pure."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, text, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.text import TextMode

from dashboards.grafana.bars import bars_panel, few
from dashboards.grafana.maps import map_panel
from dashboards.grafana.marks import (
    GREY,
    NOTHING,
    ORIGINS,
    clocks,
    legend,
    level_words,
    nothing,
    steps,
    unit,
    yes_or_no,
)
from dashboards.grafana.question import POINTS, SOURCE, Target
from dashboards.grafana.tables import bounds, table_panel
from dashboards.model import Panel, PanelKind, Question

_TITLE_PX = 16
_STAT_PX = 64
"""At three metres: 64 px on a 55-inch screen of 1080 lines are 40 mm; three words of no data fit."""
_WORD_PX = 52
"""Where the value's level stands below it as a word."""
_WORD = "level"
_WIDE = 12
"""Columns from which on there is room for a legend beside the lines."""
GraphPanel = stat.Panel | bargauge.Panel | timeseries.Panel | statetimeline.Panel


def panel(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    """Return a panel; `number` is its id within the dashboard, from 1 on."""
    return _KINDS[definition.kind](definition, number, language)


def title(definition: Panel, language: str) -> str:
    """Return a panel's title, with its thresholds and their marks."""
    words = definition.title.of(language) + few(definition, language)
    if not definition.thresholds or definition.key == "recording":
        return words
    return f"{words} · {legend(definition.thresholds, definition.unit, language)}"


def place(definition: Panel) -> model.GridPos:
    """Return where it stands."""
    cell = definition.cell
    return model.GridPos(h=cell.height, w=cell.width, x=cell.x, y=cell.y)


def _stat(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    coloured = bool(definition.thresholds)
    worded = coloured and definition.key != "recording"
    made = (
        stat.Panel()
        .color_mode(look.BigValueColorMode.BACKGROUND if coloured else look.BigValueColorMode.NONE)
        .graph_mode(look.BigValueGraphMode.NONE)
        .text_mode(look.BigValueTextMode.VALUE)
        .justify_mode(look.BigValueJustifyMode.CENTER)
        .orientation(look.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .text(common.VizTextDisplayOptions().value_size(_WORD_PX if worded else _STAT_PX).title_size(_TITLE_PX))
    )
    if worded:
        # The value once more as a word: colour is never the only sign.
        again = {"mode": "reduceRow", "reduce": {"reducer": "lastNotNull"}, "alias": _WORD}
        made.with_transformation(model.DataTransformerConfig("calculateField", options=again))
        mappings = [*level_words(definition.thresholds, language), nothing(language)]
        made.override_by_name(_WORD, [model.DynamicConfigValue("mappings", mappings)])
    return _dressed(made, definition, number, language)


def _lines(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    raw = not any("GROUP BY time(" in question.influxql for question in definition.questions)
    every = any(_is_of_many(question) for question in definition.questions)
    made = (
        timeseries.Panel()
        .draw_style(look.GraphDrawStyle.POINTS if raw else look.GraphDrawStyle.LINE)
        .point_size(8 if raw else 5)
        .line_width(2)
        .fill_opacity(0)
        .show_points(look.VisibilityMode.AUTO)
        .legend(_highest_first() if every and definition.cell.width >= _WIDE else _below(shown=not raw))
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    )
    if definition.unit in ("", "1") and definition.minimum == 0:
        # A count of nothing is no axis up to 100.
        made.axis_soft_max(4)
    if any('"origin"' in question.influxql for question in definition.questions):
        for origin, words in ORIGINS.items():
            made.override_by_name(origin, [model.DynamicConfigValue("displayName", words.of(language))])
    if definition.thresholds:
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode("dashed")))
    return _dressed(made, definition, number, language, palette=True)


def _bars(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    return _dressed(bars_panel(definition, language), definition, number, language)


def _states(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    made = (
        statetimeline.Panel()
        .show_value(look.VisibilityMode.ALWAYS)
        .row_height(0.9)
        .merge_values(True)
        .legend(_below(shown=False))
    )
    _dressed(made, definition, number, language)
    return made.mappings([clocks(language), nothing(language)])


def _below(*, shown: bool) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .show_legend(shown)
    )


def _highest_first() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.TABLE)
        .placement(look.LegendPlacement.RIGHT)
        .calcs(["lastNotNull"])
        .sort_by("Last *")
        .sort_desc(True)
        .show_legend(True)
    )


def _is_of_many(question: Question) -> bool:
    """Whether a question has a series for each of many boxes, and not for a chosen one."""
    _, _, groups = question.influxql.rpartition("GROUP BY")
    return '"device"' in groups and "{device}" not in question.influxql


def _text(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    words = definition.words.of(language) if definition.words is not None else ""
    made = text.Panel().mode(TextMode.MARKDOWN).content(words)
    return made.id(number).title(title(definition, language)).grid_pos(place(definition))


def _dressed(
    made: GraphPanel, definition: Panel, number: int, language: str, *, palette: bool = False
) -> builder.Builder[model.Panel]:
    """Give a panel what all of them have: its place, questions, unit, range, and grey for nothing."""
    made.id(number).title(title(definition, language)).grid_pos(place(definition))
    made.datasource(SOURCE).max_data_points(POINTS).interval("1s")
    made.targets([Target(question, definition.kind, language) for question in definition.questions])
    made.unit(unit(definition.unit, language)).no_value(NOTHING.of(language))
    made.mappings([*([yes_or_no(language)] if definition.key == "recording" else []), nothing(language)])
    # A line of what is good would only say where the axis begins.
    drawn = [each for each in definition.thresholds if not (palette and each.level == "good")]
    made.thresholds(steps(drawn))
    if palette:
        mode = model.FieldColorModeId.PALETTE_CLASSIC
        made.color_scheme(build.FieldColor().mode(mode))
    elif definition.thresholds:
        made.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    else:
        neutral = GREY if definition.kind == "stat" else "#4c7fb8"
        made.color_scheme(build.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(neutral))
    if definition.decimals is not None:
        made.decimals(definition.decimals)
    if definition.minimum is not None:
        made.min(definition.minimum)
    if definition.maximum is not None:
        made.max(definition.maximum)
    return made


def _map(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    made = map_panel(definition, language)
    return made.id(number).title(title(definition, language)).grid_pos(place(definition))


def _table(definition: Panel, number: int, language: str) -> builder.Builder[model.Panel]:
    made = table_panel(definition, language)
    words = definition.title.of(language) + bounds(definition, language)
    return made.id(number).title(words).grid_pos(place(definition))


_KINDS: dict[PanelKind, Callable[[Panel, int, str], builder.Builder[model.Panel]]] = {
    "stat": _stat,
    "bars": _bars,
    "lines": _lines,
    "states": _states,
    "table": _table,
    "map": _map,
    "text": _text,
}
