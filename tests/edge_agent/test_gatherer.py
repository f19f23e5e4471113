"""Samples become readings and batches: whose time, when, and none doubled."""

from __future__ import annotations

from collections import Counter

from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import BATCH_AGE_NS, BATCH_READINGS, HOLD_NS, HOLD_READINGS, Gatherer

S = 10**9
NOW = EARLIEST_NS + 5 * S


def sample(monotonic_ns: int = 0, time_ns: int | None = None) -> Sample:
    return Sample("water_level", {"level_m": 1.0}, monotonic_ns, time_ns)


def trusted() -> Clock:
    clock = Clock(0, 0)
    clock.tell("ntp", NOW, 0)
    return clock


def test_a_batch_closes_at_its_size_or_age() -> None:
    gatherer = Gatherer(trusted(), Counter())
    for number in range(BATCH_READINGS + 1):
        gatherer.add("level", sample(number), number)
    (full,) = gatherer.ready(100)
    assert len(full) == BATCH_READINGS
    assert gatherer.next_ns() is not None
    (rest,) = gatherer.ready(BATCH_AGE_NS)
    assert len(rest) == 1
    assert gatherer.waiting == 0
    assert gatherer.next_ns() is None


def test_many_samples_of_one_moment_have_a_timestamp_each() -> None:
    gatherer = Gatherer(trusted(), Counter())
    for _ in range(5):
        gatherer.add("level", sample(7), 7)
    ((*readings,),) = gatherer.ready(7 + BATCH_AGE_NS)
    assert [reading["timestamp_ns"] for reading in readings] == [NOW + 7 + number for number in range(5)]


def test_a_receiver_that_goes_back_some_seconds_doubles_no_timestamp() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(trusted(), dropped)
    for second in (1, 2, 3, 1, 2, 3, 4):
        gatherer.add("gps", sample(second, NOW + second * S), second)
    ((*readings,),) = gatherer.ready(10 * S)
    assert [reading["timestamp_ns"] for reading in readings] == [NOW + second * S for second in (1, 2, 3, 4)]
    assert dropped == {"same time twice": 3}


def test_the_sources_own_time_is_kept_and_never_doubled() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(trusted(), dropped)
    gatherer.add("gps", sample(0, NOW + 7), 0)
    gatherer.add("gps", sample(1, NOW + 7), 1)
    gatherer.add("gps-2", sample(1, NOW + 7), 1)
    ((first, second),) = gatherer.ready(BATCH_AGE_NS)
    assert (first["timestamp_ns"], first["clock"]) == (NOW + 7, "gnss")
    assert second["sensor"] == "gps-2"
    assert dropped == {"same time twice": 1}
    assert gatherer.produced == 3


def test_a_rolled_over_receiver_is_stamped_by_the_box() -> None:
    gatherer = Gatherer(trusted(), Counter())
    gatherer.add("gps", sample(2 * S, EARLIEST_NS - 1024 * 7 * 86_400 * S), 2 * S)
    ((only,),) = gatherer.ready(4 * S)
    assert (only["timestamp_ns"], only["clock"]) == (NOW + 2 * S, "ntp")


def test_stamped_readings_of_one_moment_move_apart() -> None:
    gatherer = Gatherer(trusted(), Counter())
    gatherer.add("level", sample(5), 5)
    gatherer.add("level", sample(5), 5)
    ((first, second),) = gatherer.ready(2 * S)
    assert second["timestamp_ns"] == first["timestamp_ns"] + 1


def test_held_until_the_clock_is_trusted_then_stamped_with_their_true_moment() -> None:
    clock = Clock(0, 0)
    gatherer = Gatherer(clock, Counter())
    gatherer.add("level", sample(3 * S), 3 * S)
    assert gatherer.ready(60 * S) == []
    assert gatherer.next_ns() == 3 * S + HOLD_NS
    clock.tell("centre", NOW, 60 * S)
    gatherer.ready(60 * S)
    ((only,),) = gatherer.ready(62 * S)
    assert (only["timestamp_ns"], only["clock"]) == (NOW - 57 * S, "centre")


def test_after_ten_minutes_they_go_out_flagged() -> None:
    gatherer = Gatherer(Clock(0, 0), Counter())
    gatherer.add("level", sample(3 * S), 3 * S)
    ((only,),) = gatherer.ready(3 * S + HOLD_NS, flush=True)
    assert (only["timestamp_ns"], only["clock"]) == (EARLIEST_NS + 3 * S, "none")


def test_memory_for_held_readings_is_bounded_and_counted() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(Clock(0, 0), dropped)
    for number in range(HOLD_READINGS + 5):
        gatherer.add("level", sample(number), number)
    assert gatherer.waiting == HOLD_READINGS
    assert dropped == {"no trusted clock, memory full": 5}
    assert gatherer.produced == gatherer.waiting + 5
