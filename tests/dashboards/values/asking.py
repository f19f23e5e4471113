"""Asks each question of each panel of a store that holds a simulated day, and holds the answers to the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard, Panel, Question
from dashboards.ranges import Range, ask
from simulator.history.day import Day
from simulator.history.panels import ANSWERS
from simulator.history.plan import HOUR
from simulator.history.truth import Asked, Row, Truth
from store import InfluxDB1

Key = tuple[str, str, str]
QUESTIONS = [
    (board, panel, question) for board in DASHBOARDS.values() for panel in board.panels for question in panel.questions
]
HOURS = (0.25, 3, 24, 30 * 24, 365 * 24)
"""Ranges shown: readings three times, values of a minute, values of an hour."""
MADE_H = 27
"""Of so many hours before its end values are made, more than the day has."""
TOLERANCE = 1e-9
"""Of a number, relative and absolute: sums are added up in another order. Words and times are the same."""
BEST_FEW = {"siaga_traffic slowest": 15, "siaga_alarms by-box": 9}
"""Questions for the first few of all; which of those that are equal is left to the store."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question over a range, with what was chosen."""

    board: Dashboard
    panel: Panel
    question: Question
    hours: float
    shown: Range
    device: str
    sensor: str

    @property
    def key(self) -> Key:
        """Its name in `simulator.history.panels`."""
        return self.board.uid, self.panel.key, self.question.ref

    def __str__(self) -> str:
        words = (*self.key, f"{self.hours:g} h", self.device, self.sensor)
        return " ".join(word for word in words if word)


