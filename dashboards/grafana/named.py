"""A dashboard with a city's names and bounds: what the inventory calls each box, each gauge's own thresholds. Pure.

The committed JSON knows no city. A push that knows the inventory says `Cikapundung, Braga` for `box-31 river`, colours
its bar by its own thresholds, and says of how many boxes so many are heard.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from contract.inventory import Inventory, Sensor
from dashboards.grafana.bars import roomy
from dashboards.grafana.marks import COLOURS, GREY, MARKS
from dashboards.model import Dashboard, Level, Panel, Words

MAX_NAMED: Final = 2_000
"""Boxes that are named in tables and on maps; each is in the JSON of each such panel."""
_OF = Words("dari {n}", "of {n}")
_MEASURED = re.compile(r'"\."(\w+)"')


def with_names(made: dict[str, Any], definition: Dashboard, inventory: Inventory, language: str) -> dict[str, Any]:
    """Return a dashboard's JSON with the names of an inventory; what is given is left as it is."""
    made = copy.deepcopy(made)
    for panel, wanted in zip(made["panels"], definition.panels, strict=True):
        config = panel["fieldConfig"]
        if wanted.kind in ("bars", "lines"):
            config["overrides"] += _series(wanted, inventory)
        elif wanted.kind == "stat" and wanted.expected is not None:
            _of_how_many(panel, wanted, inventory, language)
        elif wanted.kind == "table":
            config["overrides"].append(_override("device", {"id": "mappings", "value": [_labels(inventory)]}))
        elif wanted.kind == "map":
            config["defaults"]["mappings"].append(_labels(inventory))
    return made


def _series(panel: Panel, inventory: Inventory) -> list[dict[str, Any]]:
    """Return an override for each series that the inventory knows, by the name that the question gives it."""
    question = panel.questions[0]
    if question.label is None or "{device}" not in question.label.id or "{device}" in question.influxql:
        return []
    measured = _MEASURED.findall(question.influxql)
    by_sensor = "{sensor}" in question.label.id
    found = []
    for sensor in inventory.sensors:
        if sensor.kind in measured:
            name = f"{sensor.device} {sensor.id}" if by_sensor else sensor.device
            found.append(_override(name, *_shown(panel, sensor)))
    if found or by_sensor:
        return found
    return [
        _override(device.name, {"id": "displayName", "value": _name(panel, device.label)})
        for device in inventory.devices[:MAX_NAMED]
    ]


def _shown(panel: Panel, sensor: Sensor) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = [{"id": "displayName", "value": _name(panel, sensor.label)}]
    bounds = [each for each in sensor.thresholds if f'"{each.field}"' in panel.questions[0].influxql]
    # Grafana's thresholds only rise; a gauge of which a low value is grave keeps the panel's colours.
    if panel.kind != "bars" or not bounds or panel.thresholds or any(each.below for each in bounds):
        return shown
    colours: list[tuple[float | None, Level]] = [(-1e9, "good")]
    colours += [(each.value, each.level) for each in sorted(bounds, key=lambda one: one.value)]
    steps = [{"value": None, "color": GREY}, *({"value": at, "color": COLOURS[level]} for at, level in colours)]
    return [
        *shown,
        {"id": "thresholds", "value": {"mode": "absolute", "steps": steps}},
        {"id": "color", "value": {"mode": "thresholds"}},
    ]


def _name(panel: Panel, label: str) -> str:
    return roomy(label) if panel.kind == "bars" else label


def _of_how_many(panel: dict[str, Any], wanted: Panel, inventory: Inventory, language: str) -> None:
    every = [device for device in inventory.devices if wanted.expected == "box" or device.vehicle is not None]
    if not every or wanted.expected not in ("box", "vehicle"):
        return
    defaults = panel["fieldConfig"]["defaults"]
    defaults["unit"] = f"suffix: {_OF.of(language).format(n=len(every))}"
    steps = [(0, "watch"), (len(every), "good")]
    defaults["thresholds"]["steps"] = [
        {"value": None, "color": GREY},
        *({"value": at, "color": COLOURS[level]} for at, level in steps),  # type: ignore[index]
    ]
    defaults["color"] = {"mode": "thresholds"}
    panel["title"] += f" · {MARKS['watch']}  ≥{len(every)} {MARKS['good']}"
    panel["options"]["colorMode"] = "background"


def _labels(inventory: Inventory) -> dict[str, Any]:
    named = {
        device.name: {"text": device.label, "index": index}
        for index, device in enumerate(inventory.devices[:MAX_NAMED])
    }
    return {"type": "value", "options": named}


def _override(name: str, *properties: dict[str, Any]) -> dict[str, Any]:
    return {"matcher": {"id": "byName", "options": name}, "properties": list(properties)}
