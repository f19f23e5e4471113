from __future__ import annotations

from edge_agent.drivers.garbled import GARBLED_AT, MOST, LineJudge


def test_garbled_from_twenty_on_until_good_ones_made_up_for_all() -> None:
    judge = LineJudge(10)
    for _ in range(GARBLED_AT - 1):
        judge.bad()
    assert not judge.garbled
    judge.bad()
    assert judge.garbled
    for _ in range(GARBLED_AT - 1):
        judge.good()
    assert judge.garbled
    judge.good()
    assert not judge.garbled


def test_the_worst_line_is_well_again_after_forty_good_ones() -> None:
    judge = LineJudge(1)
    judge.garbage(1_000_000)
    for _ in range(MOST - 1):
        judge.good()
    assert judge.garbled
    judge.good()
    assert not judge.garbled


def test_many_good_ones_earn_no_credit() -> None:
    judge = LineJudge(1)
    for _ in range(1_000):
        judge.good()
    judge.garbage(GARBLED_AT)
    assert judge.garbled


def test_garbage_counts_by_the_frame_however_it_is_split() -> None:
    judge = LineJudge(7)
    for _ in range(GARBLED_AT * 7 - 1):
        judge.garbage(1)
    assert not judge.garbled
    judge.garbage(1)
    assert judge.garbled


def test_sense_begins_anew() -> None:
    judge = LineJudge(1)
    judge.garbage(MOST)
    judge.sense()
    assert not judge.garbled
    judge.garbage(GARBLED_AT - 1)
    assert not judge.garbled
