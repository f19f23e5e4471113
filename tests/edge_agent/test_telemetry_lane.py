"""Batches without receipt: window, bytes on the way, resend, order and patience, in virtual time."""

from __future__ import annotations

from contract.batch import Range, TelemetryReceipt
from contract.identity import body_hash
from edge_agent.batch_commands import (
    Key,
    LoadBatch,
    SendBatch,
)
from edge_agent.flight import WINDOW
from edge_agent.telemetry_lane import KEEP_AFTER_NS
from tests.edge_agent.lane_kit import OLD, STREAM, S, fill, new_lane, puback, reading, receipt, send, sent, stored


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
