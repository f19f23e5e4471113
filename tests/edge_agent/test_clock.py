"""The box's clock: who is believed, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clock import EARLIEST_NS, LATEST_NS, Clock, is_plausible

S = 10**9
NOW = EARLIEST_NS + 300 * 86_400 * S


def test_at_the_start_the_wall_clock_counts_and_nobody_trusts_it() -> None:
    clock = Clock(wall_ns=7 * S, monotonic_ns=100 * S)
    assert clock.time_ns(101 * S) == 8 * S
    assert clock.source == "none"
    assert not clock.trusted


def test_time_before_the_start_of_the_wall_clock_is_zero_not_negative() -> None:
    assert Clock(wall_ns=0, monotonic_ns=100 * S).time_ns(90 * S) == 0


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
