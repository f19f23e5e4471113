"""Alert rules for slow things: a box or a sensor that fell silent, a full disk, a clock, books that lose. Pure.

No press depends on them: presses ring at the duty desk, whether Grafana lives or not. A box that was never heard is
named by the wall server, which knows the inventory; Grafana knows only who spoke within a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboards.grafana.question import SOURCE_UID
from dashboards.model import Words
from store.layout import RAW

FOLDER_UID = "siaga"
GROUP = "siaga"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: one alert for each series of the answer whose newest value is beyond the bound for `for_s` seconds."""

    uid: str
    title: Words
    influxql: str
    evaluator: str
    bound: float
    for_s: int
    range_s: int = _DAY_S
    severity: str = "warning"
    no_data: str = "OK"


def _silent(uid: str, title: Words, kind: str, field: str, within: str, for_s: int, no_data: str = "OK") -> Rule:
    by = '"device"' if kind == "box_report" else '"device", "sensor"'
    influxql = (
        f'SELECT count("{field}") AS "readings" FROM "{RAW}"."{kind}" WHERE $timeFilter'
        f" GROUP BY time({within}), {by} fill(0)"
    )
    return Rule(uid, title, influxql, "lt", 1, for_s, no_data=no_data)


def _certificate(uid: str, title: Words, days: int, *, severity: str = "warning") -> Rule:
    influxql = (
        f'SELECT last("certificate_days") AS "days" FROM "{RAW}"."box_health" WHERE $timeFilter GROUP BY "device"'
    )
    return Rule(uid, title, influxql, "lt", days, 300, severity=severity)


RULES = (
    _silent(
        "siaga_box_silent", Words("Boks diam", "Box silent"), "box_report", "produced", "10m", 600, no_data="Alerting"
    ),
    _silent("siaga_water_silent", Words("Papan duga diam", "Gauge silent"), "water_level", "level_m", "15m", 900),
    _silent(
        "siaga_air_silent", Words("Stasiun udara diam", "Air station silent"), "air_quality", "pm2_5_ugm3", "15m", 900
    ),
    _silent(
        "siaga_weather_silent", Words("Stasiun cuaca diam", "Weather silent"), "weather", "temperature_c", "15m", 900
    ),
    Rule(
        "siaga_disk",
        Words("Ruang simpan boks hampir penuh", "A box's disk is almost full"),
        f'SELECT last("disk_free_bytes") AS "free" FROM "{RAW}"."box_health" WHERE $timeFilter GROUP BY "device"',
        "lt",
        500_000_000,
        600,
        3_600,
    ),
    _certificate(
        "siaga_certificate_30",
        Words("Sertifikat boks berakhir dalam 30 hari", "A box's certificate ends in 30 days"),
        30,
    ),
    _certificate(
        "siaga_certificate_7",
        Words("Sertifikat boks berakhir dalam 7 hari", "A box's certificate ends in 7 days"),
        7,
        severity="critical",
    ),
    Rule(
        "siaga_clock",
        Words("Jam boks tidak dipercaya", "A box's clock is not trusted"),
        f'SELECT last("clock_trusted") AS "trusted" FROM "{RAW}"."box_report" WHERE $timeFilter GROUP BY "device"',
        "lt",
        1,
        1_800,
        # What has no clock writes at the time it believes it is: a box hours behind has nothing in the last minutes.
        _DAY_S,
    ),
    Rule(
        "siaga_faults",
        Words("Boks melaporkan gangguan", "A box reports faults (sensor, card, supply)"),
        f'SELECT last("faults") AS "faults" FROM "{RAW}"."box_report" WHERE $timeFilter GROUP BY "device"',
        "gt",
        0,
        900,
        900,
    ),
    Rule(
        "siaga_drops",
        Words("Boks membuang bacaan", "A box drops readings"),
        f'SELECT spread("dropped") AS "dropped" FROM "{RAW}"."box_report" WHERE $timeFilter GROUP BY "device"',
        "gt",
        0,
        300,
        3_600,
    ),
    Rule(
        "siaga_books",
        Words("Buku boks tidak cocok", "A box's books differ"),
        f'SELECT last("unaccounted") AS "unaccounted" FROM "{RAW}"."box_report" WHERE $timeFilter GROUP BY "device"',
        "gt",
        0,
        600,
        900,
        severity="critical",
    ),
    Rule(
        "siaga_waiting",
        Words("Bacaan menumpuk di boks", "Readings pile up in a box"),
        f'SELECT last("waiting") AS "waiting" FROM "{RAW}"."box_report" WHERE $timeFilter GROUP BY "device"',
        "gt",
        10_000,
        1_800,
        900,
    ),
)


def rule_json(rule: Rule, language: str) -> dict[str, Any]:
    """Return a rule as Grafana's provisioning API takes it, with what its server would add to expressions."""
    return {
        "uid": rule.uid,
        "orgID": 1,
        "folderUID": FOLDER_UID,
        "ruleGroup": GROUP,
        "title": rule.title.of(language),
        "condition": "C",
        "data": [
            _asked("A", SOURCE_UID, rule.range_s, _question(rule.influxql)),
            _asked("B", "__expr__", 0, _expression("B", "reduce", {"expression": "A", "reducer": "last"})),
            _asked(
                "C", "__expr__", 0, _expression("C", "threshold", {"expression": "B", "conditions": [_beyond(rule)]})
            ),
        ],
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "for": _duration(rule.for_s),
        "annotations": {"summary": rule.title.of(language) + ": {{ $labels.device }} {{ $labels.sensor }}"},
        "labels": {"siaga": "wall", "severity": rule.severity},
    }


def _question(influxql: str) -> dict[str, Any]:
    return {
        "refId": "A",
        "datasource": {"type": "influxdb", "uid": SOURCE_UID},
        "rawQuery": True,
        "query": influxql,
        "resultFormat": "time_series",
        "intervalMs": 60_000,
        "maxDataPoints": 1_500,
    }


def _expression(ref: str, kind: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "type": kind,
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "intervalMs": 1_000,
        "maxDataPoints": 43_200,
        **more,
    }


def _beyond(rule: Rule) -> dict[str, Any]:
    return {"evaluator": {"params": [rule.bound], "type": rule.evaluator}}


def _asked(ref: str, source: str, range_s: int, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "queryType": "",
        "relativeTimeRange": {"from": range_s, "to": 0},
        "datasourceUid": source,
        "model": model,
    }


def _duration(seconds: int) -> str:
    """Return a duration as Grafana writes it back, or it would differ each time."""
    if seconds % 3_600 == 0:
        return f"{seconds // 3_600}h"
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
