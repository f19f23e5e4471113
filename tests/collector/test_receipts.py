"""Receipts: everything noted is named once, in few ranges, in messages that a device reads."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.receipts import MAX_NAMED, Receipts, coalesce
from contract.batch import TelemetryReceipt
from contract.messages import MAX_ALARM_BYTES, decode, encode

STREAMS = ("00000000000000aa", "00000000000000bb")
_NOTES = st.lists(
    st.tuples(st.sampled_from(["box-1", "box-2", "box-3"]), st.sampled_from(STREAMS), st.integers(0, 60)), max_size=80
)


def _named(receipts: list[TelemetryReceipt]) -> list[tuple[str, str, int]]:
    return [
        (receipt.device, one.stream, number)
        for receipt in receipts
        for one in receipt.ranges
        for number in range(one.first, one.last + 1)
    ]


@given(st.sets(st.integers(0, 2**63 - 1), max_size=50))
def test_ranges_name_exactly_what_was_noted_and_are_the_fewest(numbers: set[int]) -> None:
    ranges = coalesce(STREAMS[0], numbers)
    assert {number for one in ranges for number in range(one.first, one.last + 1)} == numbers
    assert all(left.last + 1 < right.first for left, right in pairwise(ranges))


@given(_NOTES, st.integers(1, 5))
def test_everything_noted_is_receipted_once(notes: list[tuple[str, str, int]], limit: int) -> None:
    receipts = Receipts()
    for device, stream, batch in notes:
        receipts.stored(device, stream, batch)
    taken: list[TelemetryReceipt] = []
    while len(receipts):
        some = receipts.take(limit)
        assert 0 < len(some) <= limit
        taken += some
    assert sorted(_named(taken)) == sorted(set(notes))
    assert receipts.take(limit) == []


def test_a_row_of_batches_is_one_range() -> None:
    receipts = Receipts()
    for batch in (3, 1, 2, 5):
        receipts.stored("box-1", STREAMS[0], batch)
    (receipt,) = receipts.take(10)
    assert [(one.first, one.last) for one in receipt.ranges] == [(1, 3), (5, 5)]


def test_the_largest_receipt_is_read_by_a_device_and_the_rest_follows() -> None:
    receipts = Receipts()
    numbers = [2**63 - 1 - 2 * number for number in range(100)]
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(100)]
    for number in numbers:
        receipts.stored("b" * 63, STREAMS[0], number)
    for one in hashes:
        receipts.quarantined("b" * 63, one)
    receipts.ask_patience("b" * 63, 30.0, 0.0)
    taken = []
    while len(receipts):
        for receipt in receipts.take(1):
            body = encode(receipt)
            assert len(body) <= MAX_ALARM_BYTES
            assert decode(TelemetryReceipt, body) == receipt
            assert len(receipt.ranges) <= MAX_NAMED
            taken.append(receipt)
    assert sorted(number for _, _, number in _named(taken)) == sorted(numbers)
    assert [one for receipt in taken for one in receipt.bodies] == hashes


def test_the_device_that_waits_longest_comes_first() -> None:
    receipts = Receipts()
    for device in ("box-2", "box-1", "box-2"):
        receipts.stored(device, STREAMS[0], 1)
    assert [receipt.device for receipt in receipts.take(1)] == ["box-2"]
    assert [receipt.device for receipt in receipts.take(1)] == ["box-1"]


@given(_NOTES)
def test_what_waits_is_bounded_and_what_is_forgotten_is_counted(notes: list[tuple[str, str, int]]) -> None:
    receipts = Receipts(max_notes=10)
    for device, stream, batch in notes:
        receipts.stored(device, stream, batch)
    named = _named(receipts.take(100))
    assert len(named) <= 10
    if len(set(notes)) <= 10:
        assert sorted(named) == sorted(set(notes))
    elif not named:
        assert receipts.counters["receipts forgotten"]


def test_patience_is_asked_for_once_in_half_the_time() -> None:
    receipts = Receipts()
    asked = []
    for tenth in range(100):
        receipts.ask_patience("box-1", 5.0, tenth / 10)
        asked += [receipt.retry_after_s for receipt in receipts.take(10)]
    assert asked == [5.0, 5.0, 5.0, 5.0]


def test_when_the_trouble_is_over_nobody_is_asked() -> None:
    receipts = Receipts()
    receipts.ask_patience("box-1", 5.0, 0.0)
    receipts.ask_patience("box-2", 5.0, 0.0)
    receipts.stored("box-2", STREAMS[0], 1)
    receipts.trouble_over()
    assert [(one.device, one.retry_after_s) for one in receipts.take(10)] == [("box-2", None)]
    receipts.ask_patience("box-1", 5.0, 0.1)
    assert [one.device for one in receipts.take(10)] == ["box-1"]
