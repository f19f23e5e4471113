"""Pulses: counted also when the kernel's queue ran over."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.button.edges import Edge, EdgeHistory
from edge_agent.drivers.button.gpio import read_edges
from edge_agent.drivers.counter.meter import GUST_NS, Count, PulseMeter
from tests.edge_agent.drivers.test_button_edges import Wire

S = 10**9


def _opened(active: bool = False, at_ns: int = 0) -> PulseMeter:
    meter = PulseMeter()
    meter.edge(Edge(active, at_ns, 0, initial=True))
    return meter


def _pulses(meter: PulseMeter, moments_s: list[float]) -> None:
    number = 0
    for moment_s in moments_s:
        number += 1
        meter.edge(Edge(True, round(moment_s * S), number, initial=False))
        number += 1
        meter.edge(Edge(False, round(moment_s * S) + 1_000, number, initial=False))


def test_pulses_of_an_interval_are_counted_once() -> None:
    meter = _opened()
    _pulses(meter, [1, 2, 3])
    assert meter.close(10 * S) == Count(3, 0, 10 * S, 2 + 1)
    assert meter.close(20 * S) == Count(0, 0, 10 * S, 0)


def test_a_line_that_was_never_open_gives_nothing_not_zero() -> None:
    meter = PulseMeter()
    assert meter.close(10 * S) is None
    assert meter.lost_line(20 * S) is None
    assert meter.last_pulse_ns is None


def test_what_came_before_the_line_was_lost_is_kept_and_the_gap_is_no_interval() -> None:
    meter = _opened()
    _pulses(meter, [1, 2])
    assert meter.lost_line(5 * S) == Count(2, 0, 5 * S, 2)
    assert meter.close(60 * S) is None
    meter.edge(Edge(True, 100 * S, 7, initial=True))
    meter.edge(Edge(False, 101 * S, 8, initial=False))
    meter.edge(Edge(True, 102 * S, 9, initial=False))
    assert meter.close(110 * S) == Count(1, 0, 10 * S, 1)


@given(st.integers(0, 2**32), st.booleans())
def test_however_many_edges_are_lost_the_pulses_are_right(seed: int, active: bool) -> None:
    """The stand-in for gpiod drops the oldest of more than 16 edges, and any others by the dice."""
    dice = random.Random(seed)
    wire = Wire(active)
    history = EdgeHistory()
    meter = PulseMeter()
    meter.edge(history.opened(wire.active, 0, wire.sequence))
    rises = 0
    for _ in range(dice.randrange(1, 15)):
        for _ in range(dice.choice((0, 1, 2, 3, 15, 16, 17, 40))):
            wire.change()
            rises += wire.active
        del wire.queue[: dice.randrange(3)]
        for edge in read_edges(wire, 17, history):
            meter.edge(edge)
    # What is still unknown shows with the next edges.
    for _ in range(2):
        wire.change()
        rises += wire.active
        for edge in read_edges(wire, 17, history):
            meter.edge(edge)
    count = meter.close(10 * S)
    assert count is not None
    assert count.pulses == rises
    assert 0 <= count.lost <= count.pulses


def test_a_gust_is_the_most_of_any_three_seconds() -> None:
    meter = _opened()
    _pulses(meter, [0.1, 1.5, 2.9, 3.3, 3.4, 4.1, 9.0])
    count = meter.close(10 * S)
    assert count is not None
    assert count.gust == 5  # 1.5 to 4.1


def test_a_gust_may_lie_across_two_intervals() -> None:
    meter = _opened()
    _pulses(meter, [9.0, 9.5, 9.9])
    meter.close(10 * S)
    meter.edge(Edge(True, round(10.2 * S), 7, initial=False))
    count = meter.close(20 * S)
    assert count is not None
    assert (count.pulses, count.gust) == (1, 4)


def test_lost_pulses_make_no_gust() -> None:
    meter = _opened()
    meter.edge(Edge(True, S, 1_001, initial=False))
    assert meter.close(10 * S) == Count(501, 500, 10 * S, 1)


def test_numbers_that_go_backwards_count_nothing() -> None:
    meter = _opened()
    _pulses(meter, [1, 2])
    meter.edge(Edge(True, 3 * S, 1, initial=False))
    count = meter.close(10 * S)
    assert count is not None
    assert count.pulses == 2


@pytest.mark.parametrize("rate_hz", [1, 1_000])
def test_what_is_remembered_is_bounded(rate_hz: int) -> None:
    meter = _opened()
    _pulses(meter, [1 + number / rate_hz for number in range(5_000)])
    assert len(meter._steps) <= GUST_NS // 250_000_000
    count = meter.close(10_000 * S)
    assert count is not None
    assert count.pulses == 5_000
    assert count.gust in ((3, 4) if rate_hz == 1 else range(2_700, 3_001))
