"""What the store's rows mean: series, true times, levels, and who is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.inventory import Inventory, parse_inventory
from dashboards.boards import DASHBOARDS
from dashboards.model import Panel, Question, Threshold
from dashboards.server.answers import Answered, answered, has_times, newest_of, outer_tags, silent, table_rows
from dashboards.server.panels import find
from dashboards.server.roster import Roster, grade
from store import Row
from tests.dashboards.server import city

NOW_MS = 1_800_000_000_000
S = 10**9
INVENTORY: Inventory = parse_inventory(city.inventory_toml(), source="city")
ROSTER = Roster(INVENTORY)


def ask(panel: Panel, rows: list[Row], question: Question | None = None) -> Answered:
    question = question or panel.questions[0]
    return answered(panel, question, rows, ROSTER, now_ms=NOW_MS, step_ms=60_000, language="id")


def row(age_s: float, **values: str | float | None) -> Row:
    return {"measurement": "m", "time": int((NOW_MS / 1_000 - age_s) * S), **values}


def test_the_outer_tags_of_every_committed_question_are_found() -> None:
    assert outer_tags('SELECT count("a") FROM (SELECT last("a") FROM b GROUP BY "device") WHERE x') == ()
    assert outer_tags('SELECT a FROM b GROUP BY time({step}), "device", "sensor" fill(none)') == ("device", "sensor")
    for board in DASHBOARDS.values():
        for panel in board.panels:
            for question in panel.questions:
                assert set(outer_tags(question.influxql)) <= {"device", "sensor", "street", "origin", "desk"}


@pytest.mark.parametrize(
    ("uid", "key", "times"),
    [
        ("siaga_water", "level-now", True),
        ("siaga_water", "rise", False),  # last - first has the time of the range's beginning
        ("siaga_water", "level", True),
        ("siaga_city", "boxes", False),
        ("siaga_city", "rain", False),
        ("siaga_city", "open", True),
        ("siaga_traffic", "slowest", False),  # what is chosen of means has the time at which the range begins
        ("siaga_alarm_path", "beats", True),
        ("siaga_alarm_path", "ring", True),
        ("siaga_alarms", "count", False),
    ],
)
def test_a_sum_or_a_difference_has_no_time_of_a_reading(uid: str, key: str, times: bool) -> None:
    assert has_times(find(uid, key)[1].questions[0]) is times


def test_values_are_stale_from_the_panels_age_on_and_then_have_no_level() -> None:
    panel = find("siaga_water", "level-now")[1]
    fresh = ask(panel, [row(899, device="gauge-1", sensor="river", level_m=3.9)]).series[0]
    assert (fresh.stale, fresh.level, fresh.label) == (False, "critical", "Cikapundung, Braga")
    stale = ask(panel, [row(901, device="gauge-1", sensor="river", level_m=3.9)]).series[0]
    assert (stale.stale, stale.level) == (True, None)
    assert stale.newest_ms == NOW_MS - 901_000


def test_null_is_no_value_and_a_zero_filled_in_is_no_sign_of_life() -> None:
    panel = find("siaga_water", "level-now")[1]
    [none] = ask(panel, [row(5, device="gauge-1", sensor="river", level_m=None)]).series
    assert (none.stale, none.level, none.newest_ms) == (True, None, None)
    beats = find("siaga_alarm_path", "beats")[1]
    rows = [row(600, desk="desk", beats=6), row(300, desk="desk", beats=0), row(60, desk="desk", beats=0)]
    [series] = ask(beats, rows).series
    assert series.stale, "zeroes of fill(0) are no beats"
    assert series.newest_ms == NOW_MS - 600_000 + 60_000


def test_a_sensor_that_never_spoke_and_one_that_stopped_are_named() -> None:
    panel = find("siaga_water", "gauges")[1]
    rows = [
        row(10, device="gauge-1", sensor="river", level_m=1.0),
        row(10, device="gauge-2", sensor="river", level_m=1.0),
        row(7_000, device="gauge-3", sensor="river", level_m=1.0),
    ]
    found = {each["name"]: each["since_ms"] for each in silent(panel, [ask(panel, rows)], ROSTER)}
    assert found == {"gauge-3/river": NOW_MS - 7_000_000, "gauge-4/river": None}
    everyone = silent(panel, [ask(panel, [])], ROSTER)
    assert len(everyone) == 4, "with no answer at all everybody is silent"


def test_a_panel_that_only_counts_names_nobody() -> None:
    panel = find("siaga_city", "boxes")[1]
    assert silent(panel, [ask(panel, [{"measurement": "m", "time": 0, "boxes": 3}])], ROSTER) == []


def test_a_tables_questions_are_joined_by_box_and_an_old_row_has_no_level() -> None:
    panel = find("siaga_fleet", "boxes")[1]
    heard = [row(age_s, device=f"box-{at}", produced=9) for at, age_s in enumerate((20, 400, 200_000), 1)]
    books = [row(20, device="box-1", waiting=12_000, faults=0), row(400, device="box-2", waiting=12_000)]
    health = [row(30, device="box-1", disk_free_bytes=5e9, cpu_temperature_c=50.0)]
    asked = [ask(panel, told, question) for told, question in zip((heard, books, health), panel.questions, strict=True)]
    rows = {each["tags"]["device"]: each for each in table_rows(panel, asked, ROSTER, "id")}
    assert rows["box-1"]["cells"]["disk_free_bytes"] == 5e9
    assert rows["box-1"]["cells"]["device"] == "Tiang 1"
    assert rows["box-1"]["levels"] == {"waiting": "bad", "faults": "good"}
    assert (rows["box-2"]["stale"], rows["box-2"]["levels"]) == (True, {})
    # Of who has been silent for days only this is told: since when.
    assert (rows["box-3"]["stale"], rows["box-3"]["newest_ms"]) == (True, NOW_MS - 200_000_000)
    assert "waiting" not in rows["box-3"]["cells"]


def test_a_limited_question_by_column_makes_a_series_of_each_street() -> None:
    panel = find("siaga_traffic", "slowest")[1]
    rows = [row(30, street="Jalan Braga", speed_mps=2.0), row(30, street="Jalan Dago", speed_mps=9.0)]
    found = ask(panel, rows).series
    assert [(each.label, each.level) for each in found] == [("Jalan Braga", "bad"), ("Jalan Dago", "good")]


def test_the_newest_of_several_questions_counts() -> None:
    panel = find("siaga_water", "level-now")[1]
    first = ask(panel, [row(50, device="gauge-1", sensor="river", level_m=1.0)])
    second = ask(panel, [row(20, device="gauge-2", sensor="river", level_m=1.0)])
    assert newest_of([first, second]) == NOW_MS - 20_000
    assert newest_of([]) is None


@pytest.mark.parametrize(
    ("value", "level"), [(-1.0, None), (0, "good"), (15.4, "good"), (15.5, "watch"), (151, "critical"), (True, None)]
)
def test_a_threshold_is_reached_from_its_value_on(value: float, level: str | None) -> None:
    thresholds = tuple(Threshold(bound, name) for bound, name in ((0, "good"), (15.5, "watch"), (150.4, "critical")))  # type: ignore[arg-type]
    assert grade(value, thresholds) == level


def test_a_sensors_own_thresholds_go_before_the_panels() -> None:
    panel = find("siaga_water", "level-now")[1]
    strict = replace(panel, thresholds=(Threshold(0, "critical"),))
    [found] = ask(strict, [row(5, device="gauge-1", sensor="river", level_m=2.5)]).series
    assert found.level == "watch"
    low = INVENTORY.sensors[0].thresholds[0].model_copy(update={"value": 0.2, "level": "bad", "below": True})
    assert grade(0.2, (), (low,)) == "bad"
    assert grade(0.3, (), (low,)) == "good"
