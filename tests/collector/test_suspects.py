"""Series that the store refused lately: written apart, forgotten in time, never more than their bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.suspects import Suspects, series_of

LIMIT = "partial write: max-series-per-database limit exceeded: (5) dropped=1"


def test_a_series_is_measurement_and_tags() -> None:
    assert series_of(b"m,device=a b=1 5") == b"m,device=a"
    assert series_of(rb"m\ x,device=a\ b b=1 5") == rb"m\ x,device=a\ b"
    assert series_of(b"junk") == b"junk"


def test_lines_of_refused_series_are_apart_and_all_lines_are_somewhere() -> None:
    suspects = Suspects()
    assert not suspects
    suspects.note(b"m,device=a f=1 1", LIMIT, 0.0)
    parts = [(0, b"m,device=a f=1 2\nm,device=b f=1 2\nm,device=a f=1 3", 3), (1, b"m,device=b f=1 4", 1)]
    others, apart = suspects.apart([*parts, (2, b"m,device=a f=1 5", 1)])
    assert others == [(0, b"m,device=b f=1 2", 1), (1, b"m,device=b f=1 4", 1)]
    assert apart == [(0, b"m,device=a f=1 2\nm,device=a f=1 3", 2), (2, b"m,device=a f=1 5", 1)]
    suspects.clear(apart)
    assert not suspects


def test_a_series_is_forgotten_in_time_and_a_new_refusal_counts_anew() -> None:
    suspects = Suspects(forget_after_s=10)
    suspects.note(b"a f=1 1", LIMIT, 0.0)
    suspects.note(b"b f=1 1", LIMIT, 5.0)
    suspects.note(b"a f=1 2", LIMIT, 6.0)
    suspects.forget(14.9)
    assert len(suspects) == 2
    suspects.forget(15.0)
    assert suspects.apart([(0, b"a f=1 1\nb f=1 1", 2)]) == ([(0, b"b f=1 1", 1)], [(0, b"a f=1 1", 1)])
    suspects.forget(16.0)
    assert not suspects


def test_the_oldest_goes_when_there_are_too_many() -> None:
    suspects = Suspects(max_series=3)
    for number in range(5):
        suspects.note(b"s%d f=1 1" % number, LIMIT, 0.0)
    assert len(suspects) == 3
    assert suspects.apart([(0, b"s1 f=1 1", 1), (1, b"s2 f=1 1", 1)])[1] == [(1, b"s2 f=1 1", 1)]


def test_only_a_limit_of_series_is_told_to_people() -> None:
    suspects = Suspects()
    suspects.note(b"a f=1 1", "field type conflict", 0.0)
    assert suspects.series_limit(0.0) is None
    suspects.note(b"b f=1 1", LIMIT, 0.0)
    told = suspects.series_limit(1.0)
    assert told is not None
    assert "1 refused" in told
    assert LIMIT in told
    assert suspects.series_limit(600.0) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30), st.sets(st.integers(0, 5)))
def test_apart_keeps_each_line_once(points: list[tuple[int, int]], refused: set[int]) -> None:
    suspects = Suspects()
    for number in refused:
        suspects.note(b"s%d f=1 1" % number, LIMIT, 0.0)
    parts = [(place, b"s%d f=1 1\ns%d f=1 2" % (first, second), 2) for place, (first, second) in enumerate(points)]
    split = suspects.apart(parts)
    told = sorted((place, line) for side in split for place, body, _ in side for line in body.split(b"\n"))
    assert told == sorted((place, line) for place, body, _ in parts for line in body.split(b"\n"))
    assert all(body.count(b"\n") + 1 == count for side in split for _, body, count in side)
