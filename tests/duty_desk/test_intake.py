"""Every body on an alarm topic is an alarm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import body_hash, new_event_id
from duty_desk.incidents.intake import UNKNOWN_BUTTON, read_alarm
from tests.duty_desk.conftest import press_body


def test_a_valid_press_is_complete() -> None:
    event_id = new_event_id()
    alarm = read_alarm("box-1", press_body(event_id=event_id))
    assert (alarm.key, alarm.event_id, alarm.button, alarm.fault, alarm.body) == (event_id, event_id, "sos", None, None)
    assert alarm.body_sha256 is None


EVENT = "01940000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("body", "event_id", "button", "status", "fault"),
    [
        (press_body(event_id=EVENT, cause="boredom"), EVENT, "sos", "Actual", "invalid: cause"),
        (press_body(event_id=EVENT, status="Exercise", clock=7), EVENT, "sos", "Exercise", "invalid: clock"),
        (press_body(event_id=EVENT, status="Nonsense"), EVENT, "sos", "Actual", "invalid: status"),
        (press_body(event_id=EVENT, button="../x"), EVENT, UNKNOWN_BUTTON, "Actual", "invalid: button"),
        (press_body(event_id=EVENT)[:-1], EVENT, "sos", "Actual", "not json"),
        (press_body(event_id=EVENT) + b"\xff", EVENT, "sos", "Actual", "not utf-8"),
        (press_body(event_id=EVENT, detail="x" * 9_000), EVENT, "sos", "Actual", "oversize"),
        (press_body("box-9", event_id=EVENT), EVENT, "sos", "Actual", "names another device: box-9"),
        (press_body(event_id="42"), None, "sos", "Actual", "invalid: event_id"),
        (press_body(event_id=EVENT, pressed_at_ns="1"), EVENT, "sos", "Actual", "invalid: pressed_at_ns"),
        (b'{"event_id": NaN}', None, UNKNOWN_BUTTON, "Actual", "not json"),
        (b"", None, UNKNOWN_BUTTON, "Actual", "not json"),
        (b"[" * 8_000, None, UNKNOWN_BUTTON, "Actual", "nested too deep"),
        (b"null", None, UNKNOWN_BUTTON, "Actual", "invalid"),
        (b'{"a":1,"a":2,"button":"sos"}', None, "sos", "Actual", "duplicate key"),
    ],
)
def test_what_can_be_read_is_kept(body: bytes, event_id: str | None, button: str, status: str, fault: str) -> None:
    alarm = read_alarm("box-1", body)
    assert (alarm.device, alarm.event_id, alarm.button, alarm.status) == ("box-1", event_id, button, status)
    assert alarm.fault is not None
    assert alarm.fault.startswith(fault)
    assert alarm.key == (event_id or body_hash(body))


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_no_bytes_are_refused(body: bytes) -> None:
    alarm = read_alarm("box-1", body)
    assert alarm.incomplete
    assert alarm == read_alarm("box-1", body)


@given(st.dictionaries(st.sampled_from(list(json.loads(press_body()))), st.none() | st.integers() | st.text()))
def test_no_object_is_refused(more: dict[str, object]) -> None:
    alarm = read_alarm("box-1", json.dumps(json.loads(press_body()) | more).encode())
    assert alarm.device == "box-1"
    assert alarm.pressed_ns(10**18) <= 10**18


def test_the_age_by_the_monotonic_clock_wins_and_the_future_counts_as_now() -> None:
    now = 2_000_000_000_000_000_000
    assert read_alarm("box-1", press_body(age_ms=1_500)).pressed_ns(now) == now - 1_500_000_000
    assert read_alarm("box-1", press_body(age_ms=None, pressed_at_ns=7)).pressed_ns(now) == 7
    assert read_alarm("box-1", press_body(age_ms=None, pressed_at_ns=7, clock="none")).pressed_ns(now) == now
    assert read_alarm("box-1", press_body(age_ms=None, pressed_at_ns=now + 1)).pressed_ns(now) == now
    assert read_alarm("box-1", press_body(age_ms=2**62)).pressed_ns(now) == 0
