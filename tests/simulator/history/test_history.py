"""A simulated day: the same for the same seed, within the catalogue, with its faults in it, and written whole."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from contract.catalogue import KINDS, fault
from contract.chronicle import beat_point, incident_point, report_point
from contract.inventory import parse_inventory
from contract.messages import Books, Heartbeat, PathHop, PathTests, Report
from siaga.stack.influxdb import COLLECTOR
from simulator.history.cli import app
from simulator.history.day import Day, simulate
from simulator.history.plan import HOUR, MINUTE, Plan, PlanError, S
from simulator.history.series import Series
from tests.conftest import Database

END_NS = 1_795_300_200 * S
SMALL = {"boxes": 20, "vehicles": 3, "air": 3, "water": 3, "weather": 3, "incidents": 6}


@pytest.fixture(scope="module")
def day() -> Day:
    """Return three hours of a small city."""
    return simulate(Plan.until(END_NS, 3, **SMALL))


@pytest.fixture(scope="module")
def all_series(day: Day) -> list[Series]:
    """Return what it holds."""
    return list(day.series())


def test_the_same_seed_is_the_same_day_and_another_is_another(day: Day, all_series: list[Series]) -> None:
    def text(series: list[Series]) -> list[str]:
        return [line for one in series for late in (False, True) for line in one.lines(late=late)]

    again = text(list(simulate(day.plan).series()))
    assert text(all_series) == again
    assert len(set(again)) == sum(len(one) for one in all_series)
    other = Plan.until(END_NS, 3, seed=2, **SMALL)
    assert text(list(simulate(other).series())) != again


def test_each_reading_is_one_that_the_collector_would_take(all_series: list[Series]) -> None:
    for one in all_series:
        assert list(one.times) == sorted(set(one.times))
        if one.measurement not in KINDS:
            continue
        for place in range(len(one)):
            fields = {name: one.value(name, place) for name in one.columns if name != "clock"}
            assert fault(one.measurement, {k: v for k, v in fields.items() if v is not None}) is None, fields


def test_what_is_not_a_reading_has_the_fields_that_the_contract_gives_it(day: Day, all_series: list[Series]) -> None:
    books = Books(produced=1, receipted=1, waiting=0, dropped={})
    report = Report(
        device="a", boot="b", timestamp_ns=1, clock="ntp", software="1", readings=books, presses=books, faults={"x": 1}
    )
    tests = PathTests(tests=2, in_time=1, p99_ms=1, budget_left=0.5, hops_p99_ms=dict.fromkeys(get_args(PathHop), 1.0))
    beat = Heartbeat(desk="d", timestamp_ns=1, open_incidents=0, recording=True, tests=tests)
    known = {point.measurement: set(point.fields) for point in (report_point(report), beat_point(beat))}
    known["incident"] = {name for one in day.incidents for name in incident_point(one).fields} - {"incomplete"}
    found = {one.measurement: set(one.columns) for one in all_series if one.measurement in known}
    assert found["box_report"] == known["box_report"]
    assert found["desk_beat"] == known["desk_beat"]
    assert found["incident"] >= known["incident"]


def test_its_faults_are_in_it(day: Day, all_series: list[Series]) -> None:
    plan, heard = day.plan, {one.tags["device"]: one for one in all_series if one.measurement == "box_report"}
    never = {box for box, fate in day.fates.items() if fate.never}
    assert never
    assert set(heard) == {*plan.fixed, *plan.moving} - never
    [behind] = [box for box, fate in day.fates.items() if fate.behind_ns]
    assert heard[behind].times[-1] < plan.end_ns - HOUR
    assert set(heard[behind].columns["clock"]) == {"none"}
    gone = next(box for box, fate in day.fates.items() if fate.gone)
    apart = [after - before for before, after in zip(heard[gone].times, heard[gone].times[1:], strict=False)]
    assert max(apart) > 30 * MINUTE
    positions = {one.tags["device"]: one for one in all_series if one.measurement == "position"}
    assert positions[plan.moving[-1]].times[-1] < plan.end_ns - 30 * MINUTE
    [late] = [one for one in all_series if one.measurement == "weather" and one.late]
    assert 10 < len(list(late.lines(late=True))) < len(late)
    assert any(one.state in ("open", "accepted") for one in day.incidents)


def test_the_rivers_rise_after_the_storm_and_not_before(all_series: list[Series], day: Day) -> None:
    for one in (one for one in all_series if one.measurement == "water_level"):
        levels = dict(zip(one.times, one.columns["level_m"], strict=True))
        before = [float(level or 0) for at, level in levels.items() if at < day.plan.storm_ns]
        assert max(before) - min(before) < 0.1
    rain = [sum(one.columns["rain_mm"]) for one in all_series if one.measurement == "weather"]  # type: ignore[arg-type]
    assert min(rain) > 5


def test_a_day_of_the_calendar_is_bandungs(day: Day) -> None:
    plan = Plan.of_day(date(2026, 11, 21), **SMALL)
    assert plan.begin_ns == 1_795_194_000 * S  # 2026-11-20T17:00Z
    assert plan.end_ns - plan.begin_ns == 24 * HOUR
    with pytest.raises(PlanError, match="need 16"):
        Plan.of_day(date(2026, 11, 21), **SMALL | {"boxes": 15})


@pytest.mark.slow
def test_the_command_writes_it_whole_and_an_inventory_beside(tmp_path: Path, influxdb: Database) -> None:
    admin_words = f'CREATE RETENTION POLICY "hour" ON "{influxdb.database}" DURATION 3650d REPLICATION 1'
    influxdb.server.administer(admin_words)
    out = tmp_path / "inventory.toml"
    words = ["history", "--store", influxdb.url, "--database", influxdb.database, "--username", COLLECTOR]
    words += ["--password-file", str(influxdb.server.password_file(COLLECTOR)), "--hours", "1", "--seed", "3"]
    words += [word for name, number in SMALL.items() for word in (f"--{name}", str(number))]
    told = CliRunner().invoke(app, [*words, "--inventory", str(out), "--json"])
    assert told.exit_code == 0, told.output
    counted = json.loads(told.output)["points"]
    for name, points in counted.items():
        policy = "hour" if name == "incident" else "autogen"
        [series] = influxdb.server.query(f'SELECT count(*) FROM "{policy}"."{name}"', database=influxdb.database)
        assert max(number for number in series["values"][0][1:]) == points, name
    inventory = parse_inventory(out.read_text(), source=str(out))
    assert len(inventory.devices) == SMALL["boxes"]
    assert {one.kind for one in inventory.sensors} == {"position", "air_quality", "water_level", "weather"}
    assert [len(one.thresholds) for one in inventory.sensors if one.kind == "water_level"] == [3, 3, 3]


def test_the_command_says_what_to_do(tmp_path: Path) -> None:
    run = CliRunner().invoke
    few = run(app, ["history", "--store", "http://127.0.0.1:9", "--boxes", "15"])
    assert few.exit_code == 2
    assert "need 114" in few.output
    words = ["history", "--store", "http://127.0.0.1:9", "--hours", "1"]
    out = run(app, [*words, *(word for name, number in SMALL.items() for word in (f"--{name}", str(number)))])
    assert out.exit_code == 69
    assert "next: siaga store init" in out.output
    assert run(app, ["history", "--store", "no"]).exit_code == 2
