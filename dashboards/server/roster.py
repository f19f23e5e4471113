"""Who should be there, after the inventory: the names a wall tells even when the store has none of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contract.inventory import Inventory
from contract.inventory import Threshold as Bound
from dashboards.model import Level, Threshold

Key = tuple[str, str]
"""A box and a sensor of it; the sensor is empty where a box is meant."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One that should be heard of."""

    device: str
    sensor: str
    label: str


class Roster:
    """The inventory, by what the panels ask for.

    Args:
        inventory: The city's.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._boxes = tuple(Expected(each.name, "", each.label) for each in inventory.devices)
        self._vehicles = tuple(
            Expected(each.name, "", each.label) for each in inventory.devices if each.vehicle is not None
        )
        self._sensors: dict[str, list[Expected]] = {}
        self._bounds: dict[tuple[str, str, str], list[Bound]] = {}
        self._labels: dict[Key, str] = {(each.name, ""): each.label for each in inventory.devices}
        for sensor in inventory.sensors:
            self._sensors.setdefault(sensor.kind, []).append(Expected(sensor.device, sensor.id, sensor.label))
            self._labels[sensor.device, sensor.id] = sensor.label
            for bound in sensor.thresholds:
                self._bounds.setdefault((sensor.device, sensor.id, bound.field), []).append(bound)
        self._standing = {each.name for each in inventory.devices if each.vehicle is None}
        self._choices = {(sensor.device, sensor.id) for sensor in inventory.sensors}

    def expected(self, kind: str | None) -> tuple[Expected, ...]:
        """Return who should be heard of: `box`, `vehicle`, or the sensors of a kind of the catalogue."""
        if kind is None:
            return ()
        if kind == "box":
            return self._boxes
        return self._vehicles if kind == "vehicle" else tuple(self._sensors.get(kind, ()))

    def has_device(self, device: str) -> bool:
        """Return whether the inventory knows this box."""
        return (device, "") in self._labels

    def stands(self, device: str) -> bool:
        """Return whether the inventory knows this box as one that is in no vehicle."""
        return device in self._standing

    def has_sensor(self, device: str, sensor: str) -> bool:
        """Return whether the inventory knows this sensor of this box."""
        return (device, sensor) in self._choices

    def label(self, tags: Mapping[str, object]) -> str | None:
        """Return what the inventory calls a series' sensor or box, or None."""
        device, sensor = str(tags.get("device", "")), str(tags.get("sensor", ""))
        return self._labels.get((device, sensor)) or self._labels.get((device, ""))

    def bounds(self, tags: Mapping[str, object], field: str) -> tuple[Bound, ...]:
        """Return a sensor's own thresholds of a field."""
        return tuple(self._bounds.get((str(tags.get("device", "")), str(tags.get("sensor", "")), field), ()))


def grade(value: object, thresholds: tuple[Threshold, ...], bounds: tuple[Bound, ...] = ()) -> Level | None:
    """Return how grave a value is, or None where nothing says. A sensor's own thresholds go before the panel's."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if bounds:
        return max((_reached(value, bound) for bound in bounds), key=_GRAVITY.index)
    level: Level | None = None
    for threshold in sorted(thresholds, key=lambda each: each.value):
        if value >= threshold.value:
            level = threshold.level
    # Below the first bound of a panel that names no good one, nothing is wrong.
    if level is None and thresholds and all(each.level != "good" for each in thresholds):
        return "good"
    return level


_GRAVITY: list[Level] = ["good", "watch", "bad", "critical"]


def _reached(value: float, bound: Bound) -> Literal["good", "watch", "bad", "critical"]:
    return bound.level if (value <= bound.value if bound.below else value >= bound.value) else "good"
