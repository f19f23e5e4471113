"""The index of what is only on the disk: its order, and what is busy."""

from __future__ import annotations

import tracemalloc

from edge_agent.backlog import Backlog, Row
from edge_agent.batch_commands import Key


def key(number: int) -> Key:
    return ("00000000000000aa", number)


def filled(count: int) -> Backlog:
    backlog = Backlog()
    for number in range(count):
        backlog.append(key(number), Row(1, 100))
    return backlog


def drained(backlog: Backlog) -> list[int]:
    order = []
    while (oldest := backlog.oldest()) is not None:
        order.append(oldest[1])
        backlog.pop(oldest)
    return order


def test_oldest_first_and_what_was_removed_is_passed_over() -> None:
    backlog = filled(6)
    backlog.pop(key(0))
    backlog.pop(key(3))
    assert backlog.pop(key(3)) is None
    assert len(backlog) == 4
    assert drained(backlog) == [1, 2, 4, 5]


def test_what_is_put_back_comes_first_in_its_order() -> None:
    backlog = filled(5)
    taken = [(key(number), backlog.pop(key(number))) for number in (0, 1)]
    backlog.put_back([(one, row) for one, row in taken if row is not None])
    assert drained(backlog) == [0, 1, 2, 3, 4]


def test_what_the_disk_is_changing_is_not_loaded_and_not_taken_twice() -> None:
    backlog = filled(5)
    assert backlog.take_whole(2) == [key(0), key(1)]
    assert backlog.oldest() is None
    assert backlog.take_oldest(2) == []
    assert backlog.take_whole(2) == [key(2), key(3)]
    backlog.release([key(0), key(1), key(2), key(3)])
    assert backlog.take_whole(3) == [key(0), key(1), key(2)], "nothing came of it: they are taken again"
    for number in range(3):
        backlog[key(number)].thinned = True
    backlog.release([key(0), key(1), key(2)])
    assert backlog.take_whole(9) == [key(3), key(4)], "once thinned, never again"


def test_what_may_have_been_sent_is_not_taken_as_whole() -> None:
    backlog = Backlog()
    for number in range(4):
        backlog.append(key(number), Row(1, 100, sent=number == 1, thinned=number == 2))
    assert backlog.take_whole(9) == [key(0), key(3)]
    backlog.release([key(0), key(3)])
    assert backlog.take_oldest(3) == [key(0), key(1), key(2)]
    backlog.release([key(0), key(1), key(2)])
    assert drained(backlog) == [0, 1, 2, 3]


def test_cleared_it_is_empty() -> None:
    backlog = filled(3)
    assert len(backlog.clear()) == 3
    assert (len(backlog), backlog.oldest(), backlog.take_whole(1)) == (0, None, [])


def test_what_came_and_went_over_years_leaves_nothing() -> None:
    backlog = filled(50)
    tracemalloc.start()
    for number in range(50, 30_050):
        backlog.append(key(number), Row(1, 100))
        backlog.pop(key(number))
    left_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left_bytes < 500_000
    assert backlog.take_whole(2) == [key(0), key(1)], "the order is what it was"
    backlog.release([key(0), key(1)])
    assert drained(backlog) == list(range(50))
