"""What a session tells of a board's events."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.messages import EventKind


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened on the board. A press is told once, and kept by the board until `Session.press_stored`.

    `happened_ns` is CLOCK_MONOTONIC, wrong by at most `error_ns`; both are None when the board does not know when it
    was, as after a reset. `index` is `messages.UNKNOWN_BUTTON` when it does not know whose press it was either.
    """

    number: int
    kind: EventKind
    index: int
    value: int
    happened_ns: int | None
    error_ns: int | None
