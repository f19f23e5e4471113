"""Batches without receipt: window, resend, keeping, backlog and books, in virtual time."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Range, Reading, TelemetryReceipt
from contract.identity import body_hash
from edge_agent.telemetry_lane import (
    KEEP_AFTER_NS,
    WINDOW,
    Command,
    ForgetBatches,
    KeepBatches,
    LoadBatch,
    SendBatch,
    TelemetryLane,
)

S = 10**9
STREAM = "00000000000000aa"


def reading(number: int) -> Reading:
    return Reading(timestamp_ns=number, sensor="gps", kind="water_level", fields={"level_m": 1.0}, clock="ntp")


def new_lane(max_bytes: int = 10**9) -> TelemetryLane:
    return TelemetryLane("box-1", STREAM, Counter(), max_bytes=max_bytes, draw=random.Random(1))


def receipt(*numbers: int, retry_after_s: float | None = None) -> TelemetryReceipt:
    ranges = [Range(stream=STREAM, first=number, last=number) for number in numbers]
    return TelemetryReceipt(device="box-1", ranges=ranges, retry_after_s=retry_after_s)


def sent(commands: list[Command]) -> list[int]:
    return [command.key[1] for command in commands if isinstance(command, SendBatch)]


def fill(lane: TelemetryLane, count: int, now_ns: int = 0) -> None:
    for number in range(count):
        lane.add([reading(number)], now_ns)


def test_at_most_eight_are_on_the_way_and_a_receipt_makes_room() -> None:
    lane = new_lane()
    fill(lane, 20)
    assert sent(lane.due(0, sending=True)) == list(range(WINDOW))
    assert sent(lane.due(S, sending=True)) == []
    lane.receipt(receipt(0, 1, 2), S)
    assert sent(lane.due(S, sending=True)) == [8, 9, 10]
    assert lane.waiting == 17


def test_a_range_wider_than_what_is_kept_is_taken_whole() -> None:
    lane = new_lane()
    fill(lane, 5)
    lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=STREAM, first=0, last=2**40)]), 0)
    assert (len(lane), lane.receipted) == (0, 5)


def test_resent_after_about_30_s_growing_to_5_min() -> None:
    lane = new_lane()
    fill(lane, 1)
    waits: list[float] = []
    last = 0
    lane.due(0, sending=True)
    while len(waits) < 7:
        now = lane.next_ns(last, sending=True)
        assert now is not None
        if sent(lane.due(now, sending=True)):
            waits.append((now - last) / S)
            last = now
    for wait, expected in zip(waits, (30, 60, 120, 240, 300, 300, 300), strict=True):
        assert 0.8 * expected <= wait <= 1.2 * expected


def test_a_new_connection_sends_what_was_on_the_way_again() -> None:
    lane = new_lane()
    fill(lane, 3)
    lane.due(0, sending=True)
    lane.connected(2 * S)
    assert sent(lane.due(2 * S, sending=True)) == [0, 1, 2]


def test_a_receipt_after_a_silence_hurries_the_others() -> None:
    lane = new_lane()
    fill(lane, 4)
    lane.due(0, sending=True)
    lane.receipt(receipt(0), 6 * S)
    assert sent(lane.due(6 * S, sending=True)) == [1, 2, 3]


def test_kept_on_disk_only_after_30_s_and_forgotten_there_on_receipt() -> None:
    lane = new_lane()
    fill(lane, 1)
    assert not [c for c in lane.due(KEEP_AFTER_NS - 1, sending=False) if isinstance(c, KeepBatches)]
    (keep,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(keep, KeepBatches)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [], "asked for once"
    lane.kept(((STREAM, 0),), stored=True)
    lane.receipt(receipt(0), KEEP_AFTER_NS)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))]


def test_a_receipt_that_overtakes_the_write_still_clears_the_disk() -> None:
    lane = new_lane()
    fill(lane, 1)
    lane.due(0, sending=True)
    lane.due(KEEP_AFTER_NS, sending=False)
    lane.receipt(receipt(0), KEEP_AFTER_NS)
    lane.kept(((STREAM, 0),), stored=True)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))]


def test_a_write_that_failed_is_asked_for_again_later() -> None:
    lane = new_lane()
    fill(lane, 1)
    lane.due(KEEP_AFTER_NS, sending=False)
    lane.disk_failed(KEEP_AFTER_NS)
    lane.kept(((STREAM, 0),), stored=False)
    assert lane.next_ns(KEEP_AFTER_NS, sending=False) == 2 * KEEP_AFTER_NS
    assert len(lane.due(2 * KEEP_AFTER_NS, sending=False)) == 1


def test_fresh_goes_before_the_backlog() -> None:
    lane = new_lane()
    for number in range(20):
        lane.restore(("00000000000000bb", number), 1, 100, 0)
    fill(lane, 3)
    commands = lane.due(0, sending=True)
    assert sent(commands) == [0, 1, 2]
    loads = [command.key[1] for command in commands if isinstance(command, LoadBatch)]
    assert loads == [0, 1, 2, 3, 4], "the backlog takes what is left of the window, oldest first"
    lane.loaded(("00000000000000bb", 0), b"{}")
    assert [c.key for c in lane.due(0, sending=True) if isinstance(c, SendBatch)] == [("00000000000000bb", 0)]


def test_a_batch_the_disk_cannot_give_back_is_a_counted_loss() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9)
    lane.restore(("00000000000000bb", 1), 50, 100, 0)
    lane.due(0, sending=True)
    lane.loaded(("00000000000000bb", 1), None)
    assert dropped == {"unreadable on disk": 50}
    assert (len(lane), lane.waiting) == (0, 0)


def test_the_disk_budget_drops_the_oldest_and_counts() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=350)
    for number in range(3):
        lane.restore(("00000000000000bb", number), 10, 100, 0)
    lane.add([reading(0)], 0)
    lane.due(KEEP_AFTER_NS, sending=False)
    lane.kept(((STREAM, 0),), stored=True)
    assert dropped["disk budget"] == 20
    assert lane.waiting == 11


def test_retry_after_stops_the_sending_and_a_good_receipt_starts_it() -> None:
    lane = new_lane()
    fill(lane, 2)
    lane.receipt(TelemetryReceipt(device="box-1", retry_after_s=20), 0)
    assert lane.due(19 * S, sending=True) == []
    assert lane.next_ns(19 * S, sending=True) == 20 * S
    assert sent(lane.due(20 * S, sending=True)) == [0, 1]
    lane.receipt(TelemetryReceipt(device="box-1", retry_after_s=20), 20 * S)
    lane.add([reading(2)], 20 * S)
    assert sent(lane.due(21 * S, sending=True)) == []
    lane.receipt(receipt(0), 21 * S)
    assert sent(lane.due(21 * S, sending=True)) == [2]


def test_while_it_is_asked_for_patience_nothing_makes_it_spin() -> None:
    lane = new_lane()
    fill(lane, 1)
    lane.due(0, sending=True)
    resend_ns = lane.next_ns(0, sending=True)
    assert resend_ns is not None
    lane.receipt(TelemetryReceipt(device="box-1", retry_after_s=3_600), 0)
    lane.due(KEEP_AFTER_NS, sending=True)  # the disk is busy with it from now on
    assert lane.due(2 * resend_ns, sending=True) == []
    assert lane.next_ns(2 * resend_ns, sending=True) == 3_600 * S


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9, max_memory_bytes=1_000)
    fill(lane, 500)
    assert dropped["memory full"] + lane.waiting == 500
    bodies = [body for command in lane.flush() if isinstance(command, KeepBatches) for _, _, body in command.batches]
    assert len(bodies) == lane.waiting > 3, "the newest are there"
    assert sum(map(len, bodies)) <= 1_000


def test_a_disk_that_stalls_loses_nothing_that_it_has_by_then() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9, max_memory_bytes=400)
    fill(lane, 1)
    lane.due(KEEP_AFTER_NS, sending=False)
    lane.add([reading(1)], KEEP_AFTER_NS)
    lane.add([reading(2)], KEEP_AFTER_NS)
    lane.add([reading(3)], KEEP_AFTER_NS)
    assert dropped["memory full"] > 0
    lane.kept(((STREAM, 0),), stored=True)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))], "dropped and counted: not kept"


def test_a_disk_that_cannot_be_read_just_now_loses_nothing() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9)
    for number in (1, 2):
        lane.restore((STREAM, number), 50, 100, 0)
    lane.due(0, sending=True)
    lane.disk_failed(0)
    lane.not_loaded((STREAM, 1))
    lane.not_loaded((STREAM, 2))
    assert (dropped, lane.waiting) == (Counter(), 100)
    assert lane.due(29 * S, sending=True) == []
    assert lane.next_ns(29 * S, sending=True) == 30 * S
    assert len(lane.due(30 * S, sending=True)) == 2


def test_what_a_full_disk_did_not_delete_is_deleted_later() -> None:
    lane = new_lane()
    lane.restore((STREAM, 7), 50, 100, 0)
    lane.receipt(receipt(7), 0)
    (forget,) = lane.due(0, sending=False)
    assert isinstance(forget, ForgetBatches)
    lane.disk_failed(0)
    lane.not_forgotten(forget.keys)
    assert lane.next_ns(0, sending=False) == 30 * S
    assert lane.due(30 * S, sending=False) == [forget]


def test_an_undecodable_body_is_receipted_by_its_hash() -> None:
    lane = new_lane()
    fill(lane, 1)
    (command,) = lane.due(0, sending=True)
    assert isinstance(command, SendBatch)
    lane.receipt(TelemetryReceipt(device="box-1", bodies=[body_hash(command.body)]), 0)
    assert (len(lane), lane.receipted) == (0, 1)


def test_not_sent_goes_back_and_out_again() -> None:
    lane = new_lane()
    fill(lane, 1)
    (command,) = lane.due(0, sending=True)
    assert isinstance(command, SendBatch)
    lane.not_sent(command.key)
    assert sent(lane.due(1, sending=True)) == [0]


def test_a_batch_nobody_listened_for_goes_out_again_soon() -> None:
    lane = new_lane()
    fill(lane, 1)
    lane.due(0, sending=True)
    lane.unheard((STREAM, 0), S)
    now = lane.next_ns(S, sending=True)
    assert now is not None
    assert 5 * S <= now <= 7 * S
    assert sent(lane.due(now, sending=True)) == [0]


def test_stopping_keeps_everything_that_is_only_in_memory() -> None:
    lane = new_lane()
    fill(lane, 12)
    lane.due(0, sending=True)
    (keep,) = lane.flush()
    assert isinstance(keep, KeepBatches)
    assert sorted(key[1] for key, _, _ in keep.batches) == list(range(12))


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "due", "receipt", "lost", "kept", "fail", "loaded", "down"]), st.integers(0, 40)
        ),
        max_size=120,
    )
)
def test_books_balance_and_the_window_holds_whatever_happens(steps: list[tuple[str, int]]) -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=2_000, draw=random.Random(2))
    produced, now = 0, 0
    disk: dict[tuple[str, int], bytes] = {}
    todo: list[Command] = []
    for what, number in steps:
        now += number * S
        if what == "add":
            lane.add([reading(produced)], now)
            produced += 1
        elif what == "receipt":
            lane.receipt(receipt(number), now)
        elif what == "lost":
            lane.connected(now)
        else:
            todo.extend(lane.due(now, sending=what != "down"))
        for command in todo:
            match command:
                case KeepBatches(batches):
                    if what != "fail":
                        disk.update({key: body for key, _, body in batches})
                    lane.kept(tuple(key for key, _, _ in batches), stored=what != "fail")
                case LoadBatch(key):
                    lane.loaded(key, disk.get(key))
                case ForgetBatches(keys):
                    for key in keys:
                        disk.pop(key, None)
                case SendBatch(key):
                    if what == "lost":
                        lane.not_sent(key)
        todo = []
        assert len(lane._flight) <= WINDOW
        assert produced == lane.receipted + lane.waiting + sum(dropped.values())
        assert lane.waiting == len(lane), "one reading a batch"
        assert set(dropped) <= {"disk budget"}, "nothing else is ever lost"
