"""The floor of a clock that nobody sets: lives one after the other, in virtual time, and none uses a time twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.clock_floor import (
    AHEAD_LEAST_NS,
    AHEAD_MOST_NS,
    MARGIN_NS,
    STORED_AHEAD_NS,
    LifeRecord,
    Reservation,
)
from edge_agent.life_keeper import LOOK_S

S = 10**9
DAY = 86_400 * S
YEAR = 365 * DAY
NOW = EARLIEST_NS + 2 * YEAR
LOOK = 5 * S


class Box:
    """A card and the lives on it; `cut` and `stop` end one."""

    def __init__(self) -> None:
        self.card: LifeRecord | None = None
        self.card_refuses = False
        self.writes = 0
        self.begin(0)

    def begin(self, wall_ns: int) -> None:
        self.now_ns = 1_000 * S  # the monotonic clock is another with each boot
        self.clock = Clock(wall_ns, self.now_ns)
        self.reservation = Reservation("0" * 16, "boot", self.now_ns)
        self.reservation.heard(self.card)
        if self.card is not None:
            self.clock.raise_floor(self.card.floor_ns)
        self.first_ns = self.time_ns
        self.look()

    @property
    def time_ns(self) -> int:
        return self.clock.time_ns(self.now_ns)

    def look(self) -> None:
        trusted = self.clock.trusted
        record = self.reservation.due(self.clock, self.now_ns)
        if record is not None and not self.card_refuses:
            self.writes += 1
            self.card = record
            self.reservation.kept(record, trusted=trusted)

    def live(self, lasting_ns: int) -> tuple[int, int]:
        """Return the first and last time of this stretch."""
        first_ns = self.time_ns
        for _ in range(lasting_ns // LOOK):
            self.now_ns += LOOK
            self.look()
        self.now_ns += lasting_ns % LOOK
        return first_ns, self.time_ns

    def stop(self) -> None:
        self.card = self.reservation.last(self.clock, self.now_ns, clean=True)


def test_a_box_that_nobody_ever_told_the_time_never_says_1970_nor_a_time_twice() -> None:
    box = Box()
    lives = []
    for wall_ns in (0, 17 * S, 0, 3_600 * S):
        box.begin(wall_ns)
        lives.append(box.live(40 * 60 * S))
    assert lives[0][0] >= EARLIEST_NS
    assert all(before[1] < after[0] for before, after in pairwise(lives))


def test_after_a_stop_the_time_goes_on_where_it_ended() -> None:
    box = Box()
    _, last_ns = box.live(3_600 * S)
    box.stop()
    box.begin(0)
    assert 0 < box.time_ns - last_ns <= 1


def test_after_a_trusted_life_the_time_counts_from_its_bound() -> None:
    box = Box()
    box.clock.tell("ntp", NOW, box.now_ns)
    _, last_ns = box.live(2 * 3_600 * S)
    box.begin(0)
    assert last_ns < box.time_ns <= last_ns + AHEAD_MOST_NS + LOOK


def test_a_wall_clock_that_is_later_counts() -> None:
    box = Box()
    box.live(60 * S)
    box.begin(NOW)
    assert box.time_ns == NOW


def test_power_cuts_each_30_s_do_not_run_into_the_future() -> None:
    box = Box()
    began_ns = box.time_ns
    for _ in range(100):
        box.live(30 * S)
        box.begin(0)
    assert box.time_ns - began_ns == 100 * AHEAD_LEAST_NS


def test_ten_years_ahead_is_followed_only_until_somebody_tells_the_time() -> None:
    box = Box()
    box.clock.tell("ntp", NOW + 10 * YEAR, box.now_ns)
    box.live(60 * S)
    box.begin(0)
    assert box.time_ns > NOW + 10 * YEAR, "nobody knows better"
    box.live(3_600 * S)  # an untrusted life reserves there as well
    box.clock.tell("centre", NOW, box.now_ns)
    _, last_ns = box.live(60 * S)
    box.begin(0)
    assert last_ns < box.time_ns < NOW + 3_600 * S


def test_a_wrong_time_put_right_within_a_life_is_put_right_on_the_card_within_one_look() -> None:
    box = Box()
    box.clock.tell("ntp", NOW + 10 * YEAR, box.now_ns)
    box.live(LOOK)
    box.clock.tell("ntp", NOW, box.now_ns)
    box.live(LOOK)
    assert box.card is not None
    assert box.card.floor_ns < NOW + AHEAD_MOST_NS


@pytest.mark.parametrize(("ahead_ns", "kept"), [(STORED_AHEAD_NS - 120 * S, True), (STORED_AHEAD_NS + 60 * S, False)])
def test_an_untrusted_bound_that_may_be_in_the_store_outlives_the_true_time(ahead_ns: int, kept: bool) -> None:
    box = Box()
    assert box.card is not None
    box.card = replace(box.card, untrusted_until_ns=NOW + ahead_ns)
    box.begin(0)
    untrusted_ns = box.time_ns
    box.clock.tell("centre", NOW, box.now_ns)
    box.live(LOOK)
    box.begin(0)
    assert (box.time_ns >= untrusted_ns) == kept


def test_a_life_that_could_not_reserve_is_known() -> None:
    box = Box()
    assert box.reservation.stands
    box.card_refuses = True
    box.begin(0)
    box.live(600 * S)
    assert not box.reservation.stands


def test_nothing_is_written_before_the_card_told_what_is_there() -> None:
    reservation, clock = Reservation("0" * 16, "boot", 0), Clock(0, 0)
    assert reservation.due(clock, S) is None
    assert reservation.last(clock, S, clean=True) is None
    reservation.heard(None)
    assert reservation.due(clock, S) is not None


@pytest.mark.parametrize("trusted", [True, False])
def test_a_day_costs_some_fifty_writes(trusted: bool) -> None:
    box = Box()
    if trusted:
        box.clock.tell("ntp", NOW, box.now_ns)
    box.live(DAY)
    assert 48 <= box.writes <= 60


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 17 * S, NOW, NOW - 3 * DAY]),
            st.integers(0, 3 * 3_600),
            st.sampled_from(["cut", "stop"]),
            st.one_of(st.none(), st.integers(0, 3_600)),
        ),
        max_size=8,
    )
)
def test_no_two_lives_use_a_time_twice(lives: list[tuple[int, int, str, int | None]]) -> None:
    """True times rise by themselves; what is claimed is that untrusted ones, in between, never meet any."""
    box = Box()
    true_ns = NOW + DAY
    used: list[tuple[int, int]] = []
    for wall_ns, lasting_s, end, told_after_s in lives:
        box.begin(wall_ns)
        if told_after_s is not None and told_after_s < lasting_s:
            used.append(box.live(told_after_s * S))
            true_ns = max(true_ns + told_after_s * S, box.time_ns)  # the box was never ahead of the truth
            box.clock.tell("centre", true_ns, box.now_ns)
            box.look()
            used.append(box.live((lasting_s - told_after_s) * S))
        else:
            used.append(box.live(lasting_s * S))
        true_ns = max(true_ns + lasting_s * S, box.time_ns) + 60 * S
        if end == "stop":
            box.stop()
    assert all(first_ns >= EARLIEST_NS for first_ns, _ in used)
    assert all(before[1] <= after[0] for before, after in pairwise(used))


def test_an_agent_killed_again_and_again_within_a_boot_does_not_run_into_the_future() -> None:
    box = Box()
    began_ns = box.time_ns
    box.live(3_600 * S)
    for _ in range(200):
        now_ns, anchor = box.now_ns, box.clock.anchor
        box.begin(0)
        box.now_ns = now_ns + 5 * S
        box.clock = Clock(0, box.now_ns)
        box.clock.resume(anchor)
        assert box.card is not None
        assert not box.clock.raise_floor(box.card.floor_ns)
        box.look()
    assert box.time_ns - began_ns == (3_600 + 1_000) * S
    assert box.card is not None
    assert box.card.floor_ns > box.time_ns


@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_reserved_never_runs_out(trusted: bool) -> None:
    box = Box()
    if trusted:
        box.clock.tell("ntp", NOW, box.now_ns)
        box.look()
    for _ in range(2_000):
        box.live(LOOK)
        assert box.card is not None
        assert box.card.floor_ns - box.time_ns >= MARGIN_NS


def test_a_renewal_is_in_time_though_one_look_and_a_slow_card_lie_between() -> None:
    assert LOOK_S * S <= LOOK
    assert LOOK + 15 * S < MARGIN_NS
