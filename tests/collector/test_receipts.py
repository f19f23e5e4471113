"""Receipts: everything noted is named once, in few ranges, in messages that a device reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.receipts import GATHER_S, MAX_NAMED, RECEIPTS_A_SECOND, Receipt, Receipts, coalesce, gather_s
from collector.roster import Device
from contract.batch import TelemetryReceipt
from contract.messages import MAX_ALARM_BYTES, decode
from contract.topics import telemetry_receipt

STREAMS = ("00000000000000aa", "00000000000000bb")
_NOTES = st.lists(
    st.tuples(st.sampled_from(["box-1", "box-2", "box-3"]), st.sampled_from(STREAMS), st.integers(0, 60)), max_size=80
)


class Told:
    """Receipts, and the devices they are for."""

    def __init__(self, **changes: int) -> None:
        self.receipts = Receipts(**changes)
        self.devices: dict[str, Device] = {}

    def device(self, name: str) -> Device:
        """Return a device, the same one each time."""
        return self.devices.setdefault(name, Device(name))

    def store(self, device: str, stream: str, *batches: int) -> None:
        """Note batches."""
        one = self.device(device).stream(stream)
        self.receipts.stored([(one, batch, "line", 1) for batch in batches])

    def take(self, limit: int = 100) -> list[TelemetryReceipt]:
        """Return receipts as a device reads them."""
        return read(self.receipts.take(limit))


def read(receipts: Iterable[Receipt]) -> list[TelemetryReceipt]:
    """Return receipts as a device reads them."""
    found = []
    for one in receipts:
        assert len(one.body) <= MAX_ALARM_BYTES
        receipt = decode(TelemetryReceipt, one.body)
        assert one.topic == telemetry_receipt(receipt.device)
        found.append(receipt)
    return found


def _named(receipts: list[TelemetryReceipt]) -> list[tuple[str, str, int]]:
    return [
        (receipt.device, one.stream, number)
        for receipt in receipts
        for one in receipt.ranges
        for number in range(one.first, one.last + 1)
    ]


_RANGES = st.tuples(st.integers(0, 30) | st.integers(0, 2**62), st.integers(0, 9)).map(lambda one: (one[0], sum(one)))


@given(st.lists(_RANGES, max_size=30))
def test_ranges_name_exactly_what_was_noted_and_are_the_fewest(noted: list[tuple[int, int]]) -> None:
    ranges = coalesce([number for one in noted for number in one])
    named = {number for first, last in noted for number in range(first, last + 1)}
    assert {number for first, last in ranges for number in range(first, last + 1)} == named
    assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))


@given(_NOTES, st.integers(1, 5))
def test_everything_noted_is_receipted_once(notes: list[tuple[str, str, int]], limit: int) -> None:
    told = Told()
    for device, stream, batch in notes:
        told.store(device, stream, batch)
    taken: list[TelemetryReceipt] = []
    while len(told.receipts):
        some = told.take(limit)
        assert 0 < len(some) <= limit
        taken += some
    assert sorted(_named(taken)) == sorted(set(notes))
    assert told.take() == []
    assert told.receipts.notes == 0


def test_a_row_of_batches_is_one_range() -> None:
    told = Told()
    told.store("box-1", STREAMS[0], 3, 1, 2, 5)
    (receipt,) = told.take()
    assert [(one.first, one.last) for one in receipt.ranges] == [(1, 3), (5, 5)]


def test_the_largest_receipt_is_read_by_a_device_and_the_rest_follows() -> None:
    told, name = Told(), "b" * 63
    numbers = [2**63 - 1 - 2 * number for number in range(100)]
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(100)]
    told.store(name, STREAMS[0], *numbers[:50])
    told.store(name, STREAMS[1], *numbers[50:])
    for one in hashes:
        told.receipts.quarantined(told.device(name), one)
    told.receipts.ask_patience(told.device(name), 30.0, 0.0)
    assert told.receipts.notes == 200
    taken = []
    while len(told.receipts):
        for receipt in told.take(1):
            assert len(receipt.ranges) <= MAX_NAMED
            taken.append(receipt)
    assert sorted(number for _, _, number in _named(taken)) == sorted(numbers)
    assert [one for receipt in taken for one in receipt.bodies] == hashes
    assert [receipt.retry_after_s for receipt in taken] == [30.0, None, None]
    assert told.receipts.notes == 0


def test_the_device_that_waits_longest_comes_first() -> None:
    told = Told()
    for device in ("box-2", "box-1", "box-2"):
        told.store(device, STREAMS[0], 1)
    assert [receipt.device for receipt in told.take(1)] == ["box-2"]
    assert [receipt.device for receipt in told.take(1)] == ["box-1"]


@given(_NOTES, st.sets(st.integers(0, 20), max_size=20))
def test_what_waits_is_bounded_and_what_is_forgotten_is_counted(
    notes: list[tuple[str, str, int]], junk: set[int]
) -> None:
    told = Told(max_notes=10)
    for device, stream, batch in notes:
        told.store(device, stream, batch)
        assert told.receipts.notes <= 10
    for number in junk:
        told.receipts.quarantined(told.device("box-1"), hashlib.sha256(bytes([number])).hexdigest())
        assert told.receipts.notes <= 10
    receipts = told.take()
    named = len(_named(receipts)) + sum(len(one.bodies) for one in receipts)
    forgotten = told.receipts.counters["receipts forgotten"]
    # A batch that was noted twice is named once.
    assert len(set(notes)) + len(junk) <= named + forgotten <= len(notes) + len(junk)
    assert told.receipts.notes == 0


def test_one_load_above_the_bound_is_forgotten_device_by_device() -> None:
    told = Told(max_notes=10)
    first, second = told.device("box-1").stream(STREAMS[0]), told.device("box-2").stream(STREAMS[0])
    told.receipts.stored([(first if number < 6 else second, 2 * number, "line", 1) for number in range(12)])
    assert told.receipts.counters["receipts forgotten"] == 6
    assert [(one.device, len(_named([one]))) for one in told.take()] == [("box-2", 6)]


def test_batches_in_order_take_the_room_of_one() -> None:
    told = Told(max_notes=10)
    told.store("box-1", STREAMS[0], *range(100_000))
    assert told.receipts.notes == 1
    (receipt,) = told.take()
    assert [(one.first, one.last) for one in receipt.ranges] == [(0, 99_999)]
    assert not told.receipts.counters["receipts forgotten"]


def test_a_stream_that_its_device_forgot_is_receipted_all_the_same() -> None:
    told = Told()
    told.store("box-1", STREAMS[0], 1)
    told.device("box-1").streams.clear()
    told.store("box-1", STREAMS[0], 2)
    assert sorted(number for _, _, number in _named(told.take())) == [1, 2]


def test_patience_is_asked_for_once_in_half_the_time() -> None:
    told = Told()
    asked = []
    for tenth in range(100):
        told.receipts.ask_patience(told.device("box-1"), 5.0, tenth / 10)
        asked += [receipt.retry_after_s for receipt in told.take()]
    assert asked == [5.0, 5.0, 5.0, 5.0]


def test_when_the_trouble_is_over_nobody_is_asked() -> None:
    told = Told()
    told.receipts.ask_patience(told.device("box-1"), 5.0, 0.0)
    told.receipts.ask_patience(told.device("box-2"), 5.0, 0.0)
    told.store("box-2", STREAMS[0], 1)
    told.receipts.trouble_over()
    assert [(one.device, one.retry_after_s) for one in told.take()] == [("box-2", None)]
    told.receipts.ask_patience(told.device("box-1"), 5.0, 0.1)
    assert [one.device for one in told.take()] == ["box-1"]


def test_receipts_leave_at_the_same_rate_however_many_devices_there_are() -> None:
    assert gather_s(0) == gather_s(200) == GATHER_S
    assert 10_000 / gather_s(10_000) == RECEIPTS_A_SECOND
