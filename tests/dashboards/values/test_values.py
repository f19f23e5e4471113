"""Each question of each panel is answered with the simulated values, not only with rows, over several ranges.

A day is written to a real InfluxDB of the machine; what must come is `simulator.history.panels`, which never reads
InfluxQL. Then each question is broken on purpose, in each way of `mutants`, and its answer must differ. With
SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN a 2.x is asked the same. The city is a small one of four hours;
SIAGA_TEST_WALLS=full makes it the whole day of the whole city (`make test-walls`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from simulator.history.day import Day, simulate
from simulator.history.panels import ANSWERS
from simulator.history.plan import HOUR, MINUTE, Plan, S
from simulator.history.series import Series
from simulator.history.truth import Truth
from simulator.history.writing import write
from store import Account, InfluxDB1, StoreQueryError, StoreRetryError, Token
from store.influxdb2 import InfluxDB2
from store.layout import Layout
from store.setup import init, rollup
from tests.conftest import Database
from tests.dashboards.values.asking import MADE_H, QUESTIONS, Asking
from tests.dashboards.values.mutants import EQUAL, mutants

pytestmark = pytest.mark.slow

URL = os.environ.get("SIAGA_TEST_INFLUX2_URL", "")
ORG = os.environ.get("SIAGA_TEST_INFLUX2_ORG", "city")
FULL = os.environ.get("SIAGA_TEST_WALLS") == "full"
NO_SENSOR = ("noise-level-db", "gas-co-ppm", "electrical-voltage-v", "soil-moisture-pct", "pulses-rate-hz")
"""Kinds of which the city has no sensor: nothing is the truth of them."""
SMALL = {"boxes": 60, "vehicles": 4, "air": 3, "water": 3, "weather": 3, "incidents": 60}
TIMEOUT_S = 300.0
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def day() -> Day:
    """Return four hours of a small city, or the whole day, that ended when it was last half past five in Bandung.

    Always the same hour, in the evening's jam: at night another vehicle drives, and a test would find less.
    """
    now_ns = time.time_ns()
    end_ns = now_ns // (24 * HOUR) * 24 * HOUR + 10 * HOUR + 30 * MINUTE + 41 * S
    if end_ns > now_ns:
        end_ns -= 24 * HOUR
    return simulate(Plan.until(end_ns, 24)) if FULL else simulate(Plan.until(end_ns, 4, **SMALL))


@pytest.fixture(scope="module")
def series(day: Day) -> list[Series]:
    """Return what it holds."""
    return list(day.series())


@pytest.fixture(scope="module")
def asking(day: Day, series: list[Series]) -> Asking:
    """Return the day's truth."""
    return Asking(day, Truth(series))


@pytest.fixture(scope="module")
def filled(influxdb_server: InfluxDB, series: list[Series], asking: Asking) -> Iterator[Database]:
    """Yield a database that holds the day, and values of minutes and hours."""
    database = Database(influxdb_server.url, "walls_values", influxdb_server)
    influxdb_server.create_database(database.database)
    asyncio.run(_fill(database, series, asking.day.plan.end_ns))
    yield database
    influxdb_server.drop_database(database.database)


async def _fill(database: Database, series: list[Series], end_ns: int) -> None:
    async with _store(database) as admin:
        await init(admin, Layout(), readers=[READER])
        # Values are made below, of a time that is known; what the store makes by itself meanwhile would be of another.
        for name in Layout().queries(database.database):
            await admin.administer(f'DROP CONTINUOUS QUERY "{name}" ON "{database.database}"')
        await write(admin, series)
        await rollup(admin, end_ns - MADE_H * HOUR, end_ns)


def _store(influxdb: Database, account: str = ADMIN) -> InfluxDB1:
    who = Account(account, influxdb.server.password_file(account))
    return InfluxDB1(influxdb.url, influxdb.database, who, timeout_s=TIMEOUT_S)


