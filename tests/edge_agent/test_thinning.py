"""Which readings are told."""

from __future__ import annotations

import random

from edge_agent.thinning import Thinner, Thinning

S = 10**9
PLACE = {"latitude": -6.9, "longitude": 107.6}


def told(rules: Thinning, *measured: tuple[float, dict[str, float]], kind: str = "position") -> list[float]:
    """Return the times, in seconds, of the readings that are told."""
    thinner = Thinner(rules)
    return [at_s for at_s, fields in measured if thinner.is_told("gps", kind, dict(fields), round(at_s * S))]


def test_without_rules_everything_is_told() -> None:
    assert len(told(Thinning(), *((at, PLACE) for at in range(100)))) == 100


def test_intervals_keep_step_with_readings_that_come_a_little_late_or_early() -> None:
    chance = random.Random(1)
    measured = [(at / 10 + chance.uniform(-0.02, 0.02), PLACE) for at in range(1, 1_001)]
    assert 99 <= len(told(Thinning(1.0), *measured)) <= 101, "ten a second, one a second"
    measured = [(at + chance.uniform(-0.05, 0.05), PLACE) for at in range(1, 101)]
    assert len(told(Thinning(1.0), *measured)) == 100, "one a second, one a second"


def test_a_car_that_stands_tells_it_each_minute_and_one_that_drives_each_50_metres() -> None:
    stands = [(float(at), PLACE) for at in range(181)]
    assert told(Thinning(0, 50.0, 60.0), *stands) == [0, 60, 120, 180]
    # 10 m/s to the east: a degree is 110.4 km at this latitude.
    drives = [(float(at), {**PLACE, "longitude": 107.6 + at * 10 / 110_390}) for at in range(31)]
    assert told(Thinning(0, 49.0, 60.0), *drives) == [0, 5, 10, 15, 20, 25, 30]


def test_distance_goes_the_short_way_over_the_date_line() -> None:
    over = [(0.0, {"latitude": 0.0, "longitude": 179.9999}), (1.0, {"latitude": 0.0, "longitude": -179.9999})]
    assert told(Thinning(0, 50.0, 60.0), *over) == [0]


def test_distance_is_of_positions_only() -> None:
    levels = [(float(at), {"level_m": 1.0}) for at in range(3)]
    assert told(Thinning(0, 50.0, 60.0), *levels, kind="water_level") == [0, 1, 2]


def test_each_part_and_each_kind_is_thinned_by_itself() -> None:
    thinner = Thinner(Thinning(10.0))
    assert thinner.is_told("a", "weather", {}, 0)
    assert thinner.is_told("b", "weather", {}, 0)
    assert thinner.is_told("a", "gas", {}, 0)
    assert not thinner.is_told("a", "weather", {}, S)


def test_a_clock_that_goes_back_and_a_pause_begin_anew() -> None:
    assert told(Thinning(10.0), (100, PLACE), (50, PLACE), (55, PLACE), (60, PLACE)) == [100, 50, 60]
    assert told(Thinning(10.0), (0, PLACE), (34, PLACE), (38, PLACE), (44, PLACE)) == [0, 34, 44]
