"""The entries of the ledger: what happened, each complete enough that the incidents can be rebuilt from them. Pure.

Names and notes of people are not in them, only the salted hash of each: the text stands beside the
chain (`records.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from contract.errors import BodyError
from contract.identity import BodyHash, EventId
from contract.messages import (
    AlertStatus,
    Cause,
    IncidentOrigin,
    Latitude,
    Longitude,
    Message,
    Nanoseconds,
    Word,
    first_fault,
)
from contract.time_quality import ClockSource
from contract.topics import Lane
from duty_desk.incidents.intake import Alarm

Screen = Annotated[str, Field(pattern=r"^[\p{L}\p{N}]([\p{L}\p{N} -]{0,38}[\p{L}\p{N}])?$")]
"""The name a screen was given: 1 to 40 letters, digits, spaces and hyphens, such as `Layar 1`."""


CallOrigin = Literal["call", "citizen", "other"]
Category = Literal["crime", "accident", "fire", "medical", "other"]
CancelReason = Literal["false_alarm", "test", "duplicate", "caller"]
"""Why an incident was cancelled: a false alarm, a test, a duplicate of another, or at the caller's request."""
Step = Annotated[int, Field(ge=0, le=99)]
TextName = Literal["officer", "address", "caller", "note", "who"]
"""The name of a text that stands beside an incident's rows, and can be erased."""
PersonField = Literal["who", "subject"]
"""Where the name of a person stands beside a log-in or a change of who may come."""
AuditWhat = Literal[
    "login",
    "login_refused",
    "logout",
    "session_ended",
    "account_added",
    "password_changed",
    "role_changed",
    "account_disabled",
    "account_enabled",
    "token_added",
    "token_removed",
    "exported",
]


PageOutcome = Literal["handed", "delivered", "failed", "skipped", "answered"]
"""handed: the provider took it; delivered: it came back that it arrived; failed: an error, or no answer in time;
skipped: it was not tried, as `detail` says why; answered: somebody accepted, or cannot come, by it."""
DutyWhat = Literal[
    "shift_began",
    "shift_ended",
    "channel_confirmed",
    "incident_taken",
    "roster_changed",
    "fault_began",
    "fault_ended",
    "bell_sounded",
    "bell_silenced",
    "drill_began",
    "drill_ended",
]
"""`subject` is the officer, `who` who did it, `detail` which channel, fault, drill or bell."""


ReportKey = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""A UUID of any version: a browser makes it."""


class _Entry(Message):
    """What every entry has: when, by the centre's clock, and what kept that clock (`none`: nothing known did)."""

    at_ns: Nanoseconds
    at_clock: ClockSource = "none"


class StartedEntry(_Entry):
    """The desk began to work."""

    kind: Literal["started"] = "started"
    desk: str
    software: str


class PressEntry(_Entry):
    """An alarm arrived; `incident_id` is the incident it opened or joined."""

    kind: Literal["press"] = "press"
    incident_id: EventId
    lane: Lane
    alarm: Alarm

    @property
    def key(self) -> str:
        """Its name within the incident."""
        return self.alarm.key

    @property
    def origin(self) -> IncidentOrigin:
        """What an incident it opens came from."""
        return _ORIGINS[self.alarm.cause]

    @property
    def happened_ns(self) -> int:
        """When it was pressed, as well as the centre can know."""
        return self.alarm.pressed_ns(self.at_ns)


_ORIGINS: Mapping[Cause, IncidentOrigin] = {
    "press": "press",
    "synthetic": "press",
    "threshold": "threshold",
    "tamper": "fault",
    "line_fault": "fault",
    "stuck": "fault",
}


class CallEntry(_Entry):
    """A person or another system reported something. `officer`, `address`, `caller` and `note` are hashes.

    `key` was made by the screen, so that a report sent twice is one incident.
    """

    kind: Literal["call"] = "call"
    incident_id: EventId
    key: ReportKey
    origin: CallOrigin
    category: Category
    status: AlertStatus = "Actual"
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    screen: Screen
    officer: BodyHash
    address: BodyHash | None = None
    caller: BodyHash | None = None
    note: BodyHash | None = None

    @property
    def happened_ns(self) -> int:
        """When it was reported."""
        return self.at_ns


class ActionEntry(_Entry):
    """Somebody did something at a screen. `officer` and `note` are hashes; `reason` stands with `cancel` only."""

    kind: Literal["accept", "answer", "depart", "resolve", "close", "cancel"]
    incident_id: EventId
    screen: Screen
    officer: BodyHash
    note: BodyHash | None = None
    reason: CancelReason | None = None

    @model_validator(mode="after")
    def _reason_stands_with_cancel(self) -> Self:
        if (self.reason is not None) != (self.kind == "cancel"):
            raise ValueError("a reason stands with cancel, and only there")
        return self


