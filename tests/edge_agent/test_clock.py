"""The box's clock: who is believed, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clock import EARLIEST_NS, LATEST_NS, Anchor, Clock, is_plausible

S = 10**9
NOW = EARLIEST_NS + 300 * 86_400 * S


def test_at_the_start_the_wall_clock_counts_and_nobody_trusts_it() -> None:
    clock = Clock(wall_ns=NOW, monotonic_ns=100 * S)
    assert clock.time_ns(101 * S) == NOW + S
    assert clock.source == "none"
    assert not clock.trusted


@pytest.mark.parametrize("wall_ns", [0, 17 * S, EARLIEST_NS - 1, LATEST_NS])
def test_a_wall_clock_that_was_never_set_is_not_told(wall_ns: int) -> None:
    clock = Clock(wall_ns, monotonic_ns=100 * S)
    assert clock.time_ns(101 * S) == EARLIEST_NS + S
    assert clock.time_ns(90 * S) == EARLIEST_NS - 10 * S, "a moment before the start"


def test_the_floor_is_raised_only_while_nobody_has_told_the_time_and_never_lowered() -> None:
    clock = Clock(0, 100 * S)
    assert clock.raise_floor(NOW)
    assert (clock.time_ns(101 * S), clock.source) == (NOW + S, "none")
    assert not clock.raise_floor(NOW - 1)
    assert not clock.raise_floor(LATEST_NS)
    clock.tell("centre", NOW - 9 * S, 101 * S)
    assert not clock.raise_floor(NOW)
    assert clock.time_ns(101 * S) == NOW - 9 * S


def test_an_agent_of_the_same_boot_goes_on_with_the_anchor() -> None:
    clock = Clock(0, 100 * S)
    clock.resume(Anchor("gnss", 40 * S, NOW))
    assert (clock.time_ns(101 * S), clock.source) == (NOW + 61 * S, "gnss")
    clock.resume(Anchor("gnss", 40 * S, 0))
    assert clock.time_ns(101 * S) == NOW + 61 * S


def test_a_clock_that_nobody_set_goes_on_too_and_no_floor_is_laid_under_it() -> None:
    clock = Clock(0, 100 * S)
    clock.resume(Anchor("none", 40 * S, NOW))
    assert not clock.raise_floor(NOW + 3_600 * S)
    assert clock.time_ns(100 * S) == NOW + 60 * S


def test_first_word_makes_it_trusted_and_later_ones_do_not_again() -> None:
    clock = Clock(0, 0)
    assert clock.tell("centre", NOW, 5 * S)
    assert clock.time_ns(6 * S) == NOW + S
    assert not clock.tell("gnss", NOW + 10 * S, 6 * S)
    assert clock.source == "gnss"
    assert clock.time_ns(6 * S) == NOW + 10 * S


def test_a_lesser_source_is_not_heard_until_the_anchor_is_old() -> None:
    clock = Clock(0, 0)
    clock.tell("ntp", NOW, 0)
    clock.tell("centre", NOW + 500 * S, 3_600 * S)
    assert clock.time_ns(3_600 * S) == NOW + 3_600 * S
    clock.tell("centre", NOW + 500 * S, 3_601 * S)
    assert clock.time_ns(3_601 * S) == NOW + 500 * S
    assert clock.source == "centre"


def test_an_implausible_time_is_not_believed() -> None:
    clock = Clock(0, 0)
    for time_ns in (0, EARLIEST_NS - 1, LATEST_NS):
        assert not clock.tell("gnss", time_ns, 0)
        assert not is_plausible(time_ns)
    assert not clock.trusted


@given(st.lists(st.tuples(st.sampled_from(["centre", "gnss", "ntp"]), st.integers(0, 2**62), st.integers(0, 10**15))))
def test_no_word_makes_time_negative_or_untrusted_again(words: list[tuple[str, int, int]]) -> None:
    clock = Clock(0, 0)
    trusted = False
    for source, time_ns, monotonic_ns in words:
        clock.tell(source, time_ns, monotonic_ns)  # type: ignore[arg-type]  # one of the three
        assert clock.trusted or not trusted
        trusted = clock.trusted
        assert clock.time_ns(0) >= 0
