"""What phones and their pages send about pushes, and what they are told. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.identity import EventId
from duty_desk.channels.contacts_file import MAX_ENDPOINT

PhoneId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Proof = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Keys(_Body):
    """The browser's keys, base64url (RFC 8291)."""

    p256dh: Annotated[str, Field(max_length=100)]
    auth: Annotated[str, Field(max_length=40)]


class Subscribe(_Body):
    """A browser's push subscription, as `PushSubscription.toJSON()` gives it, and the language of its notifications.

    Without a language it is that of the account's other phones: a browser that renews its own address knows none.
    """

    endpoint: Annotated[str, Field(min_length=1, max_length=MAX_ENDPOINT)]
    keys: Keys
    language: Literal["id", "en"] | None = None


class PhoneTest(_Body):
    """Which phone is to be tested."""

    phone: PhoneId


class Shown(_Body):
    """A page that came to a phone, with what proves it: both as the page has them."""

    page: EventId
    phone: PhoneId
    proof: Proof


class Answered(Shown):
    """What somebody answered to a page about an incident, at the phone."""

    incident_id: EventId
    answer: Literal["accept", "cannot"]


class PushKeyView(BaseModel):
    """The desk's public key, by which a browser subscribes (RFC 8292); base64url."""

    key: str


class PhoneView(BaseModel):
    """A phone or screen of one's own that is pushed to. `id`: SHA-256 of its endpoint, the first 32 hexadecimal digits.

    `worked_ms`: when its service last took a push; `confirmed_ms`: when it last said itself that one came.
    """

    id: str
    screen: str
    language: str
    created_ms: int
    worked_ms: int | None
    confirmed_ms: int | None


class PhonesView(BaseModel):
    """One's own phones."""

    phones: list[PhoneView]
