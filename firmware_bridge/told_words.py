"""What a board tells, as texts of `firmware_bridge.words`. Pure."""

from __future__ import annotations

from firmware_bridge.messages import UNKNOWN_BUTTON, Beat, EventKind, Hello, LineClass
from firmware_bridge.session import Told
from firmware_bridge.told import Happened
from firmware_bridge.words import Listed, Text, text


def told_text(told: Told, now_ns: int) -> Text:
    """Return what a board told, as of `now_ns` (CLOCK_MONOTONIC)."""
    match told:
        case Hello():
            return who(told)
        case Beat():
            return how(told)
        case Happened():
            part = text("no button") if told.index == UNKNOWN_BUTTON else told.index
            value = text(LineClass(told.value).name.lower()) if told.kind is EventKind.LINE else told.value
            when = text("no moment")
            if told.happened_ns is not None and told.error_ns is not None:
                age_ms = (now_ns - told.happened_ns) / 1e6
                when = text("ago", ms=f"{age_ms:.0f}", error=f"{told.error_ns / 1e6:.0f}")
            kind = text(told.kind.name.lower())
            return text("happened", kind=kind, part=part, value=value, number=told.number, when=when)
    return text("answer", id=told.id, result=told.result)


def who(hello: Hello) -> Text:
    """Return who a board is."""
    return text(
        "who",
        board=hello.board,
        firmware=hello.firmware,
        protocol=hello.protocol,
        buttons=hello.buttons,
        lines=hello.lines,
        lamps=hello.lamps,
        sirens=hello.sirens,
        boots=hello.boots,
        cause=hello.reset_cause,
    )


def how(beat: Beat) -> Text:
    """Return how a board is."""
    return text(
        "how",
        up=f"{beat.board_ms / 1000:.0f}",
        lines=Listed(tuple(text(each.name.lower()) for each in beat.lines)),
        down=Listed(tuple(str(bit) for bit in range(32) if beat.buttons >> bit & 1)),
        presses=beat.presses,
        waiting=beat.waiting,
    )