@dataclass
class Asking:
    """A day, what is true of it, and who was ever answered with nothing."""

    day: Day
    truth: Truth
    compared: int = 0
    nothing: set[Key] = field(default_factory=lambda: set(ANSWERS))
    _expected: dict[str, list[Row]] = field(default_factory=dict)

    def cases(self, questions: list[tuple[Dashboard, Panel, Question]] = QUESTIONS) -> Iterator[Case]:
        """Yield each question over each range with each choice; those for the newest over one range."""
        end_ns = self.day.plan.end_ns
        for board, panel, question in questions:
            for hours in (1,) if question.instant else HOURS:
                # Nothing falls upon the edge: a reading at it is within or not by a nanosecond.
                shown = Range((end_ns - round(hours * HOUR)) // 10**6 + 137, end_ns // 10**6 + 1)
                for device, sensor in self._choices(board):
                    yield Case(board, panel, question, hours, shown, device, sensor)

    async def check_all(self, store: InfluxDB1) -> None:
        """Ask everything as of the day's end; raise AssertionError with what differs."""
        found = [(case, await self.fault(store, case)) for case in self.cases()]
        differences = [f"{case}: {fault}" for case, fault in found if fault is not None]
        assert not differences, "\n".join(differences[:20])

    async def check_as_it_stands(self, store: InfluxDB1) -> None:
        """Ask for the newest as a wall does, with the store's own clock; what falls out meanwhile may be either way."""
        for case in self.cases():
            if not case.question.instant:
                continue
            begun_ns = time.time_ns()
            text = ask(case.question.influxql, case.shown, device=case.device, sensor=case.sensor)
            rows = await store.query(text)
            faults: list[str] = []
            for way in self._ways(case, begun_ns, time.time_ns()):
                fault = differs(case, way, rows)
                if fault is None:
                    break
                faults.append(fault)
            else:
                raise AssertionError(f"{case}: {faults[0]}")
            self.compared += len(rows)

    def _ways(self, case: Case, begun_ns: int, ended_ns: int) -> Iterator[list[Row]]:
        """Yield what is true at two moments, and at each between them when it is another: a store may be slow."""
        first, last = (ANSWERS[case.key](self.truth, self._asked(case, at)) for at in (begun_ns, ended_ns))
        yield first
        yield last
        if ended_ns - begun_ns > 1_000 and differs(case, first, last) is not None:
            middle_ns = (begun_ns + ended_ns) // 2
            yield from self._ways(case, begun_ns, middle_ns)
            yield from self._ways(case, middle_ns, ended_ns)

    async def fault(self, store: InfluxDB1, case: Case, influxql: str | None = None) -> str | None:
        """Return how an answer differs from the truth; `influxql` is asked instead of the question."""
        expected = self._expected.get(str(case))
        if expected is None:
            expected = ANSWERS[case.key](self.truth, self._asked(case, self.day.plan.end_ns))
            self._expected[str(case)] = expected
        text = ask(influxql or case.question.influxql, case.shown, device=case.device, sensor=case.sensor)
        rows = await store.query(text.replace("now()", f"{self.day.plan.end_ns}"))
        if influxql is None:
            self.compared += len(expected)
            if expected:
                self.nothing.discard(case.key)
        return differs(case, expected, rows)

    def _asked(self, case: Case, now_ns: int) -> Asked:
        shown, end_ns = case.shown, self.day.plan.end_ns
        return Asked(
            shown.from_ms * 10**6,
            shown.to_ms * 10**6,
            shown.policy,
            shown.step_s,
            now_ns,
            case.device,
            case.sensor,
            ((end_ns - MADE_H * HOUR) // HOUR * HOUR, end_ns),
        )

    def _choices(self, board: Dashboard) -> list[tuple[str, str]]:
        plan, fates = self.day.plan, self.day.fates
        if "sensor" in board.choices:
            some = (plan.air_boxes[0], plan.water_boxes[0], plan.weather_boxes[1], plan.fixed[0])
            others = [(box, "another") for box in some[:3]]
            return [*zip(some, ("air", "river", "weather", "cabinet"), strict=True), *others]
        if "device" in board.choices:
            behind = next(box for box, fate in fates.items() if fate.behind_ns)
            late = next(box for box in plan.plain_boxes if box in fates and fates[box].late)
            gone = next(box for box, fate in fates.items() if fate.gone)
            return [(box, "") for box in (plan.moving[0], plan.moving[-1], plan.fixed[0], behind, late, gone)]
        return [("", "")]


def differs(case: Case, expected: list[Row], rows: list[Row]) -> str | None:
    """Return what differs; a column that the truth does not name, such as the time of a sum, does not count."""
    few = BEST_FEW.get(f"{case.board.uid} {case.panel.key}")
    if few is not None:
        return _few_differ(expected, rows, few, lowest=case.panel.key == "slowest")
    if len(rows) != len(expected):
        return f"{len(rows)} rows, expected {len(expected)}: {rows[:2]} … {expected[:2]}"
    for ours, theirs in zip(sorted(expected, key=_place), sorted(rows, key=_place), strict=True):
        for name, value in ours.items():
            if not _same(value, theirs.get(name)):
                return f"{name} is {theirs.get(name)!r}, expected {value!r}: {theirs} … {ours}"
    return None


def _few_differ(expected: list[Row], rows: list[Row], few: int, *, lowest: bool) -> str | None:
    name, tag = ("speed_mps", "street") if lowest else ("incidents", "device")
    true = {row[tag]: float(row[name] or 0) for row in expected}
    best = sorted(true.values(), reverse=not lowest)[:few]
    told = {row.get(tag): float(row.get(name) or 0) for row in rows}
    if len(told) != len(rows) or any(not _same(true.get(one), value) for one, value in told.items()):
        return f"{told}, expected of {true}"
    found = sorted(told.values(), reverse=not lowest)
    same = len(found) == len(best) and all(_same(*pair) for pair in zip(found, best, strict=True))
    return None if same else f"{found}, expected {best}"


def _place(row: Row) -> tuple[object, ...]:
    names = ("device", "sensor", "street", "origin", "desk")
    return (*(str(row.get(name) or "") for name in names), int(row.get("time") or 0))


def _same(value: object, told: object) -> bool:
    if isinstance(value, int | float) and isinstance(told, int | float):
        return math.isclose(value, told, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return value == told
