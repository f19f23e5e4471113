"""A dashboard of a definition as Grafana's JSON, in a language. Pure.

**Which values a range is drawn from.** InfluxQL has no way to choose a retention policy by the range, and Grafana no
variable that computes. Two hidden ones do it together: `span` is an interval that Grafana makes of the range, divided
by 3840, so its unit is seconds below two days, minutes below 120 days, hours or days above (`rangeUtil.roundInterval`).
`policy` asks the store for its retention policies each time the range changes and keeps the one that a regular
expression with `span` in it lets through: `[${span}-z]` holds the letters from the unit on, so `n` is among them for
minutes and hours but not for seconds, `i` and `h` for hours alone. Exactly one name passes for each unit.
"""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from contract.zone import DEFAULT_ZONE
from dashboards.grafana.panels import panel
from dashboards.grafana.question import SOURCE
from dashboards.model import Choice, Dashboard, Words
from dashboards.ranges import MINUTE_FROM_S

LANGUAGES = ("id", "en")
TAG = "siaga"
SPAN_COUNT = MINUTE_FROM_S // 45
"""Grafana rounds an interval to a minute from 45 s on."""
POLICY_REGEX = "/^(?:aut[^${span}-z]gen|m[^${span}-z][${span}-z]ute|[${span}-z]our)$/"

_CHOICES: dict[Choice, Words] = {"device": Words("Boks", "Box"), "sensor": Words("Sensor", "Sensor")}


def uid_of(uid: str, language: str) -> str:
    """Return a dashboard's uid in Grafana: `siaga_city_id`."""
    return f"{uid}_{language}"


def board_json(definition: Dashboard, language: str, time_zone: str = DEFAULT_ZONE) -> dict[str, Any]:
    """Return the JSON of a dashboard, as Grafana gives it back: with neither id nor version.

    Grafana tells its times in `time_zone`, whatever the browser's or a user's own is.
    """
    made = (
        build.Dashboard(definition.title.of(language))
        .uid(uid_of(definition.uid, language))
        .tags([TAG, f"{TAG}-{language}"])
        .readonly()
        .timezone(time_zone)
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{_span(definition.range_s)}", "now")
        .refresh(f"{definition.refresh_s}s")
        .variables(_variables(definition, language))
    )
    if definition.about is not None:
        made.description(definition.about.of(language))
    for number, each in enumerate(definition.panels, 1):
        made.with_panel(panel(each, number, language))
    plain: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    plain.pop("id", None)
    plain.pop("version", None)
    return plain


def _variables(definition: Dashboard, language: str) -> list[builder.Builder[model.VariableModel]]:
    made: list[builder.Builder[model.VariableModel]] = []
    if any("{policy}" in each.influxql for panel in definition.panels for each in panel.questions):
        made += [_span_variable(), _policy_variable()]
    for choice in definition.choices:
        made.append(_choice(choice, definition.uid, language))
    return made


def _span_variable() -> builder.Builder[model.VariableModel]:
    auto = model.VariableOption(selected=True, text="auto", value="$__auto_interval_span")
    return (
        build.IntervalVariable("span")
        .hide(model.VariableHide.HIDE_VARIABLE)
        .values("1m,1h")
        .auto(True)
        .step_count(SPAN_COUNT)
        .min_interval("1s")
        .current(auto)
    )


def _policy_variable() -> builder.Builder[model.VariableModel]:
    return (
        build.QueryVariable("policy")
        .hide(model.VariableHide.HIDE_VARIABLE)
        .datasource(SOURCE)
        .query("SHOW RETENTION POLICIES")
        .regex(POLICY_REGEX)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.DISABLED)
        .current(model.VariableOption(selected=True, text="autogen", value="autogen"))
    )


def _choice(choice: Choice, uid: str, language: str) -> builder.Builder[model.VariableModel]:
    source = {"siaga_vehicle": '"position"', "siaga_box": '"box_report"'}.get(uid)
    origin = f" FROM {source}" if source else ""
    only = " WHERE \"device\" = '${device:raw}'" if choice == "sensor" else ""
    return (
        build.QueryVariable(choice)
        .label(_CHOICES[choice].of(language))
        .datasource(SOURCE)
        .query(f'SHOW TAG VALUES{origin} WITH KEY = "{choice}"{only}')
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _span(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
