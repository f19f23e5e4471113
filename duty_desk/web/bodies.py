"""What pages send: the bodies of what people do. Who does it, and at which screen, is the session's to say."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contract.messages import Latitude, Longitude
from duty_desk.incidents.entries import CallOrigin, CancelReason, Category, ReportKey

MAX_NOTE: Final = 2_000


def _note(text: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Cn") and letter not in "\n\t" for letter in text):
        raise ValueError("expected plain text")
    return text.strip()


Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_note)]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Act(_Request):
    """Something done with an incident, with a note or without."""

    note: Note | None = None


class Cancel(Act):
    """Why an incident is cancelled."""

    reason: CancelReason


class Write(_Request):
    """A note."""

    note: Annotated[Note, Field(min_length=1)]


class Call(Act):
    """What is reported, and where. `key` is a UUID of the page's, so that a report sent twice is one incident."""

    key: ReportKey
    origin: CallOrigin = "call"
    category: Category
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[str, Field(max_length=200), AfterValidator(_note)] | None = None
    caller: Annotated[str, Field(max_length=120), AfterValidator(_note)] | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude stand together")
        if self.latitude is None and not self.address:
            raise ValueError("expected a place: latitude and longitude, or an address")
        return self


class Delivery(_Request):
    """How far a press (by its `key`) came at a screen; `painted_ms`, with `shown`, by its clock, in ms since 1970."""

    kind: Literal["delivered", "shown", "seen"] = "shown"
    key: Annotated[str, Field(min_length=1, max_length=64)]
    painted_ms: Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)] | None = None
