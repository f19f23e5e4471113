"""When an open line has fallen silent."""

from __future__ import annotations

import pytest

from edge_agent.silence import INTERVALS, LEAST_NS, Silence

S = 10**9


@pytest.mark.parametrize(
    ("interval_s", "silent_after_s"), [(0.1, 60), (1, 60), (10, 60), (12, 60), (13, 65), (60, 300), (3_600, 18_000)]
)
def test_five_usual_intervals_and_a_minute_at_least(interval_s: float, silent_after_s: int) -> None:
    silence = Silence(0)
    last = 0
    for number in range(1, 40):
        last = round(number * interval_s * S)
        silence.take(last)
    assert silence.silent_ns(last + silent_after_s * S) is None
    assert silence.silent_ns(last + silent_after_s * S + 1) == silent_after_s * S + 1
    silence.take(last + silent_after_s * S + 2)
    assert silence.silent_ns(last + silent_after_s * S + 3) is None, "it is heard again"


def test_one_long_pause_does_not_make_it_patient() -> None:
    silence = Silence(0)
    for number in range(1, 20):
        silence.take(number * 10 * S)
    silence.take(7_200 * S)
    silence.take(7_210 * S)
    assert silence.usual_ns == 10 * S
    assert silence.silent_ns(7_210 * S + LEAST_NS + 1) is not None


def test_several_readings_of_one_moment_are_no_interval() -> None:
    silence = Silence(0)
    for number in range(1, 10):
        for part in range(5):
            silence.take(number * 300 * S + part * 1_000_000)
    last = 9 * 300 * S + 4_000_000
    assert silence.silent_ns(last + INTERVALS * 299 * S) is None


def test_one_that_was_never_heard_is_silent_from_the_start_on() -> None:
    assert Silence(5 * S).silent_ns(65 * S) is None
    assert Silence(5 * S).silent_ns(66 * S) == 61 * S
    asked_each_minute = Silence(0, 60 * S)
    assert asked_each_minute.silent_ns(299 * S) is None
    assert asked_each_minute.silent_ns(301 * S) is not None
    assert not asked_each_minute.heard


def test_a_reading_older_than_the_last_changes_nothing() -> None:
    silence = Silence(0)
    silence.take(10 * S)
    silence.take(5 * S)
    assert silence.silent_ns(70 * S) is None
    assert silence.silent_ns(71 * S) is not None
