"""The board's clock mapped to ours: never wrong by more than it says, over drift, wraps and restarts."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.board_clock import DRIFT, TRANSIT_NS, BoardClock

MS = 1_000_000


@pytest.mark.parametrize("drift", [-0.005, 0.0, 0.005])
@pytest.mark.parametrize("begin_ms", [0, 2**32 - 20_000])
@pytest.mark.parametrize("answers", [1, 3, 0])  # one in so many beats answers a ping; 0: none does
def test_a_moment_is_wrong_by_no_more_than_it_says(drift: float, begin_ms: int, answers: int) -> None:
    draw, clock = random.Random(1), BoardClock()

    def board_ms(now_ns: int) -> int:
        return (begin_ms + int((now_ns - 10**12) * (1 + drift) / MS)) % 2**32

    now_ns, worst_ns = 10**12, 0
    for turn in range(200):
        sent_ns = now_ns
        said_ns = sent_ns + draw.randrange(1 * MS, 8 * MS)
        heard_ns = said_ns + draw.randrange(2 * MS, 30 * MS)
        clock.heard(board_ms(said_ns), heard_ns, sent_ns=sent_ns if answers and turn % answers == 0 else None)
        happened_ns = heard_ns + draw.randrange(500 * MS)
        told_ns = happened_ns + draw.randrange(400 * MS)
        age_ms = (board_ms(told_ns) - board_ms(happened_ns)) % 2**32
        found = clock.monotonic_ns(board_ms(told_ns), age_ms, told_ns)
        assert found is not None
        moment_ns, error_ns = found
        assert abs(moment_ns - happened_ns) <= error_ns
        worst_ns = max(worst_ns, error_ns)
        now_ns = heard_ns + 1_000 * MS
    assert clock.restarts == 0
    # Without an answer the error is honest, and grows.
    assert worst_ns < (70 * MS if answers else TRANSIT_NS + 200 * 1_040 * MS * DRIFT)


def test_a_board_that_starts_anew_is_mapped_anew() -> None:
    clock = BoardClock()
    clock.heard(100_000, 10**12, sent_ns=10**12 - 5 * MS)
    clock.heard(40, 10**12 + 1_000 * MS, sent_ns=10**12 + 995 * MS)
    assert clock.restarts == 1
    found = clock.monotonic_ns(50, 0, 10**12 + 1_010 * MS)
    assert found is not None
    assert abs(found[0] - (10**12 + 1_008 * MS)) <= found[1]


def test_a_clock_that_went_back_is_found_without_an_answer_too() -> None:
    clock = BoardClock()
    clock.heard(100_000, 10**12, sent_ns=10**12 - 5 * MS)
    clock.heard(40, 10**12 + 1_000 * MS)
    assert clock.restarts == 1


def test_a_frame_that_was_long_on_its_way_moves_nothing() -> None:
    clock = BoardClock()
    clock.heard(1_000, 10**12, sent_ns=10**12 - 4 * MS)
    before = clock.monotonic_ns(1_000, 0, 10**12)
    clock.heard(2_000, 10**12 + 9_000 * MS)
    after = clock.monotonic_ns(1_000, 0, 10**12 + 9_000 * MS)
    assert before is not None
    assert after is not None
    assert abs(after[0] - before[0]) <= after[1]
    assert clock.restarts == 0


def test_of_a_board_that_was_never_heard_nothing_is_known() -> None:
    assert BoardClock().monotonic_ns(1, 0, 2) is None
