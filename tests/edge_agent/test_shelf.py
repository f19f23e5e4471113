"""What must give way on the disk, by class, and how it is counted."""

from __future__ import annotations

from collections import Counter

from edge_agent.backlog import Row
from edge_agent.batch_commands import DropBatches, ForgetBatches, Key, StoredRow, ThinBatches, ThinnedRow
from edge_agent.shelf import DISK_PAUSE_NS, EVICT_ROWS, MAX_ROWS, Shelf

S = 10**9


def key(number: int) -> Key:
    return ("00000000000000aa", number)


def filled(count: int, *, max_bytes: int = 10**9, max_rows: int = MAX_ROWS, sent: bool = False) -> Shelf:
    shelf = Shelf(Counter(), max_bytes=max_bytes, max_rows=max_rows)
    shelf.restore([StoredRow(key(number), 10, 100, sent, False) for number in range(count)], may_be_sent=0)
    return shelf


def test_over_the_budget_the_oldest_are_thinned_then_dropped() -> None:
    shelf = filled(40, max_bytes=3_000)
    assert shelf.due() == [ThinBatches(tuple(key(number) for number in range(EVICT_ROWS)))]
    assert shelf.due() == [], "one commit at a time"
    keys = tuple(key(number) for number in range(EVICT_ROWS))
    shelf.thinned(keys, [ThinnedRow(one, 8, 30) for one in keys])
    assert shelf._dropped == {"thinned": 8 * EVICT_ROWS}
    assert shelf.waiting == 400 - 8 * EVICT_ROWS
    assert shelf.due() == [], "40 * 100 - 16 * 70 is within 3,000"
    shelf.add_row(Row(10, 3_000))
    (thin,) = shelf.due()
    assert isinstance(thin, ThinBatches)
    shelf.thinned(thin.keys, [ThinnedRow(one, 0, 100) for one in thin.keys])
    (thin,) = shelf.due()
    shelf.thinned(thin.keys, [ThinnedRow(one, 0, 100) for one in thin.keys])
    (forget,) = shelf.due()
    assert isinstance(forget, ForgetBatches)
    assert [one[1] for one in forget.keys[:3]] == [0, 1, 2], "oldest first"
    assert shelf._dropped["disk budget"] > 0
    assert not shelf.may_load(0)
    shelf.forgotten()
    assert shelf.may_load(0)
    shelf.failed(0)
    assert not shelf.may_load(DISK_PAUSE_NS - 1)
    assert shelf.may_load(DISK_PAUSE_NS)


def test_what_may_have_been_sent_is_dropped_and_never_thinned() -> None:
    shelf = filled(40, max_bytes=3_000, sent=True)
    (forget,) = shelf.due()
    assert isinstance(forget, ForgetBatches)
    assert [one[1] for one in forget.keys] == list(range(10))
    assert shelf._dropped == {"disk budget": 100}


def test_the_number_of_rows_is_bounded_whatever_their_size() -> None:
    shelf = filled(MAX_ROWS + 3)
    (forget,) = shelf.due()
    assert isinstance(forget, ForgetBatches)
    assert forget.keys == (key(0), key(1), key(2))
    assert len(shelf) == MAX_ROWS
    assert shelf._dropped == {"disk budget": 30}


def test_a_full_card_thins_then_deletes_and_counts_only_what_it_did() -> None:
    shelf = filled(40)
    shelf.found_full(0)
    assert shelf.full
    (thin,) = shelf.due()
    assert isinstance(thin, ThinBatches)
    shelf.not_evicted(thin.keys, 0, full=True)
    (drop,) = shelf.due()
    assert drop == DropBatches(tuple(key(number) for number in range(EVICT_ROWS)))
    assert (shelf.waiting, shelf._dropped) == (400, Counter()), "the card has not said so yet"
    shelf.deleted(drop.keys)
    assert (shelf.waiting, shelf._dropped) == (400 - 10 * EVICT_ROWS, {"disk budget": 10 * EVICT_ROWS})
    assert not shelf.full


def test_a_card_that_cannot_even_delete_loses_nothing_and_is_let_alone() -> None:
    shelf = filled(40)
    shelf.found_full(0)
    (thin,) = shelf.due()
    shelf.not_evicted(thin.keys, 0, full=True)
    (drop,) = shelf.due()
    shelf.not_evicted(drop.keys, 5 * S, full=True)
    assert not shelf.full
    assert shelf.paused_until_ns == 5 * S + DISK_PAUSE_NS
    assert (shelf.waiting, shelf._dropped) == (400, Counter())


def test_a_full_card_without_backlog_is_let_alone() -> None:
    shelf = filled(0)
    shelf.found_full(7)
    assert (shelf.full, shelf.paused_until_ns) == (False, 7 + DISK_PAUSE_NS)


def test_what_the_disk_no_longer_has_when_it_is_thinned_is_lost_and_counted() -> None:
    shelf = filled(2, max_bytes=10)
    (thin,) = shelf.due()
    assert isinstance(thin, ThinBatches)
    shelf.thinned(thin.keys, [ThinnedRow(key(1), 0, 5)])
    assert shelf._dropped == {"unreadable on disk": 10}


def test_what_was_receipted_while_it_was_thinned_is_counted_once() -> None:
    shelf = filled(2, max_bytes=10)
    (thin,) = shelf.due()
    assert isinstance(thin, ThinBatches)
    assert shelf.remove(key(0)) == 10
    shelf.thinned(thin.keys, [ThinnedRow(key(0), 9, 5), ThinnedRow(key(1), 9, 5)])
    assert (shelf.waiting, shelf._dropped) == (1, {"thinned": 9})


def test_a_file_set_aside_takes_its_rows_once() -> None:
    shelf = filled(3)
    shelf.load(key(0))
    assert shelf.set_aside(1)
    assert not shelf.set_aside(1)
    assert (len(shelf), shelf.waiting, shelf._dropped) == (0, 0, {"outbox set aside": 30})
    assert shelf.loaded(key(0), found=False) is None
    assert shelf._dropped.total() == 30


def test_the_pieces_of_a_cut_batch_count_with_their_own_size() -> None:
    shelf = filled(1, max_bytes=500)
    shelf.load(key(0))
    shelf.cut(key(0), [StoredRow(key(100 + number), 5, 300, True, False) for number in range(2)])
    assert (len(shelf), shelf.waiting) == (2, 10)
    (forget,) = shelf.due()
    assert isinstance(forget, ForgetBatches)
    assert forget.keys == (key(100),), "600 bytes are more than 500"


def test_what_was_to_be_deleted_from_a_lost_file_holds_up_nothing() -> None:
    shelf = filled(3)
    shelf.remove(key(0))
    assert not shelf.may_load(0)
    shelf.set_aside(1)
    assert shelf.may_load(0)
    assert shelf.due() == []


def test_a_new_file_begins_at_no_bytes() -> None:
    shelf = filled(5, max_bytes=500)
    shelf.set_aside(1)
    row = Row(10, 100)
    shelf.add_row(row)
    shelf.append(key(9), row)
    assert shelf.due() == []
    assert shelf.waiting == 10
