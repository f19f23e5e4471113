"""The batcher: size, bytes, messages, age, quiet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.batcher import Batcher, Limits, Piece

LIMITS = Limits(lines=10, size_bytes=100, messages=5, age_s=0.1, quiet_s=0.02)


def _piece(owner: int, count: int = 1, size: int = 1) -> Piece[int]:
    return Piece(owner, b"x" * size, count)


def test_nothing_is_due_while_nothing_waits() -> None:
    assert Batcher[int](LIMITS).due_in_s(0.0) is None


def test_a_line_goes_when_nothing_more_comes() -> None:
    batcher = Batcher[int](LIMITS)
    assert batcher.add(_piece(1), 1.0)
    assert round(batcher.due_in_s(1.0) or 0, 6) == 0.02
    assert batcher.due_in_s(1.03) == 0.0


def test_a_line_never_waits_longer_than_its_age() -> None:
    batcher = Batcher[int](Limits(lines=1_000, size_bytes=10_000, messages=1_000, age_s=0.1, quiet_s=0.02))
    for number in range(10):
        batcher.add(_piece(number), number * 0.01)
    assert round(batcher.due_in_s(0.09) or 0, 6) == 0.01
    assert batcher.due_in_s(0.1) == 0.0


def test_full_by_lines_by_bytes_or_by_messages_goes_at_once() -> None:
    for pieces in ([_piece(1, count=10)], [_piece(1, size=100)], [_piece(n) for n in range(5)]):
        batcher = Batcher[int](LIMITS)
        told = [batcher.add(piece, 1.0) for piece in pieces]
        assert told[0]
        assert told[-1]
        assert batcher.due_in_s(1.0) == 0.0


def test_one_message_larger_than_a_body_goes_alone() -> None:
    batcher = Batcher[int](LIMITS)
    batcher.add(_piece(1, count=50, size=500), 1.0)
    batcher.add(_piece(2), 1.0)
    assert [piece.owner for piece in batcher.take()] == [1]
    assert [piece.owner for piece in batcher.take()] == [2]
    assert batcher.take() == []


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 120)), max_size=40))
def test_everything_comes_out_once_in_order_within_the_limits(sizes: list[tuple[int, int]]) -> None:
    batcher = Batcher[int](LIMITS)
    for owner, (count, size) in enumerate(sizes):
        batcher.add(_piece(owner, count, size), 1.0)
    out: list[int] = []
    while batcher.messages:
        body = batcher.take()
        assert len(body) <= LIMITS.messages
        if len(body) > 1:
            assert sum(piece.count for piece in body) <= LIMITS.lines
            assert sum(len(piece.lines) + 1 for piece in body) <= LIMITS.size_bytes
        out += [piece.owner for piece in body]
    assert out == list(range(len(sizes)))
    assert batcher.waiting_lines == batcher.waiting_bytes == 0
