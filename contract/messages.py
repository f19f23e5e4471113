"""The bodies that travel, but for the batch, which has a file of its own.

Each is a frozen pydantic model. `encode` and `decode` are the only way in and out of bytes: UTF-8 JSON (RFC 8259),
no NaN, no duplicate keys.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.errors import BodyError
from contract.identity import BodyHash, EventId, Name, StreamId
from contract.time_quality import ClockSource
from contract.topics import Lane

Nanoseconds = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Time since 1970-01-01T00:00:00Z in ns, 0 to 2^63-1: InfluxDB's own range from the epoch on."""

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]

Cause = Literal["press", "tamper", "line_fault", "stuck", "threshold", "synthetic"]
AlertStatus = Literal["Actual", "Exercise", "Test"]
"""Common Alerting Protocol 1.2, 3.2.1: `status`."""

Word = Annotated[str, Field(min_length=1, max_length=64)]
"""A version, boot id, fault or other short text a process gives itself, 1 to 64 characters."""
Counts = Annotated[dict[Word, Count], Field(max_length=64)]
"""Counts by name, at most 64."""

MAX_ALARM_BYTES = 8_192
"""No body is larger but a batch, its receipt and the inventory; a receiver refuses a larger one."""
MAX_NESTING = 16
"""Brackets open at once in a body; ours need four."""


class Message(BaseModel):
    """What every body has in common: frozen, keys it does not know ignored, numbers not made from strings."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Position(Message):
    """Where a device was, and when it knew it (WGS 84, degrees)."""

    latitude: Latitude
    longitude: Longitude
    timestamp_ns: Nanoseconds


class Press(Message):
    """One alarm event from a device.

    `pressed_at_ns` is frozen at the press, by the clock named in `clock`. `age_ms` is the time since the press at this
    sending, by the device's monotonic clock, so that a desk knows the true age whatever the clock; it is None when the
    device restarted with an untrusted clock in between. `stream` and `sequence` make a loss visible: sequence numbers
    of one stream rise by one. `attempt` is 1 at the first sending.
    """

    event_id: EventId
    device: Name
    button: Name
    cause: Cause
    status: AlertStatus
    pressed_at_ns: Nanoseconds
    clock: ClockSource
    age_ms: Count | None = None
    stream: StreamId
    sequence: Count
    attempt: Annotated[int, Field(ge=1)] = 1
    position: Position | None = None
    detail: Annotated[str, Field(max_length=500)] | None = None


class AlarmReceipt(Message):
    """What the desk did with a press.

    `ringing`: it rings from memory and is not yet recorded; the device keeps it. `stored`: it is in the ledger; the
    device may forget it. A body without a usable `event_id` is named by `body_sha256`.
    """

    device: Name
    stage: Literal["ringing", "stored"]
    event_id: EventId | None = None
    body_sha256: BodyHash | None = None
    incident_id: Word | None = None
    ledger_head: BodyHash | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.event_id is None and self.body_sha256 is None:
            raise ValueError("names neither an event_id nor a body_sha256")
        return self


LampState = Literal["off", "received", "accepted"]
"""off: no open incident; received: the desk has it; accepted: an officer answers."""


class Lamps(Message):
    """The whole state of a device's lamps, by button. A box takes only a `version` above the last one it took.

    `run` names this run of the desk: to another one than before, a box sends at once what has no receipt yet.
    """

    device: Name
    version: Count
    centre_time_ns: Nanoseconds
    lamps: Annotated[dict[Name, LampState], Field(max_length=64)]
    run: Word | None = None


class Status(Message):
    """A device's birth and will on one lane, retained."""

    device: Name
    lane: Lane
    state: Literal["online", "offline"]
    boot: Word
    software: Word


class Books(Message):
    """Where each thing produced is: produced = receipted + waiting + the sum of dropped, at any moment."""

    produced: Count
    receipted: Count
    waiting: Count
    dropped: Counts


class Report(Message):
    """A device's books, each minute; `sensors` is what each sensor's driver counted, sentences and refusals alike.

    The books count since the device's program started, with `stream`. `previous_stream` is that of the start before it:
    if a fault says that it ended by a power cut, its last report is all that is known of it. `outputs` says of its
    siren and its beacon, those there are, whether they go. `certificate_ends_s` is when the first of its certificates
    ends, in s since 1970.
    """

    device: Name
    boot: Word
    timestamp_ns: Nanoseconds
    clock: ClockSource
    software: Word
    readings: Books
    presses: Books
    faults: Counts
    sensors: dict[Name, Counts] = Field(default_factory=dict)
    stream: StreamId | None = None
    previous_stream: StreamId | None = None
    outputs: Annotated[dict[Name, bool], Field(max_length=8)] = Field(default_factory=dict)
    certificate_ends_s: Count | None = None


