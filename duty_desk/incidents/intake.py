"""What a body on an alarm topic means. Pure.

Rules:
- The topic says which device it is: the broker let nobody else write there. A body that names another device does not
  validate.
- A body that validates is a complete alarm. A body that does not is an alarm all the same, marked incomplete with the
  reason, and whatever can be read of it is kept.
- An alarm is known by (device, key): its `event_id`, or the SHA-256 of its body where no `event_id` can be read. The
  same key is the same alarm, however often and on whichever broker it arrives.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from contract.errors import BodyError
from contract.identity import NAME_PATTERN, BodyHash, EventId, Name, body_hash
from contract.messages import (
    MAX_ALARM_BYTES,
    AlertStatus,
    Cause,
    Count,
    Message,
    Nanoseconds,
    Position,
    Press,
    decode,
)
from contract.time_quality import ClockSource, is_trusted

UNKNOWN_BUTTON = "unknown"
"""Stands for the button of an incomplete alarm that does not say which one it was."""

_EVENT_ID = re.compile(rb'"event_id"\s*:\s*"([0-9a-f-]{36})"')
_BUTTON = re.compile(rb'"button"\s*:\s*"([a-z0-9-]{1,63})"')
_STATUS = re.compile(rb'"status"\s*:\s*"(Actual|Exercise|Test)"')
_EVENT_IDS: TypeAdapter[str] = TypeAdapter(EventId)
_POSITIONS: TypeAdapter[Position] = TypeAdapter(Position)


class Alarm(Message):
    """One alarm as the desk understood it.

    `key` identifies it within its device. `fault` is None for a body that validated, else the reason it did not;
    `body` then holds its first 8,192 bytes in base64, so that the record keeps what came.
    """

    device: Name
    key: Annotated[str, Field(min_length=1, max_length=64)]
    event_id: EventId | None
    button: Name
    cause: Cause
    status: AlertStatus
    pressed_at_ns: Nanoseconds | None = None
    clock: ClockSource = "none"
    age_ms: Count | None = None
    stream: str | None = None
    sequence: Count | None = None
    attempt: int | None = None
    position: Position | None = None
    detail: str | None = None
    fault: str | None = None
    body: str | None = None

    @property
    def incomplete(self) -> bool:
        """Whether the body did not validate."""
        return self.fault is not None

    @property
    def body_sha256(self) -> BodyHash | None:
        """The name of an alarm without an `event_id`."""
        return None if self.event_id is not None else self.key

    def pressed_ns(self, received_ns: int) -> int:
        """Return when it was pressed, in ns by the centre's clock.

        The age by the device's monotonic clock wins over its wall clock, which counts only when trusted and not later
        than `received_ns`; without either it is the moment of arrival.
        """
        if self.age_ms is not None:
            return max(0, received_ns - self.age_ms * 1_000_000)
        if self.pressed_at_ns is not None and is_trusted(self.clock):
            return min(self.pressed_at_ns, received_ns)
        return received_ns


def read_alarm(device: str, body: bytes) -> Alarm:
    """Return what a body on a device's alarm topic means; it raises nothing.

    Args:
        device: The device named by the topic.
        body: The body, of any length and content.
    """
    try:
        press = decode(Press, body)
    except BodyError as error:
        reason = f"{error.reason}: {error.detail}" if error.detail else error.reason
        return _salvage(device, body, reason)
    if press.device != device:
        return _salvage(device, body, f"names another device: {press.device}")
    return Alarm(
        device=device,
        key=press.event_id,
        event_id=press.event_id,
        button=press.button,
        cause=press.cause,
        status=press.status,
        pressed_at_ns=press.pressed_at_ns,
        clock=press.clock,
        age_ms=press.age_ms,
        stream=press.stream,
        sequence=press.sequence,
        attempt=press.attempt,
        position=press.position,
        detail=press.detail,
    )


def _salvage(device: str, body: bytes, fault: str) -> Alarm:
    kept = body[:MAX_ALARM_BYTES]
    value = _lenient(kept)
    event_id = _event_id(value, kept)
    return Alarm(
        device=device,
        key=event_id or body_hash(body),
        event_id=event_id,
        button=_text(value, "button", _BUTTON, kept, NAME_PATTERN) or UNKNOWN_BUTTON,
        cause=_cause(value),
        status=_status(value, kept),
        position=_position(value),
        age_ms=_age(value),
        fault=fault[:300],
        body=base64.b64encode(kept).decode(),
    )


def _lenient(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _event_id(value: dict[str, Any], body: bytes) -> str | None:
    candidates = [value.get("event_id")]
    candidates += [found.group(1).decode() for found in [_EVENT_ID.search(body)] if found]
    for candidate in candidates:
        try:
            return _EVENT_IDS.validate_python(candidate, strict=True)
        except ValidationError:
            continue
    return None


def _text(value: dict[str, Any], key: str, pattern: re.Pattern[bytes], body: bytes, valid: str) -> str | None:
    candidates = [value.get(key)]
    candidates += [found.group(1).decode() for found in [pattern.search(body)] if found]
    for candidate in candidates:
        if isinstance(candidate, str) and re.fullmatch(valid, candidate):
            return candidate
    return None


def _status(value: dict[str, Any], body: bytes) -> AlertStatus:
    """Return the status it claims; whatever claims none is taken for real."""
    found = _text(value, "status", _STATUS, body, "Actual|Exercise|Test")
    status: Literal["Actual", "Exercise", "Test"]
    for status in get_args(AlertStatus):
        if found == status:
            return status
    return "Actual"


def _cause(value: dict[str, Any]) -> Cause:
    cause: Cause
    for cause in get_args(Cause):
        if value.get("cause") == cause:
            return cause
    return "press"


def _position(value: dict[str, Any]) -> Position | None:
    try:
        return _POSITIONS.validate_python(value.get("position"))
    except ValidationError:
        return None


def _age(value: dict[str, Any]) -> int | None:
    age = value.get("age_ms")
    return age if isinstance(age, int) and not isinstance(age, bool) and 0 <= age < 2**40 else None
