"""Each question of each panel is answered with the simulated values, not only with rows, over several ranges.

The day ends now and is written to a real InfluxDB of the machine; what must come is `simulator.history.panels`, which
never reads InfluxQL. With SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN a 2.x is asked the same.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard, Panel
from dashboards.ranges import Range, ask
from siaga.stack.influxdb import READER
from simulator.history.day import Day, simulate
from simulator.history.panels import ANSWERS
from simulator.history.plan import HOUR, Plan, S
from simulator.history.series import Series
from simulator.history.truth import Asked, Row, Truth
from simulator.history.writing import write
from store import InfluxDB1, Token
from store.influxdb2 import InfluxDB2
from store.layout import Layout
from store.setup import init, rollup
from tests.conftest import Database

pytestmark = pytest.mark.slow

URL = os.environ.get("SIAGA_TEST_INFLUX2_URL", "")
ORG = os.environ.get("SIAGA_TEST_INFLUX2_ORG", "city")
QUESTIONS = [
    (board, panel, question) for board in DASHBOARDS.values() for panel in board.panels for question in panel.questions
]
HOURS = (0.25, 3, 24, 30 * 24, 365 * 24)
"""Ranges shown: readings three times, values of a minute, values of an hour."""
MADE_H = 27
"""Of so many hours values are made, more than the store makes again by itself at any time."""
BEST_FEW = {"siaga_traffic slowest": 15, "siaga_alarms by-box": 9}
"""Questions for the first few of all; which of those that are equal is left to the store."""


@pytest.fixture(scope="module")
def day() -> Day:
    """Return four hours of a small city that end now, at half a second so that no two clocks fall together."""
    end_ns = time.time_ns() // S * S
    return simulate(Plan.until(end_ns, 4, boxes=24, vehicles=3, air=3, water=3, weather=3, incidents=25))


@pytest.fixture(scope="module")
def series(day: Day) -> list[Series]:
    """Return what it holds."""
    return list(day.series())


@pytest.fixture(scope="module")
def truth(series: list[Series]) -> Truth:
    """Return what is true of it."""
    return Truth(series)


async def test_each_question_of_each_panel_is_answered_with_what_was_simulated(
    influxdb: Database, day: Day, series: list[Series], truth: Truth
) -> None:
    assert {(board.uid, panel.key, question.ref) for board, panel, question in QUESTIONS} == set(ANSWERS)
    async with influxdb.store() as admin:
        await init(admin, Layout(), readers=[READER])
        await write(admin, series)
        async with influxdb.store(READER) as reader:
            # As a wall asks, with the store's own clock; the newest are a few seconds old.
            await _ask_all(reader, day, truth, as_it_stands=True)
            await rollup(admin, day.plan.end_ns - MADE_H * HOUR, day.plan.end_ns)
            told = await _ask_all(reader, day, truth)
    assert told > 600
    _only_what_can_be_nothing_was(told_nothing)


@pytest.mark.skipif(not URL, reason="set SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN")
async def test_the_same_of_a_2_x(tmp_path: Path, day: Day, series: list[Series], truth: Truth) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(os.environ["SIAGA_TEST_INFLUX2_TOKEN"])
    async with InfluxDB2(URL, f"test_{time.time_ns()}", ORG, Token(token), timeout_s=120) as store:
        try:
            await init(store, Layout())
            await write(store, series)
            await rollup(store, day.plan.end_ns - MADE_H * HOUR, day.plan.end_ns)
            assert await _ask_all(store, day, truth) > 600
        finally:
            for name in ("", "/minute", "/hour"):
                made = await store.bucket(store.database + name)
                if made is not None:
                    await store.api("DELETE", f"/api/v2/buckets/{made['id']}", None)


told_nothing: set[tuple[str, str, str]] = set()


async def _ask_all(store: InfluxDB1, day: Day, truth: Truth, *, as_it_stands: bool = False) -> int:
    """Ask everything and hold the answers to the truth; return how many rows were compared."""
    plan, compared = day.plan, 0
    told_nothing.update(ANSWERS)
    differences = []
    for board, panel, question in QUESTIONS:
        if as_it_stands and not question.instant:
            continue
        for hours in (1,) if question.instant else HOURS:
            for device, sensor in _choices(day, board):
                # Nothing falls upon the edge: a reading at it is within or not by a nanosecond.
                shown = Range((plan.end_ns - round(hours * HOUR)) // 10**6 + 137, plan.end_ns // 10**6 + 1)
                asked = _asked(shown, plan.end_ns, device, sensor)
                text = ask(question.influxql, shown, device=device, sensor=sensor)
                begun_ns = time.time_ns()
                rows = await store.query(text if as_it_stands else text.replace("now()", f"{plan.end_ns}"))
                key = (board.uid, panel.key, question.ref)
                expected = ANSWERS[key](truth, asked)
                if as_it_stands:
                    # What fell out of its time while it was asked: either is true.
                    moments = (begun_ns, time.time_ns())
                    ways = [ANSWERS[key](truth, _asked(shown, at, device, sensor)) for at in moments]
                    faults = [_differs(one, rows, board, panel) for one in ways]
                    fault = None if None in faults else faults[0]
                else:
                    fault = _differs(expected, rows, board, panel)
                if fault is not None:
                    differences.append(f"{board.uid} {panel.key} {question.ref} {hours} h {device} {sensor}: {fault}")
                if expected:
                    told_nothing.discard(key)
                compared += len(expected)
    assert not differences, "\n".join(differences[:20])
    return compared


def _asked(shown: Range, now_ns: int, device: str, sensor: str) -> Asked:
    begin_ns, end_ns = shown.from_ms * 10**6, shown.to_ms * 10**6
    made_ns = (now_ns - MADE_H * HOUR) // HOUR * HOUR, now_ns
    return Asked(begin_ns, end_ns, shown.policy, shown.step_s, now_ns, device, sensor, made_ns)


def _choices(day: Day, board: Dashboard) -> list[tuple[str, str]]:
    if "sensor" in board.choices:
        some = (day.plan.air_boxes[0], day.plan.water_boxes[1], day.plan.weather_boxes[1], day.plan.fixed[0])
        return list(zip(some, ("air", "river", "weather", "cabinet"), strict=True))
    if "device" in board.choices:
        behind = next(box for box, fate in day.fates.items() if fate.behind_ns)
        late = next(box for box in day.plan.plain_boxes if box in day.fates and day.fates[box].late)
        return [(box, "") for box in (day.plan.moving[0], day.plan.moving[-1], day.plan.fixed[0], behind, late)]
    return [("", "")]


def _differs(expected: list[Row], rows: list[Row], board: Dashboard, panel: Panel) -> str | None:
    """Return what differs; a column that the truth does not name, such as the time of a sum, does not count."""
    few = BEST_FEW.get(f"{board.uid} {panel.key}")
    if few is not None:
        return _few_differ(expected, rows, few, lowest=panel.key == "slowest")
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
    told = {row[tag]: float(row[name] or 0) for row in rows}
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
        return math.isclose(value, told, rel_tol=1e-9, abs_tol=1e-9)
    return value == told


def _only_what_can_be_nothing_was(nothing: set[tuple[str, str, str]]) -> None:
    """Hold against a test that compares nothing with nothing: of these kinds the city has no sensor."""
    kinds = ("noise-level-db", "gas-co-ppm", "electrical-voltage-v", "soil-moisture-pct", "pulses-rate-hz")
    assert nothing == {("siaga_sensor", key, "A") for key in kinds}