async def test_each_question_of_each_panel_is_answered_with_what_was_simulated(
    filled: Database, series: list[Series], asking: Asking, record_property: Told
) -> None:
    assert {(board.uid, panel.key, question.ref) for board, panel, question in QUESTIONS} == set(ANSWERS)
    async with _store(filled, READER) as reader:
        await asking.check_all(reader)
        told = f"{await reader.health()}: {sum(map(len, series))} points, {len(QUESTIONS)} questions"
    record_property("told", f"{told}, {asking.compared} rows")
    assert asking.compared > 600
    # Held against a test that compares nothing with nothing.
    assert asking.nothing == {("siaga_sensor", key, "A") for key in NO_SENSOR}


@pytest.mark.skipif(FULL, reason="the small city's hours are made so that each break shows; a whole day hides four")
async def test_a_question_broken_in_any_way_is_answered_otherwise(
    filled: Database, asking: Asking, record_property: Told
) -> None:
    async with _store(filled, READER) as reader:
        broken, survivors = await _break_all(reader, asking)
    record_property("told", f"broken and found: {dict(broken)}")
    assert not survivors, "broken, and answered as before:\n" + "\n".join(survivors)


async def test_the_newest_are_asked_for_with_the_stores_own_clock(influxdb: Database) -> None:
    """No moment is put in for `now()` here: the day ends now, and the newest are a few seconds old."""
    plan = Plan.until(time.time_ns() // S * S, 3, **{**SMALL, "boxes": 24})
    day = simulate(plan)
    series = list(day.series())
    async with _store(influxdb) as admin, _store(influxdb, READER) as reader:
        await init(admin, Layout(), readers=[READER])
        await write(admin, series)
        asking = Asking(day, Truth(series))
        await asking.check_as_it_stands(reader)
    assert asking.compared > 100


async def _break_all(reader: InfluxDB1, asking: Asking) -> tuple[Counter[str], list[str]]:
    """Break each question in each way; return how many were found by their values, and those that were not."""
    found: Counter[str] = Counter()
    survivors = []
    for board, panel, question in QUESTIONS:
        cases = list(asking.cases([(board, panel, question)]))
        if board.uid == "siaga_sensor" and panel.key in NO_SENSOR:
            continue
        for how, influxql in mutants(question):
            for case in cases:
                try:
                    fault = await asking.fault(reader, case, influxql)
                except (StoreQueryError, StoreRetryError):
                    # It is no InfluxQL, or its answer is longer than any may be.
                    found["no answer"] += 1
                    break
                if fault is not None:
                    found[how] += 1
                    break
            else:
                if (board.uid, panel.key, how) in EQUAL:
                    found["equal"] += 1
                    continue
                survivors.append(f"{board.uid} {panel.key} {question.ref} {how}: {influxql}")
    return found, survivors


@pytest.mark.skipif(not URL, reason="set SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN")
async def test_the_same_of_a_2_x(tmp_path: Path, series: list[Series], asking: Asking, record_property: Told) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(os.environ["SIAGA_TEST_INFLUX2_TOKEN"])
    before = asking.compared
    async with InfluxDB2(URL, f"test_{time.time_ns()}", ORG, Token(token), timeout_s=TIMEOUT_S) as store:
        try:
            await init(store, Layout())
            await _delete_tasks(store)
            points = (await write(store, series)).total()
            end_ns = asking.day.plan.end_ns
            await rollup(store, end_ns - MADE_H * HOUR, end_ns)
            await asking.check_all(store)
            record_property("told", f"{await store.health()}: {points} points, {asking.compared - before} rows")
            assert asking.compared - before > 600
        finally:
            for name in ("", "/minute", "/hour"):
                made = await store.bucket(store.database + name)
                if made is not None:
                    await store.api("DELETE", f"/api/v2/buckets/{made['id']}", None)


async def _delete_tasks(store: InfluxDB2) -> None:
    for one in (await store.api("GET", "/api/v2/tasks", None, {"org": ORG, "limit": "500"}))["tasks"]:
        if one["name"].startswith(f"siaga_{store.database}_"):
            await store.api("DELETE", f"/api/v2/tasks/{one['id']}", None)
