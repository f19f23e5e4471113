"""A measured value that is an alarm: water above 3 m, a supply below 11 V."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.errors import ConfigError
from contract.messages import Press
from contract.settings import check_table
from edge_agent.config import load_box_settings
from edge_agent.drivers.base import Sample
from edge_agent.threshold import MOST_THRESHOLDS, SILENCE_NS, Raised, Thresholds, ThresholdSettings
from tests.edge_agent.test_config import written

S = 10**9
RIVER: dict[str, Any] = {"id": "river-high", "sensor": "river", "field": "water_level.level_m", "above": 3.0}


def rule(**changed: object) -> ThresholdSettings:
    table = {**RIVER, **changed}
    return check_table({key: value for key, value in table.items() if value is not None}, ThresholdSettings)


def level(metres: float, at_s: float, *, sensor: str | None = None) -> Sample:
    return Sample("water_level", {"level_m": metres}, round(at_s * S), None, sensor)


def alarms(settings: ThresholdSettings, *levels: tuple[float, float]) -> list[float]:
    """Return the seconds of the alarms that levels (metres, at second) raise."""
    thresholds = Thresholds([settings])
    return [
        raised.monotonic_ns / S for metres, at_s in levels for raised in thresholds.take("river", level(metres, at_s))
    ]


def test_beyond_at_once() -> None:
    assert alarms(rule(), (2.9, 0), (3.0, 1), (3.01, 2), (5.0, 3)) == [2]
    assert alarms(rule(above=None, below=0.5), (0.6, 0), (0.5, 1), (0.49, 2), (0.1, 3)) == [2]


def test_beyond_at_the_first_reading_counts() -> None:
    assert alarms(rule(), (4.0, 7)) == [7]


def test_for_how_long() -> None:
    assert alarms(rule(for_s=10), (4.0, 0), (4.0, 5), (4.0, 9.9)) == []
    assert alarms(rule(for_s=10), (4.0, 0), (4.0, 5), (4.0, 10)) == [10]
    assert alarms(rule(for_s=10), (4.0, 0), (2.0, 5), (4.0, 10), (4.0, 15)) == []
    assert alarms(rule(for_s=10), (4.0, 0), (2.0, 5), (4.0, 10), (4.0, 20)) == [20]


def test_one_alarm_until_it_is_back_by_the_hysteresis() -> None:
    settings = rule(hysteresis=0.5, again_after_s=10)
    assert alarms(settings, (3.1, 0), (2.6, 20), (3.1, 40), (2.51, 60), (9.0, 80)) == [0]
    assert alarms(settings, (3.1, 0), (2.5, 20), (3.1, 40)) == [0, 40]
    below = rule(above=None, below=1.0, hysteresis=0.5, again_after_s=10)
    assert alarms(below, (0.9, 0), (1.4, 20), (0.9, 40), (1.5, 60), (0.9, 80)) == [0, 80]


def test_without_hysteresis_it_is_back_when_it_is_not_beyond() -> None:
    assert alarms(rule(again_after_s=10), (3.1, 0), (3.0, 20), (3.1, 40)) == [0, 40]


def test_a_value_that_comes_and_goes_sends_no_flood_and_none_is_lost() -> None:
    wave = [(3.1 if at % 2 else 2.9, float(at)) for at in range(1, 200)]
    assert alarms(rule(again_after_s=60), *wave) == [1, 61, 121, 181]
    assert alarms(rule(again_after_s=60), (3.1, 0), (2.9, 1), (3.1, 2), (3.1, 59), (3.1, 60)) == [0, 60]


def test_silence_while_pending_begins_anew() -> None:
    gap_s = SILENCE_NS / S
    assert alarms(rule(for_s=10), (4.0, 0), (4.0, gap_s + 1)) == []
    assert alarms(rule(for_s=10), (4.0, 0), (4.0, gap_s + 1), (4.0, gap_s + 11)) == [gap_s + 11]
    assert alarms(rule(for_s=600), (4.0, 0), (4.0, 600)) == [600], "a sensor may be as slow as the rule"
    assert alarms(rule(for_s=10), (4.0, 0), (4.0, 20)) == [20], "and as slow as a minute"


def test_silence_while_raised_clears_nothing() -> None:
    assert alarms(rule(again_after_s=10), (4.0, 0), (4.0, 10_000)) == [0]


def test_an_older_reading_and_no_number_are_left_alone() -> None:
    assert alarms(rule(again_after_s=10), (4.0, 100), (1.0, 50), (4.0, 200)) == [100]
    assert alarms(rule(again_after_s=10), (4.0, 0), (float("nan"), 20), (4.0, 40)) == [0]
    assert alarms(rule(for_s=10), (4.0, 0), (float("nan"), 5), (4.0, 10)) == [10]


def test_only_its_own_sensor_kind_and_field_are_looked_at() -> None:
    thresholds = Thresholds([rule(), rule(id="low", above=None, below=0.2), rule(id="other", sensor="sea")])
    assert thresholds.take("lake", level(9.0, 0)) == []
    assert thresholds.take("river", Sample("noise", {"level_db": 90.0}, 0, None)) == []
    assert thresholds.take("river", Sample("water_level", {}, 0, None)) == []
    for no_number in ("9.0", True):
        assert thresholds.take("river", Sample("water_level", {"level_m": no_number}, 0, None)) == []
    assert thresholds.states()["low"] == ("normal", None)
    assert [one.button for one in thresholds.take("river", level(9.0, 0))] == ["river-high"]
    assert [one.button for one in thresholds.take("sea", level(9.0, 0))] == ["other"]
    assert thresholds.states() == {
        "river-high": ("raised", 9.0),
        "low": ("normal", 9.0),
        "other": ("raised", 9.0),
    }


def test_the_alarm_says_what_was_measured_in_both_languages_and_fits_into_a_press() -> None:
    (raised,) = Thresholds([rule(for_s=0)]).take("river", level(3.1234567, 2))
    assert raised == Raised(
        "river-high",
        2 * S,
        "river: Tinggi dari nol papan duga 3.12346 m, di atas 3 m / Level above the gauge's zero 3.12346 m, above 3 m",
    )
    long = ThresholdSettings(
        id="x", sensor="s" * 63, field="weather.wind_direction_deg", below=359.123456, for_s=86_399.5
    )
    thresholds = Thresholds([long])
    assert thresholds.take(long.sensor, Sample("weather", {"wind_direction_deg": 0.000123456}, 0, None)) == []
    later = Sample("weather", {"wind_direction_deg": 0.000123456}, round(86_399.5 * S), None)
    (raised,) = thresholds.take(long.sensor, later)
    assert "di bawah 359.123 deg selama 86399.5 s / " in raised.detail
    Press(
        event_id="01936c5f-0000-7000-8000-000000000000",
        device="box-1",
        button=raised.button,
        cause="threshold",
        status="Actual",
        pressed_at_ns=0,
        clock="none",
        stream="0123456789abcdef",
        sequence=0,
        detail=raised.detail,
    )


def test_whole_numbers_have_limits_too() -> None:
    settings = rule(id="open", sensor="door", field="contact.active", above=None, below=1.0)
    thresholds = Thresholds([settings])
    assert [one.button for one in thresholds.take("door", Sample("contact", {"active": 0}, 0, None))] == ["open"]


_STEPS = st.lists(st.tuples(st.floats(0, 6), st.floats(0.1, 90)), max_size=60)


@given(_STEPS, st.floats(0, 40), st.floats(0, 2), st.floats(10, 100))
def test_an_alarm_is_always_earned_and_never_too_often(
    steps: list[tuple[float, float]], for_s: float, hysteresis: float, again_after_s: float
) -> None:
    settings = rule(for_s=for_s, hysteresis=hysteresis, again_after_s=again_after_s)
    thresholds = Thresholds([settings])
    at_ns, seen, last_ns = 0, list[tuple[int, float]](), None
    for metres, step_s in steps:
        at_ns += round(step_s * S)
        seen.append((at_ns, metres))
        if thresholds.take("river", Sample("water_level", {"level_m": metres}, at_ns, None)):
            # The readings behind it reach back for_s without one that is not beyond, and without a long silence.
            back = at_ns
            for before_ns, value in reversed(seen):
                if value <= 3.0 or back - before_ns > max(for_s * S, SILENCE_NS):
                    break
                back = before_ns
            assert at_ns - back >= round(for_s * S)
            if last_ns is not None:
                assert at_ns - last_ns >= round(again_after_s * S)
                between = [value for moment, value in seen if last_ns < moment < at_ns]
                assert min(between) <= 3.0 - hysteresis
            last_ns = at_ns
    state, last = thresholds.states()["river-high"]
    if seen and seen[-1][1] <= 3.0 - hysteresis:
        assert state == "normal"
    assert last == (seen[-1][1] if seen else None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"above": None}, "needs above or below, and not both"),
        ({"below": 1.0}, "needs above or below, and not both"),
        ({"field": "water_level"}, "water_level has no number ''; it has: level_m"),
        ({"field": "water.level_m"}, "kind and field, such as water_level.level_m; kinds: air_quality"),
        ({"field": "water_level.level"}, "water_level has no number 'level'; it has: level_m"),
        ({"above": 51.0}, "the limit 51 is outside what water_level.level_m can be: -10 to 50 m"),
        ({"above": 0.0, "hysteresis": 10.5}, "where it ends, by hysteresis, -10.5 is outside"),
        ({"above": None, "below": 49.0, "hysteresis": 1.5}, "where it ends, by hysteresis, 50.5 is outside"),
        ({"hysteresis": -0.1}, "greater than or equal to 0"),
        ({"for_s": -1}, "greater than or equal to 0"),
        ({"again_after_s": 9}, "greater than or equal to 10"),
        ({"abvoe": 3.0}, "no such key; did you mean 'above'"),
    ],
)
def test_a_mistake_is_told(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        rule(**changed)


TABLE = '[[thresholds]]\nid = "high"\nsensor = "gps"\nfield = "position.altitude_m"\nabove = 900.0\n'


def _written(tmp_path: Path, table: str) -> Path:
    path = written(tmp_path)
    path.write_text(path.read_text() + "\n" + table)
    return path


def test_in_a_boxs_configuration(tmp_path: Path) -> None:
    (threshold,) = load_box_settings(_written(tmp_path, TABLE)).thresholds
    assert (threshold.id, threshold.above, threshold.for_s) == ("high", 900.0, 0.0)
    own = TABLE.replace('"gps"', '"box"').replace("position.altitude_m", "box_health.cpu_temperature_c")
    assert load_box_settings(_written(tmp_path, own.replace("900.0", "80.0"))).thresholds[0].sensor == "box"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"gps"',
            '"gsp"',
            r":30: thresholds.0.sensor: there is no sensor 'gsp'; there are: box, gps; example: sensor =",
        ),
        ('"high"', '"sos"', r":29: thresholds.0.id: button 'sos' is used twice: it is the id of button 1 already"),
        ("900.0", "90000.0", r":28: thresholds.0: the limit 90000 is outside"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_box_settings(_written(tmp_path, TABLE.replace(old, new)))


def test_there_are_not_too_many(tmp_path: Path) -> None:
    tables = "".join(TABLE.replace('"high"', f'"high-{at}"') for at in range(MOST_THRESHOLDS + 1))
    with pytest.raises(ConfigError, match="at most 64 items"):
        load_box_settings(_written(tmp_path, tables))
