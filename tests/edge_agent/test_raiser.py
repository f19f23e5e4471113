"""What becomes an alarm, with which cause; and that whoever tests cannot crowd out who presses."""

from __future__ import annotations

from collections import Counter

import pytest

from contract.identity import new_stream_id
from contract.messages import AlarmReceipt
from edge_agent.alarm_lane import SINGLE_PRESSES, AlarmLane, KeptPress
from edge_agent.clock import Clock
from edge_agent.raiser import TEST_AGAIN_NS, NotNowError, Raiser
from edge_agent.threshold import Raised

S = 10**9


class Box:
    """A raiser before a real alarm lane."""

    def __init__(self) -> None:
        self.now_ns = S
        self.faults: Counter[str] = Counter()
        self.sent: list[KeptPress] = []
        clock = Clock(0, 0)
        self.lane = AlarmLane("boot", clock)
        self.raiser = Raiser(
            "box-1",
            "boot",
            new_stream_id(),
            clock=clock,
            lane=self.lane,
            faults=self.faults,
            position=lambda: None,
            send=self._send,
        )

    def _send(self, kept: KeptPress) -> None:
        self.sent.append(kept)
        self.lane.take(kept, self.now_ns)

    def receipt(self, event_id: str) -> None:
        self.lane.receipt(AlarmReceipt(device="box-1", stage="stored", event_id=event_id))


def test_each_cause_and_one_sequence() -> None:
    box = Box()
    box.raiser.pressed("sos", S)
    box.raiser.stuck("sos", S)
    box.raiser.crossed(Raised("river-high", S, "river: 3.2 m"))
    box.raiser.test("sos", S)
    told = [(kept.press.button, kept.press.cause, kept.press.status) for kept in box.sent]
    assert told == [
        ("sos", "press", "Actual"),
        ("sos", "stuck", "Actual"),
        ("river-high", "threshold", "Actual"),
        ("sos", "synthetic", "Test"),
    ]
    assert [kept.press.sequence for kept in box.sent] == [0, 1, 2, 3]
    assert box.sent[2].press.detail == "river: 3.2 m"


def test_a_test_waits_for_the_one_before_and_for_ten_seconds() -> None:
    box = Box()
    event_id = box.raiser.test("sos", S)
    with pytest.raises(NotNowError, match="test waits"):
        box.raiser.test("sos", S + 2 * TEST_AGAIN_NS)
    box.receipt(event_id)
    with pytest.raises(NotNowError, match="test too soon"):
        box.raiser.test("sos", S + TEST_AGAIN_NS - 1)
    box.raiser.test("sos", S + TEST_AGAIN_NS)


def test_a_real_press_never_joins_a_test_and_a_test_joins_nothing() -> None:
    box = Box()
    for _ in range(SINGLE_PRESSES - 1):
        box.raiser.pressed("sos", box.now_ns)
    event_id = box.raiser.test("sos", box.now_ns)
    assert box.lane.chattering == {}, "the test is not held back, so that no press can join it"
    box.receipt(event_id)
    box.raiser.pressed("sos", box.now_ns)
    box.raiser.pressed("sos", box.now_ns)
    assert list(box.lane.chattering) == ["sos"]
    before = len(box.sent)
    box.raiser.test("sos", box.now_ns + TEST_AGAIN_NS)
    assert len(box.sent) == before + 1, "a test goes out by itself while the button chatters"
    assert box.lane.chattering == {"sos": 0}


def test_a_value_or_a_contact_that_flutters_before_a_dead_desk_costs_no_events_without_end() -> None:
    box = Box()
    for number in range(5 * SINGLE_PRESSES):
        box.now_ns = number * 10 * S
        box.raiser.stuck("sos", box.now_ns)
        box.raiser.crossed(Raised("river-high", box.now_ns, "river: 3.2 m"))
    assert len(box.sent) == 2 * (SINGLE_PRESSES + 1)
    assert box.faults["button river-high: chattering"] == 4 * SINGLE_PRESSES - 1
