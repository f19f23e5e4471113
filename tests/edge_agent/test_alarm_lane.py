"""When a press is sent, by which path, and when it may be forgotten: the design's timings in virtual time."""

from __future__ import annotations

import json

import pytest

from contract.identity import body_hash, new_event_id, new_stream_id
from contract.messages import AlarmReceipt, Press
from contract.time_quality import ClockSource
from edge_agent.alarm_lane import (
    CHATTER_NS,
    SINGLE_PRESSES,
    WINDOW_LEAST,
    WINDOW_MOST,
    AlarmLane,
    KeptPress,
    Send,
)
from edge_agent.clock import EARLIEST_NS, Clock

S = 10**9


def kept(boot: str = "boot-1", monotonic_ns: int = 0, clock: ClockSource = "ntp", button: str = "sos") -> KeptPress:
    press = Press(
        event_id=new_event_id(),
        device="box-1",
        button=button,
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
        sent.extend((now_ns / S, send.path) for send in sendings(lane, now_ns))
    return sent


def sendings(lane: AlarmLane, now_ns: int, *, acknowledged: bool = False) -> list[Send]:
    """Return what is due; each sending comes to its end at once, so that the next ones have room."""
    sent: list[Send] = []
    while some := lane.due(now_ns):
        sent += some
        for send in some:
            lane.answered(send, now_ns, acknowledged=acknowledged)
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
    sent = [send for now in (0, 1, 3, 7, 15) for send in sendings(lane, now * S)]
    waits = [send.puback_timeout_s for send in sent if send.path == "alarm"]
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


# --- many presses


def chatter(lane: AlarmLane, presses: int, *, every_ns: int = S // 10, begin_ns: int = 0) -> tuple[int, int]:
    """Press one button so often; return how many became events and how many joined one."""
    events = joined = 0
    for number in range(presses):
        now_ns = begin_ns + number * every_ns
        if lane.join("sos", now_ns):
            joined += 1
        else:
            lane.take(kept(monotonic_ns=now_ns), now_ns)
            events += 1
        sendings(lane, now_ns)
    return events, joined


def test_a_chattering_button_and_a_dead_desk_cost_33_events_however_often_it_is_pressed() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    assert chatter(lane, 1_000, every_ns=9 * S) == (SINGLE_PRESSES + 1, 1_000 - SINGLE_PRESSES - 1)
    assert len(lane) == SINGLE_PRESSES + 1
    assert lane.chattering == {"sos": 1_000 - SINGLE_PRESSES - 1}


def test_presses_that_joined_are_told_once_fewer_wait_with_their_number_and_time() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    chatter(lane, SINGLE_PRESSES + 8)
    last = lane.waiting()[-1]
    later_ns = 60 * S
    assert last.press.event_id not in {send.event_id for send in sendings(lane, later_ns)}, "32 others wait"
    lane.receipt(receipt(lane.waiting()[0], "stored"))
    assert (lane.next_ns() or 0) <= later_ns
    (send,) = [send for send in sendings(lane, later_ns) if send.event_id == last.press.event_id]
    body = json.loads(send.body)
    assert body["detail"] == "ditekan 8 kali dalam 0.7 s / pressed 8 times within 0.7 s"
    assert body["age_ms"] == (later_ns - last.monotonic_ns) // 1_000_000
    assert lane.chattering == {}
    assert not lane.join("sos", later_ns), "what was sent never changes"
    again = next(send for send in sendings(lane, later_ns + 2 * S) if send.event_id == last.press.event_id)
    assert json.loads(again.body)["detail"] == body["detail"]


def test_a_button_that_chatters_at_a_desk_that_answers_is_one_event_in_5_s() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    events = 0
    for number in range(550):
        now_ns = number * S // 10
        if not lane.join("sos", now_ns):
            lane.take(kept(monotonic_ns=now_ns), now_ns)
            events += 1
        for send in sendings(lane, now_ns, acknowledged=True):
            lane.receipt(AlarmReceipt(device="box-1", stage="stored", event_id=send.event_id))
    assert events == SINGLE_PRESSES + 11
    assert len(lane) <= 1


def test_a_person_who_presses_again_and_again_is_not_a_chattering_button() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    for number in range(200):
        now_ns = number * (CHATTER_NS // SINGLE_PRESSES + 1)
        assert not lane.join("sos", now_ns)
        lane.take(kept(monotonic_ns=now_ns), now_ns)
        (send,) = sendings(lane, now_ns)
        lane.receipt(AlarmReceipt(device="box-1", stage="stored", event_id=send.event_id))


def test_one_button_that_chatters_changes_nothing_for_another() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    chatter(lane, 100)
    other = kept(monotonic_ns=11 * S, button="gate")
    assert not lane.join("gate", 11 * S)
    lane.take(other, 11 * S)
    assert other.press.event_id in {send.event_id for send in lane.due(11 * S)}


def test_a_thousand_presses_go_out_a_few_at_a_time_and_each_in_its_turn() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    presses = [kept(button=f"b-{number}") for number in range(1_000)]
    for press in presses:
        lane.take(press, 0, restored=True)
    first = lane.due(0)
    assert [send.event_id for send in first] == [press.press.event_id for press in presses[:WINDOW_LEAST]]
    new = kept(button="sos")
    lane.take(new, 0)
    (send,) = lane.due(0)
    assert send.event_id == new.press.event_id, "a new press waits for none of them"
    lane.answered(send, 0, acknowledged=True)
    lane.connected(0)
    first += lane.due(0)
    assert len(first) == WINDOW_LEAST + 1
    on_way, most, order = [*first], 0, [send.event_id for send in first]
    while len(order) < 1_000:
        lane.answered(on_way.pop(0), 0, acknowledged=True)
        sent = lane.due(0)
        on_way += sent
        order += [send.event_id for send in sent]
        most = max(most, len(on_way))
    assert most == WINDOW_MOST
    assert order == [press.press.event_id for press in presses]


def test_without_pubacks_the_window_is_the_least_again_and_the_turn_goes_round() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    presses = [kept(button=f"b-{number}") for number in range(40)]
    for press in presses:
        lane.take(press, 0, restored=True)
    told: set[str] = set()
    now_ns = 0
    while len(told) < 40:
        sent = lane.due(now_ns)
        assert len([send for send in sent if send.path == "alarm"]) <= WINDOW_LEAST
        told |= {send.event_id for send in sent}
        now_ns += 16 * S
        assert now_ns < 400 * S
        for send in sent:
            lane.answered(send, now_ns, acknowledged=False)


def test_a_puback_that_fails_makes_a_grown_window_the_least_again() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    for number in range(300):
        lane.take(kept(button=f"b-{number}"), 0, restored=True)
    on_way = lane.due(0)
    for _ in range(40):
        lane.answered(on_way.pop(0), 0, acknowledged=True)
        on_way += lane.due(0)
    assert len(on_way) == WINDOW_MOST
    for send in on_way:
        lane.answered(send, 2 * S, acknowledged=False)
    assert len(lane.due(2 * S)) == WINDOW_LEAST


def test_a_path_that_stands_still_does_not_hold_up_the_other() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    for number in range(2 * WINDOW_LEAST):
        lane.take(kept(button=f"b-{number}"), 0, restored=True)
    lane.due(0)
    paths = [send.path for second in range(1, 8) for send in lane.due(second * S)]
    assert paths == ["telemetry"] * WINDOW_LEAST, "no PUBACK came on either"


def test_what_is_blocked_or_held_makes_nobody_spin() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    for number in range(100):
        lane.take(kept(button=f"b-{number}"), 0, restored=True)
    chatter(lane, SINGLE_PRESSES + 2)
    for second in range(5, 100):
        lane.due(second * S)
        assert (lane.next_ns() or 0) > second * S


def test_a_press_that_is_held_back_holds_up_no_telemetry() -> None:
    lane = AlarmLane("boot-1", Clock(0, 0))
    chatter(lane, SINGLE_PRESSES + 2)
    for press in lane.waiting()[:-1]:
        lane.receipt(receipt(press, "stored"))
    assert len(lane) == 1
    assert lane.telemetry_stands_still_until_ns() is None
