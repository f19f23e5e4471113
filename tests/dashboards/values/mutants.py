"""Committed questions broken on purpose, in each way that a question can be wrong: what a test of values must find."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract.catalogue import KINDS
from dashboards.model import Question

Mutant = tuple[str, str]
"""How it is broken, and the question."""
_OTHER = {
    "accept_s": "ring_s",
    "ring_s": "accept_s",
    "presses": "button",
    "produced": "fault",
    "waiting": "dropped",
    "dropped": "faults",
    "faults": "waiting",
    "faulty": "clock_trusted",
    "clock": "software",
    "recording": "open_incidents",
    "open_incidents": "recording",
    "tests_share_pct": "tests_budget_pct",
    "tests_budget_pct": "tests_share_pct",
    "tests_command_s": "tests_alarm_s",
    "tests_alarm_s": "tests_store_s",
    "tests_store_s": "tests_command_s",
    "tests_telemetry_s": "tests_receipt_s",
    "tests_receipt_s": "tests_telemetry_s",
    "speed_mps": "vehicles",
    "beats": "recording",
    "state": "incident_id",
    "device": "button",
}
"""Another field of the same measurement, where the catalogue does not know it."""
_OTHER_WAY = {
    "mean": "max",
    "max": "min",
    "sum": "max",
    "last": "first",
    "first": "last",
    "count": "max",
    "bottom": "top",
    "top": "bottom",
}


EQUAL = {
    ("siaga_alarm_path", "late", "field"): "each incident has the other field too",
    ("siaga_alarm_path", "beats", "field"): "each sign of life has the other field too",
    ("siaga_alarms", "by-time", "condition"): "a store counts 0 without being told to",
    ("siaga_alarm_path", "recording", "range"): "the desk lives at the day's end",
    ("siaga_alarm_path", "tests-share", "range"): "the desk lives at the day's end",
    ("siaga_alarm_path", "tests-budget", "range"): "the desk lives at the day's end",
    ("siaga_alarm_path", "tests-hops", "range"): "the desk lives at the day's end",
    ("siaga_traffic", "slowest", "function"): "a small city has fewer than fifteen streets with vehicles",
    ("siaga_vehicles", "moving", "roll-up"): "the same vehicles have a value of the last minutes",
    ("siaga_city", "rain", "roll-up"): "at a whole minute, values of minutes are of the same readings",
    ("siaga_weather", "rain-1h", "roll-up"): "at a whole minute, values of minutes are of the same readings",
    ("siaga_water", "rise", "roll-up"): "at a whole minute, values of minutes are of the same readings",
    ("siaga_traffic", "slowest", "roll-up"): "a street has one speed a minute as it is",
    ("siaga_traffic", "streets", "roll-up"): "a street has one speed a minute as it is",
}
"""Broken in a way that a day's values cannot tell, and why."""


def mutants(question: Question) -> Iterator[Mutant]:
    """Yield a question broken in each way that applies to it."""
    text = question.influxql
    yield from (("field", other) for other in _fields(text))
    yield from (("group", other) for other in _groups(text))
    yield from (("range", other) for other in _ranges(text))
    yield from (("roll-up", other) for other in _policies(text))
    # How many were heard, and what is more than nothing, is the same by any point and by the greatest.
    same = ("sum",) if "* 0 AS" in text else ("last", "first") if "SELECT count(" in text else ()
    for name, other in _OTHER_WAY.items():
        if f"{name}(" in text and name not in same:
            yield "function", text.replace(f"{name}(", f"{other}(")
    for number in re.findall(r'", (50|95|99)\)', text):
        yield "function", text.replace(f'", {number})', '", 10)')
    yield from (("condition", other) for other in _conditions(text))


def _fields(text: str) -> Iterator[str]:
    kinds = [kind for kind in re.findall(r'"\."(\w+)"', text) if kind in KINDS]
    names = {name for kind in kinds for name in (one.name for one in KINDS[kind].quantities)} or set(_OTHER)
    for name in dict.fromkeys(re.findall(r'(?:\(|SELECT |, )"(\w+)"(?=[,)]| AS| FROM)', text)):
        if name not in names:
            continue
        others = [one.name for kind in kinds for one in KINDS[kind].quantities if one.name != name]
        other = others[0] if others else _OTHER.get(name)
        if other is not None:
            # What it is called stays, as an alias does.
            yield (
                re.sub(rf'\("{name}"', f'("{other}"', text)
                if f'("{name}"' in text
                else text.replace(f'"{name}"', f'"{other}" AS "{name}"', 1)
            )


def _groups(text: str) -> Iterator[str]:
    for tag in ('"device"', '"sensor"', '"street"', '"origin"', '"desk"'):
        head, found, rest = text.rpartition(" GROUP BY ")
        if found and tag in rest:
            fewer = rest.replace(f", {tag}", "").replace(f"{tag}, ", "").replace(tag, "")
            yield f"{head}{found}{fewer}" if fewer[:1] not in ("", ")", " ") else head + fewer
    if "GROUP BY time({step})" in text:
        yield text.replace("GROUP BY time({step})", "GROUP BY time(7m)")
    if "{time}" in text and "GROUP BY" not in text and "ORDER BY" not in text:
        yield text + ' GROUP BY "device"'


def _ranges(text: str) -> Iterator[str]:
    if "{time}" in text:
        yield text.replace("{time}", "{time} AND time < now() - 2h")
        yield text.replace("{time}", "time > now() - 10m")
    for number, unit in set(re.findall(r"now\(\) - (\d+)([smhd])", text)):
        longer = {"s": f"{number}h", "m": f"{20 * int(number)}m"}.get(unit, "")
        shorter = {"s": "4s", "m": "20s", "h": "3m", "d": "20s"}[unit]
        if longer and "incident" not in text:
            yield text.replace(f"now() - {number}{unit}", f"now() - {longer}")
        # A vehicle may have told a fix in any second, as its shift goes by the clock.
        if '"position"' not in text or unit == "d":
            yield text.replace(f"now() - {number}{unit}", f"now() - {shorter}")
        yield text.replace(f"time > now() - {number}{unit}", f"time < now() - {number}{unit}")


def _policies(text: str) -> Iterator[str]:
    if '"{policy}"' in text:
        # A sum of sums is the sum of readings, and so with the greatest and the last.
        policies = ("hour",) if re.match(r"SELECT (?:sum|max|last)\(", text) else ("autogen", "minute", "hour")
        yield from (text.replace("{policy}", policy) for policy in policies)
    if '"autogen"' in text:
        yield text.replace('"autogen"', '"minute"')
    if '"hour"' in text:
        yield text.replace('"hour"', '"autogen"')


def _conditions(text: str) -> Iterator[str]:
    for one in dict.fromkeys(re.findall(r" AND \"\w+\" (?:=|!=|>) (?:'[^']*'|[\d.]+)", text)):
        yield text.replace(one, "")
    for one in re.findall(r" (?:ORDER BY time DESC|LIMIT \d+|fill\((?:0|none)\))", text):
        yield text.replace(one, " fill(0)" if one == " fill(none)" else "")
    if "* 0 AS" in text:
        yield text.replace("* 0 AS", "* 1 AS")
