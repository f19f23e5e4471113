"""What the store must answer to each question of each panel over a simulated day, worked out without a store. Pure.

It knows the panels by name and says in Python what they are to show; it never reads their InfluxQL. So a question that
asks for something else than its panel says is found, and so is a store that answers otherwise.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simulator.history.plan import S
from simulator.history.rollup import rolled
from simulator.history.series import Series, Value

Row = dict[str, Value]
Keep = Callable[[Series], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's circumstances: the range shown in ns, its policy and step, what `now()` is, and what was chosen.

    `made_ns`: of which time the store's values of minutes and hours were made.
    """

    begin_ns: int
    end_ns: int
    policy: str
    step_s: int
    now_ns: int
    device: str = ""
    sensor: str = ""
    made_ns: tuple[int, int] = (0, 0)


class Truth:
    """All points of a day, in memory.

    Args:
        series: Every series of it.
    """

    def __init__(self, series: Iterable[Series]) -> None:
        self._raw: dict[str, list[Series]] = {}
        for one in series:
            self._raw.setdefault(one.measurement, []).append(one)
        self._rolled: dict[tuple[str, str], list[Series]] = {}

    def of(self, measurement: str, policy: str = "autogen") -> list[Series]:
        """Return the series of a measurement: as they came, or values of a minute or hour."""
        if policy == "autogen":
            return self._raw.get(measurement, [])
        key = (measurement, policy)
        if key not in self._rolled:
            step_ns = (60 if policy == "minute" else 3_600) * S
            self._rolled[key] = [rolled(one, step_ns) for one in self._raw.get(measurement, [])]
        return self._rolled[key]

    def newest(
        self,
        measurement: str,
        fields: Sequence[str],
        within_s: float,
        asked: Asked,
        *,
        by: Sequence[str],
        only: str = "",
    ) -> list[Row]:
        """Return the newest point of each group not older than `within_s`, with its time."""
        begin_ns = asked.now_ns - round(within_s * S)
        found: dict[tuple[str, ...], Row] = {}
        for one in self.of(measurement):
            if only and one.tags["device"] != only:
                continue
            place = len(one.times) - 1
            while place >= 0 and one.value(fields[0], place) is None:
                place -= 1
            if place < 0 or one.times[place] <= begin_ns:
                continue
            key = tuple(one.tags[tag] for tag in by)
            if key not in found or found[key]["time"] < one.times[place]:  # type: ignore[operator]
                row: Row = {"time": one.times[place], **dict(zip(by, key, strict=True))}
                found[key] = row | {name: one.value(name, place) for name in fields}
        return list(found.values())

    def over_time(
        self,
        measurement: str,
        fields: Sequence[str],
        how: str,
        asked: Asked,
        *,
        by: Sequence[str] = (),
        policy: str | None = None,
        step_s: int | None = None,
        keep: Keep = lambda series: True,
        fill: Value = None,
        names: Sequence[str] = (),
    ) -> list[Row]:
        """Return a value for each step of the range and group; `how` is mean, sum, max, first, last or count."""
        step_ns = (step_s or asked.step_s) * S
        groups: dict[tuple[str, ...], dict[int, list[list[tuple[int, float | str]]]]] = {}
        for one in self.of(measurement, asked.policy if policy is None else policy):
            if not keep(one):
                continue
            first, last = bisect_left(one.times, asked.begin_ns), bisect_left(one.times, asked.end_ns)
            buckets = groups.setdefault(tuple(one.tags[tag] for tag in by), {}) if last > first else {}
            for place in range(first, last):
                at_ns = one.times[place]
                cells = buckets.setdefault(at_ns // step_ns * step_ns, [[] for _ in fields])
                for cell, name in zip(cells, fields, strict=True):
                    value = one.value(name, place)
                    if value is not None:
                        cell.append((at_ns, value))
        rows: list[Row] = []
        for key, buckets in groups.items():
            if not any(cell for cells in buckets.values() for cell in cells):
                continue
            starts = sorted(buckets)
            if fill is not None:
                starts = list(range(asked.begin_ns // step_ns * step_ns, asked.end_ns, step_ns))
            for start_ns in starts:
                cells = buckets.get(start_ns, [[] for _ in fields])
                if any(cells) or fill is not None:
                    values = [_value(how, cell) if cell else fill for cell in cells]
                    rows.append(
                        {
                            "time": start_ns,
                            **dict(zip(by, key, strict=True)),
                            **dict(zip(names or fields, values, strict=True)),
                        }
                    )
        return rows

    def since(
        self, measurement: str, field: str, begin_ns: int, end_ns: int, *, by: Sequence[str] = ()
    ) -> dict[tuple[str, ...], list[tuple[int, float | str]]]:
        """Return a field's values from after a moment to before another by group, by time."""
        found: dict[tuple[str, ...], list[tuple[int, float | str]]] = {}
        for one in self.of(measurement):
            for place in range(bisect_right(one.times, begin_ns), bisect_left(one.times, end_ns)):
                value = one.value(field, place)
                if value is not None:
                    found.setdefault(tuple(one.tags[tag] for tag in by), []).append((one.times[place], value))
        return {key: sorted(values) for key, values in found.items()}

    def incidents(self, begin_ns: int, end_ns: int, *, real: bool | None = True) -> list[Row]:
        """Return the incidents opened in a time, newest first."""
        rows: list[Row] = []
        for one in self.of("incident"):
            if real is not None and (one.tags["status"] == "Actual") is not real:
                continue
            for place in range(bisect_left(one.times, begin_ns), bisect_left(one.times, end_ns)):
                row: Row = {"time": one.times[place], **one.tags}
                rows.append(row | {name: one.value(name, place) for name in one.columns})
        return sorted(rows, key=lambda row: -int(row["time"] or 0))


def nearest_rank(values: Sequence[float], percent: float) -> float | None:
    """Return the value below or at which `percent` of them lie, as InfluxDB rounds the rank; None of none."""
    place = math.floor(len(values) * percent / 100 + 0.5) - 1
    return sorted(values)[place] if 0 <= place < len(values) else None


def _value(how: str, cell: list[tuple[int, float | str]]) -> Value:
    if how == "count":
        return len(cell)
    if how in ("first", "last"):
        return (min if how == "first" else max)(cell)[1]
    numbers = [float(value) for _, value in cell]
    if how == "mean":
        return math.fsum(numbers) / len(numbers)
    return math.fsum(numbers) if how == "sum" else max(numbers)
