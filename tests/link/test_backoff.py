"""The waits between attempts to connect."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from link import Backoff


@given(
    base_s=st.floats(0.01, 5),
    cap_s=st.floats(5, 600),
    count=st.integers(1, 60),
    seed=st.integers(),
)
def test_each_wait_is_within_its_bound_and_the_bound_doubles_up_to_the_cap(
    base_s: float, cap_s: float, count: int, seed: int
) -> None:
    backoff = Backoff(base_s, cap_s, draw=random.Random(seed))
    for attempt in range(count):
        bound = min(cap_s, base_s * 2**attempt)
        assert 0.2 * bound <= backoff.next_s() <= bound


def test_reset_starts_again_at_the_base() -> None:
    backoff = Backoff(1.0, 100.0)
    for _ in range(20):
        backoff.next_s()
    assert backoff.next_s() >= 20.0
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_thousand_attempts_overflow_nothing() -> None:
    backoff = Backoff(0.25, 10.0)
    assert all(backoff.next_s() <= 10.0 for _ in range(2_000))


def test_a_thousand_boxes_spread_over_the_whole_wait() -> None:
    waits = sorted(Backoff(10.0, 10.0, draw=random.Random(seed)).next_s() for seed in range(1_000))
    fullest_tenth = max(sum(1 for wait in waits if low <= wait < low + 0.8) for low in [2 + 0.8 * n for n in range(10)])
    assert fullest_tenth < 150


@given(wait_s=st.floats(0.1, 100), seed=st.integers())
def test_around_is_within_a_fifth_and_does_not_grow(wait_s: float, seed: int) -> None:
    backoff = Backoff(draw=random.Random(seed))
    assert all(0.79 * wait_s <= backoff.around_s(wait_s) <= 1.21 * wait_s for _ in range(10))
    assert backoff.next_s() <= 0.25
