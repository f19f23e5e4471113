"""How long a session waits: longer where answers were slow, not where there was none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.patience import Pace, Patience, keep_alive_s


def test_a_peer_that_falls_silent_is_given_twice_as_long_up_to_eight_times() -> None:
    patience = Patience(5.0)
    steps = []
    for _ in range(5):
        steps.append(patience.step_s)
        patience.silent()
    assert steps == [5.0, 10.0, 20.0, 40.0, 40.0]


@pytest.mark.parametrize(("longest_wait_s", "step_s"), [(0.02, 5.0), (2.5, 5.0), (7.0, 14.0), (60.0, 40.0)])
def test_an_attempt_that_stood_says_what_the_next_one_needs(longest_wait_s: float, step_s: float) -> None:
    patience = Patience(5.0)
    for _ in range(5):
        patience.silent()
    patience.stood(longest_wait_s)
    assert patience.step_s == step_s


@pytest.mark.parametrize(("handshake_s", "step_s"), [(0.05, 5.0), (2.0, 5.0), (12.0, 24.0), (90.0, 40.0)])
def test_after_a_slow_handshake_a_step_may_take_twice_as_long_as_it(handshake_s: float, step_s: float) -> None:
    patience = Patience(5.0)
    assert patience.after(handshake_s) == step_s
    assert patience.step_s == 5.0


@pytest.mark.parametrize(("handshake_s", "expected_s"), [(0.05, 8), (2.0, 8), (12.0, 48), (89.0, 120)])
def test_the_keep_alive_grows_with_the_handshake(handshake_s: float, expected_s: int) -> None:
    assert keep_alive_s(8, handshake_s) == expected_s


def test_a_keep_alive_that_was_asked_for_is_never_shortened() -> None:
    assert keep_alive_s(300, 60.0) == 300


def test_the_pace_is_the_handshake_or_twice_the_longest_of_the_last_eight_waits() -> None:
    pace = Pace(0.05)
    assert pace.pace_s == 0.05
    pace.answered(3.0)
    assert pace.pace_s == 6.0
    for _ in range(7):
        pace.answered(0.01)
    assert pace.pace_s == 6.0
    pace.answered(0.01)
    assert pace.pace_s == 0.05
    pace.answered(100.0)
    assert pace.pace_s == 60.0


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6))))
def test_a_step_never_leaves_its_bounds(attempts: list[float | None]) -> None:
    patience = Patience(5.0)
    for attempt in attempts:
        if attempt is None:
            patience.silent()
        else:
            patience.stood(attempt)
        assert 5.0 <= patience.step_s <= 40.0
