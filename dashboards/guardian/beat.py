"""What a screen's page tells of itself each 2 s. It comes from outside, so each value is bounded. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import BodyError
from contract.messages import first_fault

MAX_BEAT_BYTES: Final = 4_096
_DAYS_400_MS: Final = 400 * 86_400_000

Age = Annotated[int, Field(ge=0, le=_DAYS_400_MS)]
"""How long ago something was, in ms, by the browser's own monotonic clock."""
Number = Annotated[int, Field(ge=0, le=100_000)]
Token = Annotated[str, Field(pattern=r"^[0-9a-z-]{8,40}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Frame(_Part):
    """What the page sees of the Grafana within it.

    `reachable`: its document could be looked into. `ticked_ms`: since its own timers last ran. `attempted_ms`,
    `answered_ms`: since a query of it ended in any way, and with status 200; None: not since it was loaded.
    """

    reachable: bool
    ticked_ms: Age
    log_in: bool = False
    missing: bool = False
    panels: Number = 0
    errors: Number = 0
    no_data: Number = 0
    loading: Number = 0
    attempted_ms: Age | None = None
    answered_ms: Age | None = None


class Board(_Part):
    """What the page says of its own drawing. `answered_ms`: since it last asked for all it draws, and drew it."""

    panels: Number
    errors: Number = 0
    answered_ms: Age | None = None


class Beat(_Part):
    """One heartbeat.

    `page` is made anew at each load, `browser` is kept by the browser. `kiosk`: it is a screen of the room, not
    somebody who looks at the same page elsewhere. `hung_ms`: since the page's main thread last told its worker
    anything; the worker sends the beat. `loaded_ms`: since the page began to show what it shows now.
    """

    page: Token
    browser: Token
    kiosk: bool = False
    leaving: bool = False
    version: Annotated[str, Field(max_length=64)] | None = None
    visible: bool = True
    hung_ms: Age = 0
    painted_ms: Age = 0
    loaded_ms: Age = 0
    source: Literal["grafana", "board", "incident"] = "board"
    dashboard: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")] | None = None
    frame: Frame | None = None
    board: Board | None = None
    heap_bytes: Annotated[int, Field(ge=0, le=2**53)] | None = None


def read_beat(body: bytes) -> Beat:
    """Return a beat.

    Raises:
        BodyError: It is too large or none; the reason is `oversize` or `invalid`.
    """
    if len(body) > MAX_BEAT_BYTES:
        raise BodyError("oversize", body[:256], detail=f"{len(body)} bytes, at most {MAX_BEAT_BYTES}")
    try:
        return Beat.model_validate_json(body)
    except ValidationError as error:
        raise BodyError("invalid", body[:256], detail=first_fault(error)[:200]) from None