ConfigOutcome = Literal["refused", "trial", "confirmed", "reverted", "overruled"]
"""refused: what was in force stays; trial: the box runs with it and goes back by itself unless both brokers and the
centre are reached in time; overruled: the file on the box was changed by hand afterwards, and that counts."""


class ConfigReply(Message):
    """What became of the last configuration that was pushed to a device; sent again at each connect.

    `version` is None when there is no telling which it was. `reason` is short and stable, such as `bad signature`;
    `detail` is for people. `body_sha256` names what arrived.
    """

    device: Name
    about: Literal["config"] = "config"
    outcome: ConfigOutcome
    version: Count | None = None
    reason: Word | None = None
    detail: Annotated[str, Field(max_length=500)] | None = None
    body_sha256: BodyHash | None = None
    timestamp_ns: Nanoseconds


class PushedConfig(Message):
    """The content of a signed document of kind `config`: a device's whole `box.toml`.

    The box reverts unless it reached the centre by both brokers within `confirm_s`.
    """

    model_config = ConfigDict(extra="forbid")

    toml: Annotated[str, Field(min_length=1)]
    confirm_s: Annotated[int, Field(ge=2, le=3_600)] = 180


CommandName = Literal["siren", "beacon", "lamp_test", "synthetic_press"]
MAX_SOUND_S = 600
"""No siren and no beacon goes longer than this on one command."""


class Command(Message):
    """Something a device is to do now: the content of a signed document of kind `command` (`command.py`).

    One that arrives after `expires_at_ns` by the centre's clock is not obeyed.

    - `siren`, `beacon`: go for `seconds`, from the arrival of the latest command on, or with `on` false be silent.
    - `lamp_test`: the lamp at `button` shows each of its patterns.
    - `synthetic_press`: the driver of `button` makes a press that is marked as a test.
    """

    id: EventId
    device: Name
    expires_at_ns: Nanoseconds
    command: CommandName
    on: bool = True
    seconds: Annotated[int, Field(ge=0, le=MAX_SOUND_S)] = 0
    button: Name | None = None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        if self.command in ("siren", "beacon"):
            if self.on and self.seconds == 0:
                raise ValueError(f"a {self.command} that is on needs seconds")
        elif self.button is None:
            raise ValueError(f"{self.command} needs a button")
        return self


CommandOutcome = Literal["done", "refused", "expired", "unknown"]
"""refused: `detail` says why; expired: it came too late; unknown: the device does not know the command, or has nothing
that could do it."""


class CommandReply(Message):
    """What became of a command. The same command is answered again as before, and not done again.

    `detail` is for people; of a `synthetic_press` that was done it is the event id of the press.
    """

    device: Name
    about: Literal["command"] = "command"
    id: EventId
    outcome: CommandOutcome
    detail: Annotated[str, Field(max_length=500)] | None = None
    timestamp_ns: Nanoseconds


PathHop = Literal["command", "alarm", "telemetry", "store", "receipt"]
"""A hop of a test press: the box answered the command; the press came by that broker; it is on the desk's disk; the box
had its receipt."""


