"""The batcher: size, bytes, messages, age, quiet, and a load a connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.batcher import Batcher, Limits
from collector.order import Arrivals, Load

LIMITS = Limits(lines=10, size_bytes=100, messages=5, age_s=0.1, quiet_s=0.02)


def _add(
    batcher: Batcher, arrivals: Arrivals, now_s: float, *, messages: int = 1, lines: int = 1, size_bytes: int = 1
) -> tuple[Load, bool]:
    load = batcher.open(arrivals, now_s)
    load.packet_ids += range(messages)
    return load, batcher.added(lines, size_bytes, now_s)


def test_nothing_is_due_while_nothing_waits() -> None:
    batcher = Batcher(LIMITS)
    assert batcher.due_in_s(0.0) is None
    assert batcher.take() is None


def test_a_load_goes_when_nothing_more_comes() -> None:
    batcher, arrivals = Batcher(LIMITS), Arrivals()
    load, look = _add(batcher, arrivals, 1.0)
    assert look, "whoever waits must learn when it is due"
    assert not _add(batcher, arrivals, 1.0)[1]
    assert round(batcher.due_in_s(1.0) or 0, 6) == 0.02
    assert batcher.due_in_s(1.03) == 0.0
    assert batcher.take() is load
    assert batcher.due_in_s(1.03) is None


def test_a_message_never_waits_longer_than_its_age() -> None:
    batcher, arrivals = Batcher(Limits(age_s=0.1, quiet_s=0.02)), Arrivals()
    for number in range(10):
        _add(batcher, arrivals, number * 0.01)
    assert round(batcher.due_in_s(0.09) or 0, 6) == 0.01
    assert batcher.due_in_s(0.1) == 0.0


def test_full_by_lines_by_bytes_or_by_messages_goes_at_once_and_the_next_load_begins() -> None:
    for full in ({"lines": 10}, {"size_bytes": 100}, {"messages": 5}):
        batcher, arrivals = Batcher(LIMITS), Arrivals()
        first, look = _add(batcher, arrivals, 1.0, **full)
        assert look
        assert batcher.due_in_s(1.0) == 0.0
        second, _ = _add(batcher, arrivals, 1.0)
        assert second is not first
        assert batcher.take() is first
        assert round(batcher.due_in_s(1.0) or 0, 6) == 0.02


def test_limits_may_be_set_anew() -> None:
    batcher, arrivals = Batcher(LIMITS), Arrivals()
    batcher.limits = Limits(messages=1)
    _add(batcher, arrivals, 1.0)
    assert batcher.due_in_s(1.0) == 0.0


def test_a_load_holds_messages_of_one_connection() -> None:
    batcher, old, new = Batcher(LIMITS), Arrivals(), Arrivals()
    first, _ = _add(batcher, old, 1.0)
    second, _ = _add(batcher, new, 1.0)
    assert list(old.waiting) == [first]
    assert list(new.waiting) == [second]
    assert batcher.due_in_s(1.0) == 0.0, "nothing is added to the old one any more"
    assert [batcher.take(), batcher.take()] == [first, second]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12), st.integers(1, 120)), max_size=40))
def test_everything_comes_out_once_in_order_and_no_load_grows_once_it_is_full(
    reads: list[tuple[int, int, int]],
) -> None:
    batcher, arrivals = Batcher(LIMITS), Arrivals()
    for messages, lines, size_bytes in reads:
        _add(batcher, arrivals, 1.0, messages=messages, lines=lines, size_bytes=size_bytes)
    loads = list(iter(batcher.take, None))
    assert loads == list(arrivals.waiting)
    assert sum(load.lines for load in loads) == sum(lines for _, lines, _ in reads)
    assert sum(load.size_bytes for load in loads) == sum(size_bytes for _, _, size_bytes in reads)
    assert [one for load in loads for one in load.packet_ids] == [
        one for messages, _, _ in reads for one in range(messages)
    ]
    for load in loads:
        assert load.lines < LIMITS.lines + 12
        assert load.size_bytes < LIMITS.size_bytes + 120
        assert len(load.packet_ids) < LIMITS.messages + 4
