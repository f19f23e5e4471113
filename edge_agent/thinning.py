"""Which of a sensor's readings are told, when it measures more often than anybody needs. Pure.

A reading is told when its kind was not told for `min_interval_s`, and, if it is a position, when it is `min_distance_m`
away from the one told last or that one is `max_interval_s` old. The intervals keep step: ten readings a second and 1 s
make one a second, although each comes a little late or early. Every part of a bus and every kind is thinned by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Final

from contract.batch import FieldValue

_EARLY: Final = 0.1
_DEGREE_M: Final = 111_195.0
_S: Final = 10**9


@dataclass(frozen=True, slots=True)
class Thinning:
    """Which readings are told. `min_interval_s` 0 and `min_distance_m` 0: all of them."""

    min_interval_s: float = 0.0
    min_distance_m: float = 0.0
    max_interval_s: float = 60.0


@dataclass(slots=True)
class _Told:
    at_ns: int
    due_ns: int
    fields: dict[str, FieldValue]


class Thinner:
    """One sensor's thinner. It remembers the last reading told of each part and kind."""

    def __init__(self, rules: Thinning) -> None:
        self._rules = rules
        self._told: dict[tuple[str, str], _Told] = {}

    def is_told(self, name: str, kind: str, fields: dict[str, FieldValue], at_ns: int) -> bool:
        """Take a reading measured at `at_ns`, by any clock that stays the same; return whether it is told."""
        rules, told = self._rules, self._told.get((name, kind))
        every_ns = round(rules.min_interval_s * _S)
        due_ns = at_ns + every_ns
        if told is not None and at_ns >= told.at_ns:
            if at_ns < told.due_ns - every_ns * _EARLY:
                return False
            rested = at_ns - told.at_ns < rules.max_interval_s * _S
            if kind == "position" and rested and _apart_m(told.fields, fields) < rules.min_distance_m:
                return False
            if at_ns < told.due_ns + every_ns:
                due_ns = told.due_ns + every_ns
        self._told[name, kind] = _Told(at_ns, due_ns, fields)
        return True


def _apart_m(one: dict[str, FieldValue], other: dict[str, FieldValue]) -> float:
    """Return about how far two positions are apart, in metres; right to 1 % for the distances that are thinned by."""
    south, north = float(one["latitude"]), float(other["latitude"])
    east = (float(other["longitude"]) - float(one["longitude"]) + 180) % 360 - 180
    return hypot(north - south, east * cos(radians((north + south) / 2))) * _DEGREE_M
