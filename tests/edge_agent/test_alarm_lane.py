"""When a press is sent, by which path, and when it may be forgotten: the design's timings in virtual time."""

from __future__ import annotations

import json

import pytest

from contract.identity import body_hash, new_event_id, new_stream_id
from contract.messages import AlarmReceipt, Press
from contract.time_quality import ClockSource
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.clock import EARLIEST_NS, Clock

S = 10**9


def kept(boot: str = "boot-1", monotonic_ns: int = 0, clock: ClockSource = "ntp") -> KeptPress:
    press = Press(
        event_id=new_event_id(),
        device="box-1",
        button="sos",
        cause="press",
        status="Actual",
        pressed_at_ns=EARLIEST_NS,
        clock=clock,
        age_ms=0,
        stream=new_stream_id(),
        sequence=0,
    )
    return KeptPress(press, boot, monotonic_ns)


def lane_with(press: KeptPress, *, boot: str = "boot-1", clock: Clock | None = None) -> AlarmLane:
    lane = AlarmLane(boot, clock or Clock(0, 0))
    lane.take(press, press.monotonic_ns)
    return lane


def receipt(press: KeptPress, stage: str) -> AlarmReceipt:
    return AlarmReceipt.model_validate({"device": "box-1", "stage": stage, "event_id": press.press.event_id})


def run(lane: AlarmLane, until_s: float) -> list[tuple[float, str]]:
    """Drive a lane by its own deadlines and return (second, path) of each sending."""
    sent: list[tuple[float, str]] = []
    while (now_ns := lane.next_ns()) is not None and now_ns <= until_s * S:
        sent.extend((now_ns / S, send.path) for send in lane.due(now_ns))
    return sent


def test_resends_after_1_2_4_8_then_every_10_s_and_by_the_second_path_from_3_s_on() -> None:
    sent = run(lane_with(kept()), 46)
    assert [second for second, path in sent if path == "alarm"] == [0, 1, 3, 7, 15, 25, 35, 45]
    assert [second for second, path in sent if path == "telemetry"] == [3, 7, 15, 25, 35, 45]


def test_a_ringing_receipt_keeps_it_and_stored_forgets_it() -> None:
    press = kept()
    lane = lane_with(press)
    run(lane, 0)
    assert lane.receipt(receipt(press, "ringing")) == (press.press.event_id, "kept")
    assert run(lane, 3) == [(1, "alarm"), (3, "alarm")], "the alarm path works: no second path"
    assert lane.receipt(receipt(press, "stored")) == (press.press.event_id, "forget")
    assert lane.receipt(receipt(press, "stored")) is None, "a repeated receipt is absorbed"
    assert (len(lane), lane.produced, lane.receipted, lane.next_ns()) == (0, 1, 1, None)


def test_when_the_desk_falls_silent_after_a_ringing_receipt_the_second_path_is_used_again() -> None:
    press = kept()
    lane = lane_with(press)
    run(lane, 0)
    lane.receipt(receipt(press, "ringing"))
    assert run(lane, 10) == [(1, "alarm"), (3, "alarm"), (7, "alarm"), (7, "telemetry")]


def test_a_receipt_may_name_the_body_by_its_hash() -> None:
    lane = lane_with(kept())
    bodies = [send.body for now in (0, 1, 3) for send in lane.due(now * S)]
    named = AlarmReceipt(device="box-1", stage="stored", body_sha256=body_hash(bodies[0]))
    outcome = lane.receipt(named)
    assert outcome is not None
    assert outcome[1] == "forget"
    assert lane.receipt(named) is None


def test_a_receipt_for_another_press_changes_nothing() -> None:
    lane = lane_with(kept())
    assert lane.receipt(receipt(kept(), "stored")) is None
    other = AlarmReceipt(device="box-1", stage="stored", body_sha256="0" * 64)
    assert lane.receipt(other) is None
    assert len(lane) == 1


def test_a_link_slower_than_2_s_gets_more_patience_with_each_attempt() -> None:
    lane = lane_with(kept())
    waits = [send.puback_timeout_s for now in (0, 1, 3, 7, 15) for send in lane.due(now * S) if send.path == "alarm"]
    assert waits == [2, 4, 8, 16, 16]


def test_a_new_connection_sends_at_once() -> None:
    lane = lane_with(kept())
    run(lane, 15)
    lane.connected(16 * S)
    assert lane.next_ns() == 16 * S


def test_the_age_is_by_the_monotonic_clock_and_attempts_are_counted() -> None:
    lane = lane_with(kept(monotonic_ns=5 * S))
    bodies = [json.loads(send.body) for now in (5.25, 6.5) for send in lane.due(int(now * S))]
    assert [(body["age_ms"], body["attempt"]) for body in bodies] == [(250, 1), (1_500, 2)]


@pytest.mark.parametrize(
    ("pressed_by", "told", "age_ms"), [("ntp", True, 90_000), ("none", True, None), ("ntp", False, None)]
)
def test_after_a_reboot_the_age_is_known_only_when_both_clocks_were_trusted(
    pressed_by: ClockSource, told: bool, age_ms: int | None
) -> None:
    clock = Clock(0, 0)
    if told:
        clock.tell("ntp", EARLIEST_NS + 90 * S, 10 * S)
    lane = AlarmLane("boot-2", clock)
    lane.take(kept(boot="boot-1", monotonic_ns=999 * S, clock=pressed_by), 10 * S)
    assert json.loads(lane.due(10 * S)[0].body).get("age_ms") == age_ms


def test_telemetry_stands_still_for_at_most_60_s_a_press() -> None:
    press = kept(monotonic_ns=2 * S)
    lane = lane_with(press)
    assert lane.telemetry_stands_still_until_ns() == 62 * S
    lane.receipt(receipt(press, "stored"))
    assert lane.telemetry_stands_still_until_ns() is None


def test_presses_without_end_do_not_stop_telemetry_for_ever() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    still_s = 0
    for second in range(3_600):
        if second % 20 == 0:
            lane.take(kept(monotonic_ns=second * S), second * S)
        until_ns = lane.telemetry_stands_still_until_ns()
        assert until_ns is not None
        still_s += until_ns > second * S
    assert 1_700 < still_s <= 1_800, "half of the time at most"


def test_the_same_press_taken_twice_is_one() -> None:
    press = kept()
    lane = lane_with(press)
    lane.take(press, 0)
    assert (len(lane), lane.produced) == (1, 1)
