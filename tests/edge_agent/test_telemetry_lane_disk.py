"""What a lane keeps on the disk and takes from it: after 30 s, when it is full, slow or set aside, and at a stop."""

from __future__ import annotations

from collections import Counter

from contract.batch import Range, TelemetryReceipt
from edge_agent.batch_commands import (
    ForgetBatches,
    KeepBatches,
    LoadBatch,
    ThinBatches,
    ThinnedRow,
)
from edge_agent.batch_memory import KEEPING_NS
from edge_agent.flight import WINDOW
from edge_agent.shelf import DISK_PAUSE_NS
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane
from tests.edge_agent.lane_kit import OLD, STREAM, S, fill, keep, new_lane, reading, receipt, send, stored


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


def test_stopping_keeps_everything_that_is_only_in_memory() -> None:
    lane = new_lane()
    fill(lane, 12)
    lane.due(0, sending=True)
    (command,) = lane.flush()
    assert isinstance(command, KeepBatches)
    assert sorted(key[1] for key in command.keys) == list(range(12))


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
