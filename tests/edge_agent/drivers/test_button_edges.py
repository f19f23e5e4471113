from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from itertools import pairwise

import gpiod
import pytest
from gpiod.line import Value
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.button.edges import Edge, EdgeHistory
from edge_agent.drivers.button.gpio import read_edges, watch_request
from edge_agent.drivers.button.trial import Trial

RISING = gpiod.EdgeEvent.Type.RISING_EDGE.value
FALLING = gpiod.EdgeEvent.Type.FALLING_EDGE.value


class Wire:
    """Stands for a requested line: a level, and a queue of 16 edges that drops the oldest, as the kernel's does."""

    QUEUE = 16

    def __init__(self, active: bool = False) -> None:
        self.active = active
        self.sequence = 0
        self.queue: list[gpiod.EdgeEvent] = []
        self.fd = -1
        self.gone = False

    def change(self, times: int = 1) -> None:
        for _ in range(times):
            self.active = not self.active
            self.sequence += 1
            kind = RISING if self.active else FALLING
            self.queue.append(gpiod.EdgeEvent(kind, self.sequence * 1_000, 17, self.sequence, self.sequence))
        del self.queue[: -self.QUEUE]

    def get_value(self, line: int) -> Value:
        if self.gone:
            raise OSError("gone")
        return Value.ACTIVE if self.active else Value.INACTIVE

    def read_edge_events(self) -> Sequence[gpiod.EdgeEvent]:
        events, self.queue = self.queue, []
        return events


def _open(wire: Wire) -> EdgeHistory:
    history = EdgeHistory()
    history.opened(wire.active, 0, wire.sequence)
    return history


def _told(edges: list[Edge]) -> list[tuple[bool, int]]:
    return [(edge.active, edge.sequence) for edge in edges]


def test_a_press_and_its_release() -> None:
    wire = Wire()
    history = _open(wire)
    wire.change(2)
    assert read_edges(wire, 17, history) == [Edge(True, 1_000, 1, False), Edge(False, 2_000, 2, False)]
    assert (history.lost, history.level_in_doubt) == (0, False)


def test_an_edge_between_request_and_first_level_is_one_press() -> None:
    wire = Wire()
    wire.change()
    history = EdgeHistory()
    assert history.opened(wire.active, 0, 0).active
    assert read_edges(wire, 17, history) == []


def test_a_press_of_which_only_the_release_came_is_a_press() -> None:
    wire = Wire()
    history = _open(wire)
    wire.change(2)
    del wire.queue[0]
    assert _told(read_edges(wire, 17, history)) == [(True, 1), (False, 2)]
    assert history.lost == 1


def test_after_an_overflow_the_level_is_read_again() -> None:
    wire = Wire()
    history = _open(wire)
    wire.change(4)
    del wire.queue[:2]
    # The level moved on while the queue was read, and its edge comes only later.
    wire.active = True
    assert [edge.active for edge in read_edges(wire, 17, history)] == [True, False, True]
    assert history.lost == 2
    wire.active = False
    wire.change()
    assert read_edges(wire, 17, history) == []


@given(st.integers(0, 2**32), st.booleans())
def test_whatever_is_lost_edges_alternate_and_end_at_the_level(seed: int, active: bool) -> None:
    dice = random.Random(seed)
    wire = Wire(active)
    history = _open(wire)
    told = [active]
    for _ in range(dice.randrange(1, 12)):
        wire.change(dice.choice((0, 1, 2, 3, 15, 16, 17, 40)))
        lost = dice.randrange(0, 3)
        del wire.queue[:lost]
        told += [edge.active for edge in read_edges(wire, 17, history)]
    wire.change()
    told += [edge.active for edge in read_edges(wire, 17, history)]
    assert all(one != other for one, other in pairwise(told))
    assert told[-1] == wire.active


async def test_a_requested_line_is_watched_through_its_file() -> None:
    readable, writable = os.pipe()
    wire = Wire(active=True)
    wire.fd = readable
    watched = watch_request(wire, 17)
    try:
        first = await anext(watched)
        assert (first.active, first.initial) == (True, True)
        wire.change(2)
        os.write(writable, b"!")
        assert _told([await anext(watched), await anext(watched)]) == [(False, 1), (True, 2)]
        # The pipe is readable still; while nobody asks for the next edge, the loop must not watch it.
        assert not asyncio.get_running_loop().remove_reader(readable)
    finally:
        await watched.aclose()
        os.close(readable)
        os.close(writable)


@pytest.mark.parametrize(("voltage_rises", "active_low"), [(True, False), (False, True)])
def test_the_kernel_turns_active_low_round_before_us(voltage_rises: bool, active_low: bool) -> None:
    # libgpiod reports logical edges: RISING is to ACTIVE. So a switch to ground needs nothing here but active_low.
    logical = voltage_rises != active_low
    history = EdgeHistory()
    history.opened(False, 0, 0)
    wire = Wire()
    wire.queue = [gpiod.EdgeEvent(RISING if logical else FALLING, 1, 17, 1, 1)]
    assert [edge.active for edge in read_edges(wire, 17, history)] == [True]


async def test_a_test_press_reads_the_line_and_comes_with_the_edges_but_is_none_of_them() -> None:
    readable, writable = os.pipe()
    wire, trial = Wire(), Trial()
    wire.fd = readable
    assert await trial.press(0.1) is None, "no line is open"
    watched = watch_request(wire, 17, trial)
    try:
        assert (await anext(watched)).initial
        for _ in range(3):
            coming = asyncio.ensure_future(anext(watched))
            await asyncio.sleep(0)
            asked = asyncio.ensure_future(trial.press(5))
            edge = await coming
            assert (edge.synthetic, edge.active, edge.sequence) == (True, True, 0)
            trial.came(edge.timestamp_ns)
            assert await asked == edge.timestamp_ns
        wire.change(2)
        os.write(writable, b"!")
        assert _told([await anext(watched), await anext(watched)]) == [(True, 1), (False, 2)]
    finally:
        await watched.aclose()
        os.close(readable)
        os.close(writable)
    assert await trial.press(0.1) is None, "the line was let go"


async def test_a_test_that_is_asked_for_between_two_looks_is_not_missed_and_a_line_that_is_gone_says_so() -> None:
    readable, writable = os.pipe()
    wire, trial = Wire(), Trial()
    wire.fd = readable
    watched = watch_request(wire, 17, trial)
    try:
        await anext(watched)
        first = asyncio.ensure_future(anext(watched))
        await asyncio.sleep(0)
        asked = asyncio.ensure_future(trial.press(5))
        trial.came((await first).timestamp_ns)
        await asked
        # Nobody asks the driver for its next edge yet.
        again = asyncio.ensure_future(trial.press(5))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert (await anext(watched)).synthetic
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        lost = asyncio.ensure_future(anext(watched))
        await asyncio.sleep(0)
        wire.gone = True
        asked = asyncio.ensure_future(trial.press(5))
        with pytest.raises(OSError, match="gone"):
            await lost
        assert await asked is None
    finally:
        await watched.aclose()
        os.close(readable)
        os.close(writable)


async def test_a_driver_that_makes_no_press_is_not_waited_for_and_a_second_asker_is_refused() -> None:
    trial = Trial()
    with trial.served(lambda: None):
        asked = asyncio.ensure_future(trial.press(0.05))
        await asyncio.sleep(0)
        assert await trial.press(5) is None, "one at a time"
        assert await asked is None
        assert not trial.take(), "and what comes too late is none"
