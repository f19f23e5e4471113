"""Faults as a state: since when, still, and over."""

from __future__ import annotations

from edge_agent.faults import MOST_CLEARED, MOST_FAULTS, Fault, FaultBoard


def test_a_fault_begins_once_lasts_and_is_over() -> None:
    board = FaultBoard()
    began, over = board.update({"sensor gps": "line lost: 1"}, 10)
    assert began == [Fault("sensor gps", "line lost: 1", 10)]
    assert over == []
    assert board.update({"sensor gps": "line lost: 2"}, 20) == ([], []), "the same reason in other words"
    assert board.now == [Fault("sensor gps", "line lost: 2", 10)]
    began, over = board.update({}, 30)
    assert began == []
    assert over == board.cleared == [Fault("sensor gps", "line lost: 2", 10, 30)]
    assert board.now == []


def test_another_reason_is_another_fault() -> None:
    board = FaultBoard()
    board.update({"sensor gps": "line lost: 1"}, 10)
    began, over = board.update({"sensor gps": "garbled: 1"}, 20)
    assert [fault.words for fault in began] == ["garbled: 1"]
    assert [fault.words for fault in over] == ["line lost: 1"]
    assert board.now[0].since_ns == 20


def test_the_longest_comes_first_and_all_is_bounded() -> None:
    board = FaultBoard()
    board.update({"b": "x"}, 1)
    board.update({"b": "x", "a": "x"}, 2)
    assert [fault.what for fault in board.now] == ["b", "a"]
    for number in range(10):
        board.update({f"{number} {each}": "x" for each in range(2 * MOST_FAULTS)}, number)
        assert len(board.now) == MOST_FAULTS
        assert len(board.cleared) <= MOST_CLEARED
