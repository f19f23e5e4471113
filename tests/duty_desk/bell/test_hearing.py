"""What a bell makes of what arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

from contract import topics
from contract.identity import body_hash
from contract.messages import AlarmReceipt, Heartbeat, encode
from duty_desk.bell.hearing import Hearing, read_press
from duty_desk.bell.judge import RECEIPT_NS, Judge
from tests.duty_desk.conftest import press_body

S = 10**9
T0 = 1_795_325_400 * S
EVENT = "019a8f3c-5e10-7c3a-9f21-0123456789ab"


class Ear:
    """A bell's hearing, in virtual time; heartbeats keep coming."""

    def __init__(self) -> None:
        self.now = 500 * S
        self.judge = Judge(self.now)
        self.hearing = Hearing(self.judge)

    def hear(self, topic: str, body: bytes, *, retained: bool = False) -> None:
        """Take a message from the alarm broker."""
        self.hearing.hear("alarm", topic, body, retained, self.now, T0)

    def causes(self, seconds: int = RECEIPT_NS // S) -> list[str]:
        """Return what stands so much later."""
        for _ in range(seconds):
            self.now += S
            for lane in ("alarm", "telemetry"):
                self.judge.heartbeat(lane, self.now)
            self.judge.tick(self.now)
        return [cause.words for cause in self.judge.causes]


def receipt(stage: Literal["ringing", "stored"] = "ringing", **names: Any) -> bytes:
    return encode(AlarmReceipt(device="box-1", stage=stage, **names))


def test_a_press_waits_for_its_receipt_of_any_stage() -> None:
    ear = Ear()
    ear.hear(topics.alarm("box-1"), press_body(event_id=EVENT))
    assert ear.causes() == ["press box-1/sos"]
    ear.hear(topics.alarm_receipt("box-1"), receipt(event_id=EVENT))
    assert ear.causes(1) == []


@pytest.mark.parametrize(("stage", "waits"), [("stored", []), ("ringing", ["press box-1/sos"])])
def test_what_the_desk_has_stored_waits_no_more_and_what_it_rings_for_may(
    stage: Literal["ringing", "stored"], waits: list[str]
) -> None:
    ear = Ear()
    ear.hear(topics.alarm("box-1"), press_body(event_id=EVENT))
    ear.hear(topics.alarm_receipt("box-1"), receipt(stage, event_id=EVENT))
    assert ear.causes() == []
    ear.hear(topics.alarm("box-1"), press_body(event_id=EVENT))
    assert ear.causes() == waits


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", lambda body: {"body_sha256": body_hash(body)}),
        (b"\xff\xfe not JSON", lambda body: {"body_sha256": body_hash(body)}),
        (b'{"event_id":"' + EVENT.encode() + b'", cut', lambda body: {"event_id": EVENT}),
        (b"[" * 50_000, lambda body: {"body_sha256": body_hash(body)}),
    ],
)
def test_what_cannot_be_read_is_a_press_whose_receipt_names_it_as_the_desk_does(
    body: bytes, name: Callable[[bytes], dict[str, Any]]
) -> None:
    ear = Ear()
    ear.hear(topics.alarm("box-1"), body)
    assert ear.causes() == ["press box-1/?"]
    ear.hear(topics.alarm_receipt("box-1"), receipt(**name(body)))
    assert ear.causes(1) == []


@pytest.mark.parametrize("more", [{"status": "Test"}, {"status": "Exercise"}, {"cause": "synthetic"}])
@pytest.mark.parametrize("broken", [False, True])
def test_tests_and_drills_do_not_sound_though_they_be_broken(more: dict[str, str], broken: bool) -> None:
    ear = Ear()
    body = json.loads(press_body(**more)) | ({"sequence": -1} if broken else {})
    ear.hear(topics.alarm("box-1"), json.dumps(body).encode())
    assert ear.causes() == []
    assert ear.judge.counts == {"test": 1}


def test_what_a_broker_kept_is_not_happening_now() -> None:
    ear = Ear()
    ear.hear(topics.alarm("box-1"), press_body(), retained=True)
    heartbeat = encode(Heartbeat(desk="d", timestamp_ns=1, open_incidents=0, recording=True))
    ear.hear(topics.HEARTBEAT, heartbeat, retained=True)
    assert ear.judge.heard() == {"alarm": False, "telemetry": False}
    assert ear.causes() == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"desk":1}', b"\xff"])
def test_what_is_no_heartbeat_does_not_count_as_one(body: bytes) -> None:
    ear = Ear()
    ear.hear(topics.HEARTBEAT, body)
    ear.hear(topics.alarm_receipt("box-1"), body)
    ear.hear("siaga/v1/elsewhere", body)
    assert ear.judge.heard() == {"alarm": False, "telemetry": False}
    assert ear.hearing.refused == {"heartbeat": 1, "receipt": 1, "topic": 1}


def test_the_time_is_the_centres_as_the_last_heartbeat_told_it() -> None:
    ear = Ear()
    assert ear.hearing.clock.now_ns(ear.now, T0) == T0
    ear.hear(topics.HEARTBEAT, encode(Heartbeat(desk="d", timestamp_ns=T0 + 77 * S, open_incidents=0, recording=True)))
    assert ear.hearing.clock.now_ns(ear.now + 3 * S, T0) == T0 + 80 * S


@pytest.mark.parametrize(
    ("more", "at_ns"),
    [
        ({"age_ms": 4_000}, T0 - 4 * S),
        ({"age_ms": None, "clock": "gnss", "pressed_at_ns": T0 - 9 * S}, T0 - 9 * S),
        ({"age_ms": None, "clock": "gnss", "pressed_at_ns": T0 + 9 * S}, T0),
        ({"age_ms": None, "clock": "none", "pressed_at_ns": T0 - 9 * S}, T0),
    ],
)
def test_when_it_was_pressed_is_told_as_well_as_the_centre_can_know(more: dict[str, Any], at_ns: int) -> None:
    cause, names, meant = read_press("box-1", press_body(event_id=EVENT, **more), T0)
    assert (cause.at_ns, meant, EVENT in names) == (at_ns, True, True)
