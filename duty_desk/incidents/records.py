"""What is written down: the entries of the ledger, and the names that stand beside them. Pure.

An entry is what happened, complete enough that the incidents can be rebuilt from the entries alone. Names and notes of
people are not in it: it holds only the hash of each, salted, so that a name can be erased by law without touching the
chain, and so that a hash alone gives no name away.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from contract.errors import BodyError
from contract.identity import BodyHash, EventId
from contract.messages import Message, Nanoseconds, first_fault
from contract.topics import Lane
from duty_desk.incidents.intake import Alarm

Screen = Annotated[str, Field(pattern=r"^[\p{L}\p{N}]([\p{L}\p{N} -]{0,38}[\p{L}\p{N}])?$")]
"""The name a screen was given: 1 to 40 letters, digits, spaces and hyphens, such as `Layar 1`."""


class StartedEntry(Message):
    """The desk began to work."""

    kind: Literal["started"] = "started"
    at_ns: Nanoseconds
    desk: str
    software: str


class PressEntry(Message):
    """An alarm arrived; `incident_id` is the incident it opened or joined."""

    kind: Literal["press"] = "press"
    at_ns: Nanoseconds
    incident_id: EventId
    lane: Lane
    alarm: Alarm


class ActionEntry(Message):
    """An officer did something at a screen. `officer` and `note` are hashes."""

    kind: Literal["accept", "answer", "close"]
    at_ns: Nanoseconds
    incident_id: EventId
    screen: Screen
    officer: BodyHash
    note: BodyHash | None = None


class ShownEntry(Message):
    """A screen painted a press of the incident. `painted_at_ns` is by the screen's own clock."""

    kind: Literal["shown"] = "shown"
    at_ns: Nanoseconds
    incident_id: EventId
    screen: Screen
    key: str
    painted_at_ns: Nanoseconds


Entry = StartedEntry | PressEntry | ActionEntry | ShownEntry
_ENTRIES: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Aside:
    """A text that stands beside the chain, with its salt (32 hexadecimal digits)."""

    salt: str
    text: str

    @classmethod
    def of(cls, text: str) -> Aside:
        """Return a text with a new salt."""
        return cls(secrets.token_hex(16), text)

    @property
    def hash(self) -> str:
        """The hash that stands in the chain: SHA-256 of salt and text."""
        return hashlib.sha256(f"{self.salt}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with the texts that stand beside it, by the name of the field that holds their hash."""

    entry: Entry
    asides: Mapping[str, Aside] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the text beside the chain, or None when there is none or it was erased."""
        aside = self.asides.get(name)
        return None if aside is None else aside.text


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