class PathTests(Message):
    """The desk's test presses of the last 24 hours: how many were judged, and how many of them came in time and were
    stored; 99 % came by the alarm broker within `p99_ms`, passed each hop within `hops_p99_ms` since the command;
    `broken` are the centre's hops that are broken now. `budget_left` is the part of the error budget of 30 days that is
    left, below 0 when it is overdrawn."""

    tests: Count
    in_time: Count
    p99_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    broken: Annotated[list[Word], Field(max_length=8)] = Field(default_factory=list)
    hops_p99_ms: dict[PathHop, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    budget_left: Annotated[float, Field(le=1, allow_inf_nan=False)] | None = None


class Heartbeat(Message):
    """The desk lives: each 2 s on both brokers. `tests` is missing where there were none.

    `epoch` counts who owns the presses where two desks stand for one another; the higher one is the owner. `drill` is
    the name of the one that runs.
    """

    desk: Word
    timestamp_ns: Nanoseconds
    open_incidents: Count
    recording: bool
    ledger_head: BodyHash | None = None
    tests: PathTests | None = None
    epoch: Count | None = None
    drill: Annotated[str, Field(min_length=1, max_length=60)] | None = None


IncidentState = Literal["open", "accepted", "on_the_way", "resolved", "closed", "cancelled"]
"""Where an incident stands. `cancelled` has a reason: a false alarm, a test, a duplicate, the caller's request."""
IncidentOrigin = Literal["press", "threshold", "fault", "call", "citizen", "other"]
"""What an incident came from: a button, a threshold on a box, a tampered or broken line, a 112 call, a citizen at the
counter, another system."""


class IncidentMessage(Message):
    """What became of an incident. `device` and `button` are missing where none is known, as with a call."""

    incident_id: Word
    state: IncidentState
    origin: IncidentOrigin = "press"
    status: AlertStatus
    device: Name | None = None
    button: Name | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    opened_at_ns: Nanoseconds
    received_at_ns: Nanoseconds | None = None
    changed_at_ns: Nanoseconds
    accepted_at_ns: Nanoseconds | None = None
    departed_at_ns: Nanoseconds | None = None
    resolved_at_ns: Nanoseconds | None = None
    ended_at_ns: Nanoseconds | None = None
    officer: Annotated[str, Field(max_length=200)] | None = None
    reason: Word | None = None
    escalation_step: Annotated[int, Field(ge=-1, le=99)] = -1
    presses: Annotated[int, Field(ge=0)]
    incomplete: bool
    ledger_head: BodyHash | None = None


ScreenState = Literal["good", "stale", "blank", "frozen", "logged_out", "error", "gone"]
"""How a screen of the wall is. stale: what it shows is old; blank: it shows nothing; frozen: its picture stands still;
logged_out: it shows a log-in form; error: panels show errors; gone: nothing is heard of it."""


class ScreenMessage(Message):
    """How a screen of the wall is, retained: sent when it changes, and each 30 s.

    `reasons` are short and stable, the gravest first. `data_age_s` is the age of the newest reading it shows, as the
    wall server sees it. `reloads`: how often it was told to load itself anew.
    """

    screen: Annotated[int, Field(ge=1, le=24)]
    state: ScreenState
    since_ns: Nanoseconds
    timestamp_ns: Nanoseconds
    dashboard: Word | None = None
    reasons: Annotated[list[Word], Field(max_length=8)] = Field(default_factory=list)
    data_age_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    reloads: Count = 0


MessageT = TypeVar("MessageT", bound=Message)


def encode(message: Message) -> bytes:
    """Return a message as UTF-8 JSON, without the keys that are None: in every message None is also the default."""
    return message.model_dump_json(exclude_none=True).encode()


def decode(model: type[MessageT], body: bytes, *, max_bytes: int = MAX_ALARM_BYTES) -> MessageT:
    """Return a body as a message.

    Raises:
        BodyError: With reason `oversize`, `not utf-8`, `not json`, `nested too deep`, `duplicate key` or `invalid`.
    """
    value = parse_json(body, max_bytes=max_bytes)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise BodyError("invalid", body, detail=first_fault(error)) from None


def parse_json(body: bytes, *, max_bytes: int) -> Any:
    """Return the JSON value of a body, refusing what the standard library would let pass.

    Raises:
        BodyError: As `decode`, but for `invalid`.
    """
    if len(body) > max_bytes:
        raise BodyError("oversize", body, detail=f"{len(body)} bytes, at most {max_bytes}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyError("not utf-8", body) from None
    if _nesting(text) > MAX_NESTING:
        raise BodyError("nested too deep", body, detail=f"at most {MAX_NESTING} brackets open at once")
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except _DuplicateKeyError as error:
        raise BodyError("duplicate key", body, detail=str(error)) from None
    except ValueError as error:
        raise BodyError("not json", body, detail=str(error)) from None


def first_fault(error: ValidationError) -> str:
    """Return the first fault of a failed validation as `field: what is wrong`."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _nesting(text: str) -> int:
    """Return how many brackets are open at once at most, those in strings not counted."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return 0  # it cannot be deeper than that
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(text):
        if token in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in ("]", "}"):
            depth -= 1
    return deepest


class _DuplicateKeyError(Exception):
    pass


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
