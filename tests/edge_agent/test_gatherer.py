"""Samples become readings and batches: whose time, when, and none doubled."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.batch import MAX_BATCH_BYTES, Batch, FieldValue, Reading, encode_batch
from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.clock_floor import AHEAD_LEAST_NS, Reservation
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import (
    BATCH_AGE_NS,
    BATCH_BYTES,
    BATCH_READINGS,
    FIRST_BATCHES,
    GROWN_AGE_NS,
    GROWN_READINGS,
    HOLD_NS,
    HOLD_READINGS,
    Gathered,
    Gatherer,
)

S = 10**9
NOW = EARLIEST_NS + 5 * S


def sample(monotonic_ns: int = 0, time_ns: int | None = None) -> Sample:
    return Sample("water_level", {"level_m": 1.0}, monotonic_ns, time_ns)


def trusted() -> Clock:
    clock = Clock(0, 0)
    clock.tell("ntp", NOW, 0)
    return clock


def closed(gatherer: Gatherer, now_ns: int, *, flush: bool = False) -> list[Reading]:
    """Return the readings of the one batch that is closed now."""
    batch = gatherer.close(now_ns, flush=flush)
    assert batch is not None
    assert gatherer.close(now_ns) is None
    return batch.readings


def test_a_batch_closes_at_its_size_or_age() -> None:
    gatherer = Gatherer(trusted(), Counter(), first_batches=0)
    for number in range(BATCH_READINGS):
        assert gatherer.close(100) is None
        gatherer.add("level", sample(number), number)
    assert len(closed(gatherer, 100)) == BATCH_READINGS
    gatherer.add("level", sample(100), 100)
    assert gatherer.next_ns() == 100 + BATCH_AGE_NS
    assert gatherer.close(99 + BATCH_AGE_NS) is None
    assert len(closed(gatherer, 100 + BATCH_AGE_NS)) == 1
    assert gatherer.waiting == 0
    assert gatherer.next_ns() is None


def test_the_first_batches_of_a_life_that_can_be_sent_close_at_once() -> None:
    gatherer = Gatherer(trusted(), Counter())
    for number in range(FIRST_BATCHES):
        gatherer.add("level", sample(2 * number), 2 * number)
        assert gatherer.close(2 * number, sending=False) is None
        assert gatherer.next_ns(sending=False) == 2 * number + GROWN_AGE_NS
        assert gatherer.next_ns() == 2 * number
        assert len(closed(gatherer, 2 * number)) == 1
    gatherer.add("level", sample(100), 100)
    assert gatherer.next_ns() == 100 + BATCH_AGE_NS
    assert gatherer.close(100) is None


def test_a_first_batch_that_grew_without_a_link_is_still_a_first_one() -> None:
    """What is closed while nothing can be sent was not heard by anybody."""
    gatherer = grown(GROWN_READINGS)
    assert gatherer.close(GROWN_AGE_NS, sending=False) is not None
    for _ in range(FIRST_BATCHES):
        gatherer.add("level", sample(GROWN_AGE_NS), GROWN_AGE_NS)
        assert len(closed(gatherer, GROWN_AGE_NS)) == 1


def grown(count: int) -> Gatherer:
    gatherer = Gatherer(trusted(), Counter())
    for number in range(count):
        gatherer.add("level", sample(number), number)
    return gatherer


def test_while_none_can_be_sent_the_open_batch_grows_to_300_readings_or_30_s() -> None:
    gatherer = grown(GROWN_READINGS - 1)
    assert gatherer.close(GROWN_AGE_NS - 1, sending=False) is None
    assert gatherer.next_ns(sending=False) == GROWN_AGE_NS
    gatherer.add("level", sample(999), GROWN_AGE_NS - 1)
    batch = gatherer.close(GROWN_AGE_NS - 1, sending=False)
    assert isinstance(batch, Gathered)
    assert (len(batch.readings), batch.since_ns) == (GROWN_READINGS, 0)
    gatherer.add("level", sample(1_000), 7)
    assert gatherer.close(GROWN_AGE_NS + 6, sending=False) is None
    assert gatherer.close(GROWN_AGE_NS + 7, sending=False) is not None


def test_as_soon_as_it_can_be_sent_a_grown_batch_closes_whole() -> None:
    gatherer = grown(200)
    assert gatherer.close(200, sending=False) is None
    batch = gatherer.close(200, sending=True)
    assert batch is not None
    assert len(batch.readings) == 200


def test_a_slow_link_gets_short_batches_and_the_rest_goes_on_growing() -> None:
    gatherer = grown(100)
    batch = gatherer.close(100, sending=True, max_bytes=1_000)
    assert batch is not None
    body = encode_batch(Batch(device="b" * 32, stream="0" * 16, batch=10**9, readings=batch.readings))
    assert 700 < len(body) <= 1_000
    assert gatherer.close(100, sending=False) is None
    assert gatherer.waiting == 100 - len(batch.readings)
    smallest = gatherer.close(100, sending=True, max_bytes=1)
    assert smallest is not None
    assert len(smallest.readings) == 1, "one reading always makes a batch"


def test_no_batch_is_longer_than_its_bytes_whatever_its_readings_are() -> None:
    gatherer = Gatherer(trusted(), Counter())
    fields: dict[str, FieldValue] = {f"text_{number}": "x" * 256 for number in range(30)}
    for number in range(50):
        gatherer.add("wide", Sample("text", fields, number, None), number)
    sizes = []
    while (batch := gatherer.close(100, sending=False)) is not None:
        sizes.append(len(encode_batch(Batch(device="b", stream="0" * 16, batch=1, readings=batch.readings))))
    assert len(sizes) == 4
    assert max(sizes) <= BATCH_BYTES < MAX_BATCH_BYTES / 2


def test_many_samples_of_one_moment_have_a_timestamp_each() -> None:
    gatherer = Gatherer(trusted(), Counter())
    for _ in range(5):
        gatherer.add("level", sample(7), 7)
    readings = closed(gatherer, 7 + BATCH_AGE_NS)
    assert [reading["timestamp_ns"] for reading in readings] == [NOW + 7 + number for number in range(5)]


def test_a_receiver_that_goes_back_some_seconds_doubles_no_timestamp() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(trusted(), dropped)
    for second in (1, 2, 3, 1, 2, 3, 4):
        gatherer.add("gps", sample(second, NOW + second * S), second)
    readings = closed(gatherer, 10 * S)
    assert [reading["timestamp_ns"] for reading in readings] == [NOW + second * S for second in (1, 2, 3, 4)]
    assert dropped == {"same time twice": 3}


def test_the_sources_own_time_is_kept_and_never_doubled() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(trusted(), dropped)
    gatherer.add("gps", sample(0, NOW + 7), 0)
    gatherer.add("gps", sample(1, NOW + 7), 1)
    gatherer.add("gps-2", sample(1, NOW + 7), 1)
    first, second = closed(gatherer, BATCH_AGE_NS)
    assert (first["timestamp_ns"], first["clock"]) == (NOW + 7, "gnss")
    assert second["sensor"] == "gps-2"
    assert dropped == {"same time twice": 1}
    assert gatherer.produced == 3


def test_a_rolled_over_receiver_is_stamped_by_the_box() -> None:
    gatherer = Gatherer(trusted(), Counter())
    gatherer.add("gps", sample(2 * S, EARLIEST_NS - 1024 * 7 * 86_400 * S), 2 * S)
    (only,) = closed(gatherer, 4 * S)
    assert (only["timestamp_ns"], only["clock"]) == (NOW + 2 * S, "ntp")


def test_stamped_readings_of_one_moment_move_apart() -> None:
    gatherer = Gatherer(trusted(), Counter())
    gatherer.add("level", sample(5), 5)
    gatherer.add("level", sample(5), 5)
    first, second = closed(gatherer, 2 * S)
    assert second["timestamp_ns"] == first["timestamp_ns"] + 1


def test_held_until_the_clock_is_trusted_then_stamped_with_their_true_moment() -> None:
    clock = Clock(0, 0)
    gatherer = Gatherer(clock, Counter(), first_batches=0)
    gatherer.add("level", sample(3 * S), 3 * S)
    assert gatherer.close(60 * S) is None
    assert gatherer.next_ns() == 3 * S + HOLD_NS
    clock.tell("centre", NOW, 60 * S)
    assert gatherer.close(60 * S) is None
    (only,) = closed(gatherer, 62 * S)
    assert (only["timestamp_ns"], only["clock"]) == (NOW - 57 * S, "centre")


def test_after_ten_minutes_they_go_out_flagged() -> None:
    gatherer = Gatherer(Clock(0, 0), Counter())
    gatherer.add("level", sample(3 * S), 3 * S)
    (only,) = closed(gatherer, 3 * S + HOLD_NS, flush=True)
    assert (only["timestamp_ns"], only["clock"]) == (EARLIEST_NS + 3 * S, "none")


def test_memory_for_held_readings_is_bounded_and_counted() -> None:
    dropped: Counter[str] = Counter()
    gatherer = Gatherer(Clock(0, 0), dropped)
    for number in range(HOLD_READINGS + 5):
        gatherer.add("level", sample(number), number)
    assert gatherer.waiting == HOLD_READINGS
    assert dropped == {"no trusted clock, memory full": 5}
    assert gatherer.produced == gatherer.waiting + 5


# --- a clock that jumps

YEARS = 10 * 365 * 86_400 * S
JUMPS = (0, S, -S, 40 * S, -40 * S, 86_400 * S, -86_400 * S, YEARS, -YEARS)


def drained(gatherer: Gatherer, now_ns: int, *, flush: bool = False) -> list[Reading]:
    readings: list[Reading] = []
    while (batch := gatherer.close(now_ns, flush=flush)) is not None:
        readings += batch.readings
    return readings


@pytest.mark.parametrize("jump_ns", [YEARS, -YEARS])
def test_a_jump_of_ten_years_and_back_loses_nothing_and_keeps_the_order(jump_ns: int) -> None:
    """FAULTS 28: the clock steps back."""
    true_ns = NOW + 2 * YEARS
    clock, dropped = Clock(0, 0), Counter[str]()
    gatherer = Gatherer(clock, dropped)
    came: list[Reading] = []
    for number in range(300):
        now_ns = number * S // 2
        for moment, off_ns in ((20, 0), (100, jump_ns), (200, 0)):
            if number == moment:
                clock.tell("ntp", true_ns + now_ns + off_ns, now_ns)
        gatherer.add("level", Sample("water_level", {"level_m": float(number)}, now_ns, None), now_ns)
        came += drained(gatherer, now_ns)
    came += drained(gatherer, 300 * S, flush=True)
    assert [reading["fields"]["level_m"] for reading in came] == list(range(300))
    assert len({reading["timestamp_ns"] for reading in came}) == 300
    assert {reading["clock"] for reading in came} == {"ntp"}, "those held got their true moment"
    assert came[0]["timestamp_ns"] == true_ns
    assert came[150]["timestamp_ns"] == true_ns + 75 * S + jump_ns
    assert came[299]["timestamp_ns"] == true_ns + 299 * S // 2
    assert not dropped


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("sample"), st.integers(0, 3 * S)),
            st.tuples(st.sampled_from(["centre", "gnss", "ntp"]), st.sampled_from(JUMPS)),
            st.tuples(st.just("wait"), st.integers(0, HOLD_NS)),
        ),
        max_size=60,
    )
)
def test_whatever_the_clock_is_told_nothing_is_lost_doubled_or_out_of_order(events: list[tuple[str, int]]) -> None:
    clock, dropped = Clock(0, 0), Counter[str]()
    gatherer = Gatherer(clock, dropped)
    now_ns = numbers = 0
    came: list[Reading] = []
    for what, value in events:
        if what == "wait":
            now_ns += value
        elif what == "sample":
            now_ns += value
            gatherer.add("level", Sample("water_level", {"level_m": float(numbers)}, now_ns, None), now_ns)
            numbers += 1
        else:
            clock.tell(what, NOW + YEARS + now_ns + value, now_ns)  # type: ignore[arg-type]  # a source
            continue  # as a receiver does, whose own sample is next
        came += drained(gatherer, now_ns)
        assert gatherer.produced == len(came) + gatherer.waiting
    came += drained(gatherer, now_ns, flush=True)
    assert [reading["fields"]["level_m"] for reading in came] == list(range(numbers))
    assert len({reading["timestamp_ns"] for reading in came}) == numbers
    assert all(reading["timestamp_ns"] >= EARLIEST_NS for reading in came)
    assert not dropped


def test_lives_whom_nobody_tells_the_time_flag_their_readings_and_share_no_timestamp() -> None:
    """FAULTS 27: the clock stands at 1970 at each boot; readings go out flagged after ten minutes, never dropped."""
    left = None
    came: list[Reading] = []
    for life in range(5):
        clock, reservation = Clock(17 * S, 0), Reservation(f"{life:016x}", f"boot-{life}", 0)
        reservation.heard(left)
        if left is not None:
            clock.raise_floor(left.floor_ns)
        gatherer = Gatherer(clock, Counter())
        for second in range(660 + 7 * life):
            now_ns = second * S
            record = reservation.due(clock, now_ns)
            if record is not None:
                left = record
                reservation.kept(record, trusted=False)
            gatherer.add("level", sample(now_ns), now_ns)
            came += drained(gatherer, now_ns)
        assert gatherer.waiting >= 600  # held; the power is cut here
    assert len(came) >= 5 * 60
    assert {reading["clock"] for reading in came} == {"none"}
    times = [reading["timestamp_ns"] for reading in came]
    assert times == sorted(set(times))
    assert times[0] >= EARLIEST_NS
    assert times[-1] < EARLIEST_NS + 5 * (700 + 660) * S + AHEAD_LEAST_NS
