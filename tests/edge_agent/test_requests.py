"""What a technician may ask of a running agent, and that nothing that is asked raises."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from contract.identity import new_stream_id
from edge_agent.alarm_lane import AlarmLane
from edge_agent.clock import Clock
from edge_agent.lamp import TEST_PATTERNS, LampPanel
from edge_agent.raiser import Raiser
from edge_agent.requests import ERRORS, Requests
from edge_agent.uplink import Uplink
from tests.edge_agent.test_uplink import box_on

S = 10**9


def asking(uplink: Uplink, lane: AlarmLane, panel: LampPanel) -> Requests:
    raiser = Raiser(
        "box-1",
        "boot-1",
        new_stream_id(),
        clock=Clock(0, 0),
        lane=lane,
        faults=Counter(),
        position=lambda: None,
        send=uplink.press,
    )
    return Requests({"sos", "dark"}, {"sos"}, raiser, panel, uplink)


async def test_a_test_press_its_way_and_a_lamp_test(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        panel = LampPanel(["sos"])
        requests = asking(box.uplink, box.presses, panel)
        assert requests.answer(b'{"lamp_test":"sos"}', S) == {"patterns": list(TEST_PATTERNS), "step_s": 3.0}
        assert panel["sos"].pattern(S)[0] == "kept"
        panel["sos"].told("received")
        assert requests.answer(b'{"lamp_test":"sos"}', S) == {"error": "lamp in use"}
        event_id = requests.answer(b'{"press":"sos"}', S)["event_id"]
        (kept,) = box.presses.waiting()
        assert (kept.press.event_id, kept.press.cause, kept.press.status) == (event_id, "synthetic", "Test")
        assert requests.answer(b'{"press":"sos"}', 20 * S) == {"error": "test waits"}
        await box.on_card()
        hops = requests.answer(json.dumps({"hops": event_id}).encode(), S)["hops"]
        assert "sent alarm" in hops
        _, held = await box.on_card()
        assert held == {}, "nobody holds the button: the press of a person after a restart must count"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (b"{", "not understood"),
        (b"[" * 100_000, "not understood"),
        (b"[]", "not understood"),
        (b"\xff", "not understood"),
        (b'{"dance":"sos"}', "not understood"),
        (b'{"press":"other"}', "no such button"),
        (b'{"press":7}', "no such button"),
        (b'{"lamp_test":"other"}', "no such button"),
        (b'{"lamp_test":"dark"}', "no lamp"),
        (b'{"hops":"other"}', "no such event"),
    ],
)
async def test_what_cannot_be_answered_is_told_why(tmp_path: Path, request_: bytes, error: str) -> None:
    async with box_on(tmp_path) as box:
        assert error in ERRORS
        assert asking(box.uplink, box.presses, LampPanel(["sos"])).answer(request_, S) == {"error": error}