class NoteEntry(_Entry):
    """Somebody wrote something down. `officer` and `note` are hashes."""

    kind: Literal["note"] = "note"
    incident_id: EventId
    screen: Screen
    officer: BodyHash
    note: BodyHash


class DeliveryEntry(_Entry):
    """How far a press or call (`key`) came at a screen: its page has it, painted it, or somebody touched it.

    `painted_at_ns`, with `shown`, is by the screen's own clock. `officer`, with `seen`, is a hash.
    """

    kind: Literal["delivered", "shown", "seen"]
    incident_id: EventId
    screen: Screen
    key: str
    painted_at_ns: Nanoseconds | None = None
    officer: BodyHash | None = None


class EscalatedEntry(_Entry):
    """Nobody had answered: a step of the escalation was reached, and who rings since then (roles, or `siren`).

    `nobody`, where it came before its time: whom the step before it lets ring, as nobody of them was there.
    """

    kind: Literal["escalated"] = "escalated"
    incident_id: EventId
    step: Step
    rings: Annotated[tuple[Word, ...], Field(max_length=16)]
    unanswered_since_ns: Nanoseconds
    nobody: Annotated[tuple[Word, ...], Field(max_length=16)] | None = None


class PageEntry(_Entry):
    """How a page to somebody went, through one channel. `page` names the attempt, which may have several outcomes.

    `who`, a hash, is the account it went to; None for a channel that calls a room or another system. `incident_id` is
    None for the test of a channel; `step` and `round` say which step of the escalation it belongs to, and the how many
    repeat of it, of what was unanswered since `unanswered_since_ns`.
    """

    kind: Literal["page"] = "page"
    page: EventId
    channel: Word
    outcome: PageOutcome
    incident_id: EventId | None = None
    step: Step | None = None
    round: Annotated[int, Field(ge=0, le=9_999)] = 0
    unanswered_since_ns: Nanoseconds | None = None
    who: BodyHash | None = None
    took_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    detail: Annotated[str, Field(max_length=120)] | None = None


class DutyEntry(_Entry):
    """Something about who is on duty, and whether a press would reach them. `who` and `subject` are hashes."""

    kind: Literal["duty"] = "duty"
    what: DutyWhat
    who: BodyHash | None = None
    subject: BodyHash | None = None
    incident_id: EventId | None = None
    screen: Screen | None = None
    detail: Annotated[str, Field(max_length=120)] | None = None


class AuditEntry(_Entry):
    """Somebody came, went, or changed who may come. `who` and `subject` are hashes."""

    kind: Literal["audit"] = "audit"
    what: AuditWhat
    who: BodyHash
    subject: BodyHash | None = None
    screen: Screen | None = None
    detail: Annotated[str, Field(max_length=80)] | None = None


class ErasedEntry(_Entry):
    """Texts beside an incident's rows so far were erased: those under these names. `who` and `why` are hashes."""

    kind: Literal["erased"] = "erased"
    incident_id: EventId
    fields: Annotated[tuple[TextName, ...], Field(min_length=1, max_length=8)]
    who: BodyHash
    why: BodyHash


MAX_ERASED_ROWS = 1_000
"""Rows that one entry tells of; more take further entries."""


class PersonErasedEntry(_Entry):
    """A person's name was erased where it stood as `field` beside these rows. `who` and `why` are hashes."""

    kind: Literal["person_erased"] = "person_erased"
    field: PersonField
    rows: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, max_length=MAX_ERASED_ROWS)]
    who: BodyHash
    why: BodyHash


Entry = (
    StartedEntry
    | PressEntry
    | CallEntry
    | ActionEntry
    | NoteEntry
    | DeliveryEntry
    | EscalatedEntry
    | PageEntry
    | DutyEntry
    | ErasedEntry
    | PersonErasedEntry
    | AuditEntry
)
_ENTRIES: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def canonical(entry: Entry) -> str:
    """Return an entry as canonical JSON: keys sorted, no spaces, no keys that are None."""
    value = entry.model_dump(mode="json", exclude_none=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse_entry(body: str) -> Entry:
    """Return the entry written as JSON.

    Raises:
        BodyError: It is none; the reason is `invalid`.
    """
    try:
        return _ENTRIES.validate_json(body, strict=True)
    except ValidationError as error:
        raise BodyError("invalid", body.encode(errors="replace"), detail=first_fault(error)) from None
