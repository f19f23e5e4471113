"""A simulated vehicle stays on its street and drives as vehicles can."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.streets import Place, load_city, metres_between
from simulator.tracker import MAX_ACCELERATION_MPS2, MAX_BRAKING_MPS2, MAX_SPEED_MPS, Fix, Tracker

STREETS = load_city().streets


def metres_off(fix: Fix, points: tuple[Place, ...]) -> float:
    return min(_metres_to_leg(Place(fix.latitude, fix.longitude), start, end) for start, end in pairwise(points))


def _metres_to_leg(place: Place, start: Place, end: Place) -> float:
    leg_east, leg_north = metres_between(start, end)
    east, north = metres_between(start, place)
    part = max(0.0, min(1.0, (east * leg_east + north * leg_north) / (leg_east**2 + leg_north**2)))
    return math.hypot(east - part * leg_east, north - part * leg_north)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), street=st.sampled_from(STREETS), rate_hz=st.sampled_from([1, 2, 5, 10]))
def test_it_stays_on_the_street_and_within_the_limits(seed: int, street: object, rate_hz: int) -> None:
    points = street.points  # type: ignore[attr-defined]
    tracker = Tracker(points, seed)
    step_s = 1 / rate_hz
    fixes = [tracker.advance(step_s) for _ in range(300)]
    for fix in fixes:
        assert metres_off(fix, points) < 0.5
        assert 0 <= fix.speed_mps <= MAX_SPEED_MPS
        assert 0 <= fix.course_deg < 360
    for before, after in pairwise(fixes):
        change = after.speed_mps - before.speed_mps
        assert -MAX_BRAKING_MPS2 * step_s - 1e-9 <= change <= MAX_ACCELERATION_MPS2 * step_s + 1e-9
        moved = math.hypot(
            *metres_between(Place(before.latitude, before.longitude), Place(after.latitude, after.longitude))
        )
        assert moved <= after.speed_mps * step_s * 1.001 + 0.001


def test_the_same_seed_drives_the_same_way() -> None:
    one, two, other = (Tracker(STREETS[0].points, seed) for seed in (7, 7, 8))
    drive = [one.advance(1) for _ in range(100)]
    assert drive == [two.advance(1) for _ in range(100)]
    assert drive != [other.advance(1) for _ in range(100)]


def test_it_moves_and_turns_round_at_the_end() -> None:
    points = (Place(-6.9, 107.6), Place(-6.9, 107.605))
    courses = {round((tracker := Tracker(points, 3)).advance(1).course_deg)}
    courses |= {round(tracker.advance(1).course_deg) for _ in range(600)}
    assert courses == {90, 270}


@pytest.mark.parametrize(("north", "east", "course"), [(1, 0, 0), (0, 1, 90), (-1, 0, 180), (0, -1, 270)])
def test_the_course_counts_from_north_clockwise(north: int, east: int, course: float) -> None:
    points = (Place(-6.9, 107.6), Place(-6.9 + north * 0.01, 107.6 + east * 0.01))
    fix = Tracker(points, 1).advance(1)
    assert fix.course_deg in (pytest.approx(course, abs=0.1), pytest.approx((course + 180) % 360, abs=0.1))
