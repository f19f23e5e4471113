"""A lane on a slow link and with little memory: batches are cut, readings thinned, and the books balance."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Range, TelemetryReceipt, decode_batch
from edge_agent.batch_commands import (
    Command,
    CutBatch,
    DropBatches,
    ForgetBatches,
    KeepBatches,
    Key,
    LoadBatch,
    SendBatch,
    ThinBatches,
    ThinnedRow,
)
from edge_agent.flight import WINDOW
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane
from tests.edge_agent.lane_kit import OLD, STREAM, S, fill, new_lane, position, puback, reading, receipt, stored


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
