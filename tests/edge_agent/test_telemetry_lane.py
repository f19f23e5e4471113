"""Batches without receipt: window, bytes on the way, resend, keeping, cutting and books, in virtual time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Range, Reading, TelemetryReceipt, decode_batch
from contract.identity import body_hash
from edge_agent.batch_commands import (
    Command,
    CutBatch,
    DropBatches,
    ForgetBatches,
    KeepBatches,
    Key,
    LoadBatch,
    SendBatch,
    StoredRow,
    ThinBatches,
    ThinnedRow,
)
from edge_agent.batch_memory import KEEPING_NS
from edge_agent.flight import WINDOW
from edge_agent.shelf import DISK_PAUSE_NS
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane

S = 10**9
STREAM = "00000000000000aa"
OLD = "00000000000000bb"


def reading(number: int) -> Reading:
    return Reading(timestamp_ns=number, sensor="gps", kind="water_level", fields={"level_m": 1.0}, clock="ntp")


def position(second: int) -> Reading:
    return Reading(timestamp_ns=second * S, sensor="gps", kind="position", fields={"latitude": 1.0}, clock="gnss")


def new_lane(max_bytes: int = 10**9, max_memory_bytes: int = 8_000_000) -> TelemetryLane:
    lane = TelemetryLane(
        "box-1", STREAM, Counter(), max_bytes=max_bytes, max_memory_bytes=max_memory_bytes, draw=random.Random(1)
    )
    lane.rate.bytes_per_s = 1e6
    lane.rate.measured = True
    return lane


def stored(number: int, *, readings: int = 1, size: int = 100, sent: bool = False, stream: str = OLD) -> StoredRow:
    return StoredRow((stream, number), readings, size, sent, thinned=False)


def receipt(*numbers: int, retry_after_s: float | None = None) -> TelemetryReceipt:
    ranges = [Range(stream=STREAM, first=number, last=number) for number in numbers]
    return TelemetryReceipt(device="box-1", ranges=ranges, retry_after_s=retry_after_s)


def sent(commands: Sequence[Command]) -> list[int]:
    return [command.key[1] for command in commands if isinstance(command, SendBatch)]


def puback(lane: TelemetryLane, commands: Sequence[Command], now_ns: int, *, heard: bool = True) -> None:
    """Let the broker answer each sending at this moment."""
    for command in commands:
        if isinstance(command, SendBatch):
            lane.acknowledged(command.sending, now_ns, heard=heard)


def send(lane: TelemetryLane, now_ns: int) -> list[int]:
    """Send what is due, with a broker that answers at once; return the numbers."""
    commands = lane.due(now_ns, sending=True)
    puback(lane, commands, now_ns)
    return sent(commands)


def keep(lane: TelemetryLane, command: Command, *, size: int = 50, file: int = 0) -> None:
    """Let the disk take what it is asked to keep."""
    assert isinstance(command, KeepBatches)
    lane.kept(command.keys, [size] * len(command.keys), file)


def fill(lane: TelemetryLane, count: int, now_ns: int = 0) -> None:
    for number in range(count):
        lane.add([reading(number)], now_ns)


def test_at_most_eight_are_on_the_way_and_a_receipt_makes_room() -> None:
    lane = new_lane()
    fill(lane, 20)
    assert send(lane, 0) == list(range(WINDOW))
    assert send(lane, S) == []
    assert not lane.sends_at_once(S, sending=True)
    lane.receipt(receipt(0, 1, 2), S)
    assert send(lane, S) == [8, 9, 10]
    assert lane.waiting == 17


def test_a_batch_would_go_out_at_once_only_when_nothing_holds_it_up() -> None:
    lane = new_lane()
    assert lane.sends_at_once(0, sending=True)
    assert not lane.sends_at_once(0, sending=False)
    lane.receipt(receipt(retry_after_s=5), 0)
    assert not lane.sends_at_once(S, sending=True)
    assert lane.sends_at_once(5 * S, sending=True)
    lane.add([reading(1)], 5 * S)
    assert not lane.sends_at_once(5 * S, sending=True), "another one is before it"


def test_bytes_on_the_way_are_two_seconds_of_the_uplink_or_one_batch() -> None:
    lane = new_lane()
    lane.rate.bytes_per_s = 300.0
    fill(lane, 8)
    first = lane.due(0, sending=True)
    assert sent(first) == [0, 1], "of about 180 bytes, and 100 of overhead, each"
    assert lane.rate.full or lane.rate.on_the_way + 280 > 600
    lane.rate.bytes_per_s = 10.0
    puback(lane, first, S)
    lane.rate.bytes_per_s = 10.0
    assert len(sent(lane.due(S, sending=True))) == 1, "one batch always"


def test_what_lacks_its_puback_is_not_sent_again_on_that_connection() -> None:
    lane = new_lane()
    fill(lane, 1)
    first = lane.due(0, sending=True)
    assert lane.due(3_600 * S, sending=True) != first
    assert sent(lane.due(7_200 * S, sending=True)) == []
    puback(lane, first, 7_200 * S)
    resend_ns = lane.next_ns(7_200 * S, sending=True)
    assert resend_ns is not None
    assert 7_224 * S <= resend_ns <= 7_236 * S, "30 s count from the PUBACK"
    assert send(lane, resend_ns) == [0]


def test_a_puback_of_an_earlier_connection_changes_nothing() -> None:
    lane = new_lane()
    fill(lane, 1)
    first = lane.due(0, sending=True)
    lane.connected(S)
    second = lane.due(S, sending=True)
    puback(lane, first, 2 * S)
    assert sent(lane.due(60 * S, sending=True)) == [], "the second one lacks its PUBACK still"
    puback(lane, second, 60 * S)
    assert send(lane, 97 * S) == []
    assert send(lane, 132 * S) == [0], "it was sent twice: 60 s"


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
    send(lane, 0)
    while len(waits) < 7:
        now = lane.next_ns(last, sending=True)
        assert now is not None
        if send(lane, now):
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
    send(lane, 0)
    lane.receipt(receipt(0), 6 * S)
    assert send(lane, 6 * S) == [1, 2, 3]


def test_kept_on_disk_only_after_30_s_and_forgotten_there_on_receipt() -> None:
    lane = new_lane()
    fill(lane, 1)
    assert not [c for c in lane.due(KEEP_AFTER_NS - 1, sending=False) if isinstance(c, KeepBatches)]
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [], "asked for once"
    keep(lane, command)
    assert (lane.in_memory, lane.on_disk) == (0, 1)
    lane.receipt(receipt(0), KEEP_AFTER_NS)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))]


def test_the_30_s_count_from_the_first_reading() -> None:
    lane = new_lane()
    lane.add([reading(0)], 30 * S, since_ns=0)
    (command,) = lane.due(30 * S, sending=False)
    keep(lane, command)


def test_all_that_is_only_in_memory_goes_to_the_disk_in_one_commit() -> None:
    lane = new_lane()
    for number in range(20):
        lane.add([reading(number)], number * S)
    send(lane, 20 * S)
    assert lane.next_ns(20 * S, sending=False) == KEEP_AFTER_NS
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(command, KeepBatches)
    assert [row.key[1] for row in command.rows] == list(range(20))
    assert [row.sent for row in command.rows] == [number < WINDOW for number in range(20)]
    assert lane.in_memory_of(command.keys) == 20
    keep(lane, command)
    assert (lane.in_memory, lane.in_memory_of(command.keys), lane.on_disk) == (0, 0, 20)


def test_what_is_being_written_is_not_sent_for_the_first_time_but_not_for_ever() -> None:
    lane = new_lane()
    fill(lane, 2)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    lane.add([reading(9)], KEEP_AFTER_NS)
    assert send(lane, KEEP_AFTER_NS) == [2], "the disk believes that the others were never sent"
    again_ns = lane.next_ns(KEEP_AFTER_NS, sending=True)
    assert again_ns is not None
    while again_ns < KEEP_AFTER_NS + KEEPING_NS:
        assert 0 not in send(lane, again_ns)
        again_ns = lane.next_ns(again_ns, sending=True)
        assert again_ns is not None
    assert send(lane, KEEP_AFTER_NS + KEEPING_NS) == [0, 1], "a card that hangs for ever holds nothing up for ever"
    keep(lane, command)
    assert lane.waiting == 3


def test_a_receipt_that_overtakes_the_write_still_clears_the_disk() -> None:
    lane = new_lane()
    fill(lane, 1)
    send(lane, 0)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    lane.receipt(receipt(0), KEEP_AFTER_NS)
    keep(lane, command)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))]


def test_a_write_that_failed_is_asked_for_again_later() -> None:
    lane = new_lane()
    fill(lane, 1)
    lane.due(KEEP_AFTER_NS, sending=False)
    lane.not_kept(((STREAM, 0),))
    lane.disk_failed(KEEP_AFTER_NS)
    assert lane.next_ns(KEEP_AFTER_NS, sending=False) == KEEP_AFTER_NS + DISK_PAUSE_NS
    assert len(lane.due(KEEP_AFTER_NS + DISK_PAUSE_NS, sending=False)) == 1


def test_fresh_goes_before_the_backlog() -> None:
    lane = new_lane()
    lane.restore([stored(number) for number in range(20)], 0)
    fill(lane, 3)
    commands = lane.due(0, sending=True)
    assert sent(commands) == [0, 1, 2]
    loads = [command.key[1] for command in commands if isinstance(command, LoadBatch)]
    assert loads == [0, 1, 2, 3, 4], "the backlog takes what is left of the window, oldest first"
    lane.loaded((OLD, 0), b"{}", 0, 0)
    assert [c.key for c in lane.due(0, sending=True) if isinstance(c, SendBatch)] == [(OLD, 0)]


def test_a_slow_link_is_not_asked_to_take_more_of_the_backlog_than_it_can() -> None:
    lane = new_lane()
    lane.rate.bytes_per_s = 1_000.0
    lane.restore([stored(number, readings=8) for number in range(20)], 0)
    loads = [command for command in lane.due(0, sending=True) if isinstance(command, LoadBatch)]
    assert len(loads) == 1, "8 readings are about 1,840 bytes"


def test_nothing_is_loaded_while_what_was_receipted_is_still_on_the_disk() -> None:
    lane = new_lane()
    lane.restore([stored(number) for number in range(20)], 0)
    loads = [command.key for command in lane.due(0, sending=True) if isinstance(command, LoadBatch)]
    for key in loads:
        lane.loaded(key, b"{}", 0, 0)
    assert len(send(lane, 0)) == WINDOW
    lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=OLD, first=0, last=7)]), 0)
    (forget,) = lane.due(0, sending=True)
    assert isinstance(forget, ForgetBatches)
    assert lane.due(0, sending=True) == [], "else a restart would not know which rows may have been sent"
    lane.forgotten(0)
    assert len(lane.due(0, sending=True)) == WINDOW


def test_the_first_8_rows_after_a_restart_may_have_been_sent_and_those_marked_were() -> None:
    lane = new_lane(max_bytes=1_000)
    lane.restore([stored(number, sent=number == 10) for number in range(20)], 0)
    (thin,) = lane.due(0, sending=False)
    assert isinstance(thin, ThinBatches)
    assert [key[1] for key in thin.keys] == [8, 9, *range(11, 20)]


def test_what_this_run_wrote_itself_is_not_taken_up_from_the_disk() -> None:
    lane = new_lane()
    assert lane.restore([stored(1, stream=STREAM), stored(2)], 0) == 1
    assert lane.restore([stored(2)], 0) == 0
    assert (lane.restored, lane.waiting) == (1, 1)


def test_a_batch_the_disk_cannot_give_back_is_a_counted_loss() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9)
    lane.restore([stored(1, readings=50, sent=True)], 0)
    lane.due(0, sending=True)
    lane.loaded((OLD, 1), None, 0, 0)
    assert dropped == {"unreadable on disk": 50}
    assert (len(lane), lane.waiting) == (0, 0)


def test_on_a_link_that_is_known_to_be_slow_a_batch_never_sent_goes_out_in_pieces() -> None:
    lane = new_lane()
    lane.rate.bytes_per_s, lane.rate.limits = 500.0, True
    lane.add([reading(number) for number in range(40)], 0)
    commands = lane.due(0, sending=True)
    (first,) = [command for command in commands if isinstance(command, SendBatch)]
    assert first.key == (STREAM, 1)
    assert len(first.body) <= 900
    puback(lane, commands, S)
    lane.rate.bytes_per_s, lane.rate.limits = 500.0, True
    (second,) = [command for command in lane.due(S, sending=True) if isinstance(command, SendBatch)]
    assert second.key == (STREAM, 3), "a number each: that of the batch, and those of a rest, name nothing any more"
    numbers = [one["timestamp_ns"] for body in (first.body, second.body) for one in decode_batch(body)["readings"]]
    assert numbers == list(range(len(numbers)))
    assert lane.waiting == 40
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(command, KeepBatches)
    assert sum(row.readings for row in command.rows) == 40


def test_on_a_slow_link_a_row_never_sent_is_cut_on_the_disk_and_one_that_may_have_been_is_not() -> None:
    lane = new_lane()
    lane.rate.bytes_per_s, lane.rate.limits = 500.0, True
    lane.restore([stored(number, readings=100, size=900) for number in range(WINDOW + 1)], 0)
    for number in range(WINDOW):
        (load,) = lane.due(0, sending=True)
        assert load == LoadBatch((OLD, number)), "of the first 8 nobody knows"
        lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=OLD, first=number, last=number)]), 0)
        assert lane.due(0, sending=True) != []
        lane.forgotten(0)
    (cut,) = lane.due(0, sending=True)
    assert cut == CutBatch((OLD, WINDOW), (STREAM, 0), 900)
    lane.cut(cut.key, [stored(number, readings=50, sent=True, stream=STREAM) for number in (0, 1)], 0)
    assert lane.waiting == 100
    assert lane.due(0, sending=True) == [LoadBatch((STREAM, 0))], "a piece is not cut again"
    assert lane.add([reading(1)], 0) == (STREAM, 100), "its numbers are used up"


def test_what_cannot_be_cut_goes_out_whole_and_what_is_not_there_is_lost_and_counted() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9)
    lane.restore([stored(number, readings=100, size=900) for number in range(WINDOW + 2)], 0)
    lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=OLD, first=0, last=7)]), 0)
    lane.due(0, sending=False)
    lane.forgotten(0)
    (cut,) = lane.due(0, sending=True)
    assert isinstance(cut, CutBatch), "nobody has told how fast the link is"
    lane.not_cut(cut.key)
    assert lane.due(0, sending=True) == [LoadBatch(cut.key)]
    lane.loaded(cut.key, None, 0, 0)
    lane.due(0, sending=False)
    lane.forgotten(0)
    (last,) = lane.due(0, sending=True)
    assert isinstance(last, CutBatch)
    lane.cut(last.key, [], 0)
    assert dropped == {"unreadable on disk": 200}
    assert lane.waiting == 0


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
    send(lane, 0)
    resend_ns = lane.next_ns(0, sending=True)
    assert resend_ns is not None
    lane.receipt(TelemetryReceipt(device="box-1", retry_after_s=3_600), 0)
    lane.due(KEEP_AFTER_NS, sending=True)  # the disk is busy with it from now on
    assert lane.due(2 * resend_ns, sending=True) == []
    assert lane.next_ns(2 * resend_ns, sending=True) == 3_600 * S


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9, max_memory_bytes=5_000)
    fill(lane, 500)
    assert dropped["memory full"] + lane.waiting == 500
    bodies = [row.body for command in lane.flush() if isinstance(command, KeepBatches) for row in command.rows]
    assert len(bodies) == lane.waiting > 3, "the newest are there"
    assert sum(map(len, bodies)) <= 5_000


def test_in_memory_too_the_gps_gives_way_first_and_the_newest_position_stays() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9, max_memory_bytes=20_000)
    for number in range(20):
        lane.add([*(position(number * 30 + second) for second in range(30)), reading(number)], 0)
    assert dropped.keys() == {"thinned"}
    assert lane.waiting + dropped["thinned"] == 20 * 31
    (command,) = lane.flush()
    assert isinstance(command, KeepBatches)
    left = [one["timestamp_ns"] for row in command.rows for one in decode_batch(row.body)["readings"]]
    assert {number * 30 * S + 29 * S for number in range(20)} <= set(left), "the newest position of each batch"
    assert set(range(20)) <= set(left), "all that is no GPS"


def test_what_was_sent_or_is_being_written_is_not_thinned() -> None:
    lane = new_lane(max_memory_bytes=30_000)
    for _ in range(2):
        lane.add([position(second) for second in range(30)], 0)
        lane.due(0, sending=True)
    lane.add([position(second) for second in range(30)], 0)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(command, KeepBatches)
    for _ in range(10):
        lane.add([position(second) for second in range(30)], KEEP_AFTER_NS)
    assert lane.in_memory_of(command.keys[:2]) == 60


def test_a_disk_that_stalls_loses_nothing_that_it_has_by_then() -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane("box-1", STREAM, dropped, max_bytes=10**9, max_memory_bytes=2_000)
    fill(lane, 1)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    for number in (1, 2, 3):
        lane.add([reading(number)], KEEP_AFTER_NS)
    assert dropped["memory full"] > 0
    keep(lane, command)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [ForgetBatches(((STREAM, 0),))], "dropped and counted: not kept"


def test_a_disk_that_cannot_be_read_just_now_loses_nothing() -> None:
    lane = new_lane()
    lane.restore([stored(number, readings=50) for number in (1, 2)], 0)
    lane.due(0, sending=True)
    lane.disk_failed(0)
    lane.not_loaded((OLD, 1))
    lane.not_loaded((OLD, 2))
    assert lane.waiting == 100
    assert lane.due(29 * S, sending=True) == []
    assert lane.next_ns(29 * S, sending=True) == 30 * S
    assert len(lane.due(30 * S, sending=True)) == 2


def test_what_a_full_disk_did_not_delete_is_deleted_later() -> None:
    lane = new_lane()
    lane.restore([stored(7, readings=50)], 0)
    lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=OLD, first=7, last=7)]), 0)
    (forget,) = lane.due(0, sending=False)
    assert isinstance(forget, ForgetBatches)
    lane.disk_failed(0)
    lane.not_forgotten(forget.keys)
    assert lane.next_ns(0, sending=False) == 30 * S
    assert lane.due(30 * S, sending=False) == [forget]


def test_a_full_card_is_first_asked_to_make_room_then_to_keep() -> None:
    lane = new_lane()
    lane.restore([stored(number) for number in range(20)], 0)
    fill(lane, 1)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(command, KeepBatches)
    lane.not_kept(command.keys)
    lane.disk_full(KEEP_AFTER_NS)
    (thin,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(thin, ThinBatches)
    assert lane.due(KEEP_AFTER_NS, sending=False) == []
    lane.thinned(thin.keys, [ThinnedRow(one, 0, 90) for one in thin.keys], 0)
    assert lane.due(KEEP_AFTER_NS, sending=False) == [command]


def test_fault_11_a_file_set_aside_costs_what_was_only_there_and_the_rest_is_kept_again_in_a_new_stream() -> None:
    lane = new_lane()
    dropped = lane._dropped
    lane.restore([stored(1, readings=50)], 0)
    fill(lane, 10)
    assert len(send(lane, 0)) == WINDOW
    keep(lane, lane.due(KEEP_AFTER_NS, sending=False)[0])
    assert (lane.in_memory, lane.on_disk) == (0, 60)
    lane.add([reading(10)], KEEP_AFTER_NS)
    (command,) = lane.due(2 * KEEP_AFTER_NS, sending=False)
    keep(lane, command, file=1)
    assert dropped == {"outbox set aside": 52}, "50 of the last run, and 2 that were only there"
    (again,) = lane.due(2 * KEEP_AFTER_NS, sending=False)
    assert isinstance(again, KeepBatches)
    assert again.keys == tuple((STREAM, number) for number in range(WINDOW)), "what is in flight is kept again"
    assert lane.stream != STREAM
    assert lane.add([reading(11)], 0) == (lane.stream, 0)
    lane.receipt(TelemetryReceipt(device="box-1", ranges=[Range(stream=STREAM, first=0, last=2**40)]), 0)
    assert (lane.waiting, lane.receipted) == (1, 9), "an old receipt deletes nothing new"


def test_answers_of_the_file_before_are_taken_as_such() -> None:
    lane = new_lane()
    fill(lane, 1)
    (command,) = lane.due(KEEP_AFTER_NS, sending=False)
    lane.forgotten(1)
    keep(lane, command, file=1)
    assert lane._dropped == Counter()
    assert (lane.in_memory, lane.on_disk) == (0, 1)


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
    lane.not_sent(command.sending)
    assert lane.rate.on_the_way == 0
    assert sent(lane.due(1, sending=True)) == [], "this connection has ended"
    assert lane.next_ns(1, sending=True) == KEEP_AFTER_NS, "and nothing makes it spin"
    lane.connected(2)
    assert sent(lane.due(2, sending=True)) == [0]


def test_a_batch_nobody_listened_for_goes_out_again_soon() -> None:
    lane = new_lane()
    fill(lane, 1)
    puback(lane, lane.due(0, sending=True), S, heard=False)
    now = lane.next_ns(S, sending=True)
    assert now is not None
    assert 5 * S <= now <= 7 * S
    assert sent(lane.due(now, sending=True)) == [0]


def test_stopping_keeps_everything_that_is_only_in_memory() -> None:
    lane = new_lane()
    fill(lane, 12)
    lane.due(0, sending=True)
    (command,) = lane.flush()
    assert isinstance(command, KeepBatches)
    assert sorted(key[1] for key in command.keys) == list(range(12))


def test_what_is_asked_each_second_costs_the_same_however_long_the_backlog() -> None:
    """Counted, not timed: with 20,000 rows `due` and `next_ns` look at no more of them than with 30."""

    def looked_at(rows: int) -> int:
        lane = new_lane()
        lane.restore([stored(number) for number in range(rows)], 0)
        looks = 0

        class Counting(dict[Key, object]):
            def __contains__(self, key: object) -> bool:
                nonlocal looks
                looks += 1
                return super().__contains__(key)

            def __iter__(self) -> object:  # type: ignore[override]
                nonlocal looks
                looks += len(self)
                return super().__iter__()

        lane._shelf.backlog._rows = Counting(lane._shelf.backlog._rows)  # type: ignore[assignment]
        lane.due(0, sending=True)
        lane.next_ns(0, sending=True)
        lane.sends_at_once(0, sending=True)
        return looks

    assert looked_at(20_000) == looked_at(30) < 50


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "due", "receipt", "lost", "fail", "full", "aside", "down", "slow"]),
            st.integers(0, 40),
        ),
        max_size=120,
    )
)
def test_books_balance_and_the_window_holds_whatever_happens(steps: list[tuple[str, int]]) -> None:
    dropped: Counter[str] = Counter()
    lane = TelemetryLane(
        "box-1", STREAM, dropped, max_bytes=2_000, max_memory_bytes=9_000, max_rows=9, draw=random.Random(2)
    )
    produced, now, file = 0, 0, 0
    disk: dict[Key, bytes] = {}
    for what, number in steps:
        now += number * S
        if what == "add":
            lane.add([reading(produced), position(produced), position(produced + 1)], now)
            produced += 3
        elif what == "receipt":
            lane.receipt(receipt(number), now)
        elif what == "lost":
            lane.connected(now)
        elif what == "aside":
            disk.clear()
            file += 1
        elif what == "slow":
            lane.rate.bytes_per_s, lane.rate.limits = 200.0, True
        for command in lane.due(now, sending=what != "down"):
            if isinstance(command, SendBatch):
                if what == "lost":
                    lane.not_sent(command.sending)
                elif what != "slow":
                    lane.acknowledged(command.sending, now)
            else:
                answer(lane, command, disk, now, file=file, fails=what in ("fail", "full"), full=what == "full")
        assert len(lane._flight) <= WINDOW
        assert produced == lane.receipted + lane.waiting + sum(dropped.values())
        assert lane.waiting == lane.in_memory + lane.on_disk
        assert lane._memory.bytes <= 9_000 + 2_000
        assert lane._memory.bytes == sum(e.size for place in (lane._memory.fresh, lane._flight) for e in place.values())
        assert lane.rate.on_the_way >= 0
        assert set(dropped) <= {"disk budget", "thinned", "memory full", "outbox set aside"}, "nothing else is lost"


def answer(
    lane: TelemetryLane, command: Command, disk: dict[Key, bytes], now: int, *, file: int, fails: bool, full: bool
) -> None:
    """Answer as the disk; in this world all that is not refused is done at once."""
    match command:
        case KeepBatches(rows) if fails:
            lane.not_kept(command.keys)
        case KeepBatches(rows):
            disk.update({row.key: row.body for row in rows})
            lane.kept(command.keys, [len(row.body) for row in rows], file)
        case LoadBatch(key) if fails:
            lane.not_loaded(key)
        case LoadBatch(key):
            lane.loaded(key, disk.get(key), now, file)
        case CutBatch(key):
            lane.not_cut(key)
        case ThinBatches(keys) if not fails:
            lane.thinned(keys, [ThinnedRow(key, 0, len(disk[key])) for key in keys if key in disk], file)
        case ForgetBatches(keys) if fails:
            lane.not_forgotten(keys)
        case ForgetBatches(keys):
            for key in keys:
                disk.pop(key, None)
            lane.forgotten(file)
        case ThinBatches(keys) | DropBatches(keys):
            if fails:
                lane.not_evicted(keys, now, full=full)
                return
            for key in keys:
                disk.pop(key, None)
            lane.deleted(keys, file)
    if full:
        lane.disk_full(now)
    elif fails:
        lane.disk_failed(now)


def test_a_disk_that_hangs_is_asked_once_and_memory_stays_bounded() -> None:
    lane = new_lane(max_memory_bytes=100_000)
    asked: list[KeepBatches] = []
    now_ns = 0
    for minute in range(600):
        now_ns = minute * 60 * S
        fill(lane, 10, now_ns)
        asked += [one for one in lane.due(now_ns, sending=False) if isinstance(one, KeepBatches)]
    assert len(asked) == 1, "each holds its batches for as long as it waits"
    assert lane._dropped["memory full"] > 0
    lane.not_kept(asked[0].keys)
    (again,) = lane.due(now_ns + KEEP_AFTER_NS, sending=False)
    keep(lane, again)
    assert lane.waiting == lane.on_disk == 6_000 - lane._dropped.total()
    fill(lane, 1, now_ns)
    (again,) = lane.due(now_ns + KEEP_AFTER_NS, sending=False)
    assert isinstance(again, KeepBatches)


def test_a_stop_keeps_again_what_the_disk_has_not_answered_for() -> None:
    """Whoever was to ask the disk may have been ended before that."""
    lane = new_lane()
    fill(lane, 2)
    assert send(lane, 0) == [0, 1]
    fill(lane, 2, S)
    (asked,) = lane.due(KEEP_AFTER_NS, sending=False)
    assert isinstance(asked, KeepBatches)
    fill(lane, 1, KEEP_AFTER_NS)
    (flushed,) = lane.flush()
    assert isinstance(flushed, KeepBatches)
    assert [one.key[1] for one in flushed.rows] == [0, 1, 2, 3, 4]
    keep(lane, flushed)
    assert (lane.in_memory, lane.on_disk, lane.flush()) == (0, 5, [])
