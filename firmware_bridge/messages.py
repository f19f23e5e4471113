"""What host and board say: the payloads of frames, as types. Keys that are not known here are passed over.

A beat comes a second after the one before; one that answers a ping comes at once.

| type | from | payload |
|---|---|---|
| 1 hello | board | 0 protocol, 1 firmware, 2 board, 3 [buttons, lines, lamps, sirens], 4 boots, 5 reset's cause |
| 1 hello | host | nothing: it asks for one |
| 2 hello_ack | host | 0 session |
| 3 event | board | 0 number, 1 kind, 2 index, 3 value, 4 age in ms (missing: unknown), 5 board's clock in ms |
| 4 event_ack | host | 0 number |
| 5 command | host | 0 id, 1 kind, 2 index, 3 value |
| 6 command_ack | board | 0 id, 1 result, 2 value |
| 7 beat | board | 0 clock in ms, 1 lines' classes, 2 buttons down (bits), 3 events waiting, 4 presses ever |
| 8 ping | host | nothing |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from firmware_bridge.errors import FrameError
from firmware_bridge.frame import Frame, Payload

PROTOCOL: Final = 1
"""What a hello of our firmware says."""

UNKNOWN_BUTTON: Final = 255
"""The index of a press of before a reset, when the board no longer knows whose it was."""

MOST_TEXT: Final = 12
OTHER_EVENT: Final = 0x8000_0000
"""The bit of the numbers of events that are no presses; presses are numbered by the board's EEPROM, from 1."""


class Type(IntEnum):
    """Types of frames."""

    HELLO = 1
    HELLO_ACK = 2
    EVENT = 3
    EVENT_ACK = 4
    COMMAND = 5
    COMMAND_ACK = 6
    BEAT = 7
    PING = 8


class EventKind(IntEnum):
    """What an event tells; the value of a line event is its `LineClass`."""

    PRESS = 1
    RELEASE = 2
    LINE = 3
    STUCK = 4


class CommandKind(IntEnum):
    """What a board can be told to do; the value for a lamp or siren is a `Pattern`."""

    LAMP = 1
    SIREN = 2
    READ_LINE = 3
    RESET = 4


class Pattern(IntEnum):
    """How a lamp or siren goes: off, half a second on and off, a tenth on and off, on, three flashes a second."""

    OFF = 0
    SLOW = 1
    FAST = 2
    SOLID = 3
    FLASHES = 4


class LineClass(IntEnum):
    """What a supervised line is."""

    SHORT = 0
    PRESSED = 1
    NORMAL = 2
    OPEN = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a board is. `boots` counts its starts ever; `reset_cause` is the chip's own register."""

    protocol: int
    firmware: str
    board: str
    buttons: int
    lines: int
    lamps: int
    sirens: int
    boots: int
    reset_cause: int


@dataclass(frozen=True, slots=True)
class Event:
    """What happened on a board, `age_ms` before its clock was `board_ms`; None: that is not known."""

    number: int
    kind: EventKind
    index: int
    value: int
    age_ms: int | None
    board_ms: int


@dataclass(frozen=True, slots=True)
class CommandAck:
    """What became of a command; result 0 is done, 1 an unknown kind, 2 a wrong index, 3 a wrong value."""

    id: int
    result: int
    value: int


@dataclass(frozen=True, slots=True)
class Beat:
    """How a board is. `buttons` has a bit for each that is down."""

    board_ms: int
    lines: tuple[LineClass, ...]
    buttons: int
    waiting: int
    presses: int


FromBoard: TypeAlias = Hello | Event | CommandAck | Beat


def parse_from_board(frame: Frame) -> FromBoard | None:
    """Return what a frame of a board says, None for a type that no board says here.

    Raises:
        FrameError: Its payload is not what its type says; `reason` is `payload`.
    """
    payload = frame.payload
    try:
        match frame.type:
            case Type.HELLO:
                return _hello(payload)
            case Type.EVENT:
                age_ms = _number(payload, 4) if 4 in payload else None
                kind, value = EventKind(_number(payload, 1)), _number(payload, 3)
                if kind is EventKind.LINE:
                    value = LineClass(value)
                number = _number(payload, 0)
                if (kind is EventKind.PRESS) == (number >= OTHER_EVENT) or number == 0:
                    raise ValueError(f"a {kind.name.lower()} numbered {number}")
                return Event(number, kind, _number(payload, 2, most=255), value, age_ms, _number(payload, 5))
            case Type.COMMAND_ACK:
                return CommandAck(_number(payload, 0, most=65_535), _number(payload, 1), _number(payload, 2))
            case Type.BEAT:
                return _beat(payload)
            case _:
                return None
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError("payload", detail=f"type {frame.type}: {error!r}") from None


def hello_ack(session: int) -> tuple[Type, Payload]:
    """Return the answer to a hello."""
    return Type.HELLO_ACK, {0: session}


def ask_hello() -> tuple[Type, Payload]:
    """Return what asks a board that was answered already, by an earlier run, to say hello again."""
    return Type.HELLO, {}


def event_ack(number: int) -> tuple[Type, Payload]:
    """Return what ends the board's resending of an event."""
    return Type.EVENT_ACK, {0: number}


def command(id_: int, kind: CommandKind, index: int, value: int) -> tuple[Type, Payload]:
    """Return a command; each is such that doing it twice changes nothing."""
    return Type.COMMAND, {0: id_, 1: int(kind), 2: index, 3: int(value)}


def ping() -> tuple[Type, Payload]:
    """Return what a board answers with a beat at once."""
    return Type.PING, {}


def _hello(payload: Payload) -> Hello:
    counts = payload[3]
    if not isinstance(counts, list) or len(counts) != 4 or max(counts) > 255:
        raise ValueError("capabilities are four counts")
    buttons, lines, lamps, sirens = counts
    return Hello(
        protocol=_number(payload, 0),
        firmware=_text(payload, 1),
        board=_text(payload, 2),
        buttons=buttons,
        lines=lines,
        lamps=lamps,
        sirens=sirens,
        boots=_number(payload, 4),
        reset_cause=_number(payload, 5),
    )


def _beat(payload: Payload) -> Beat:
    lines = payload[1]
    if not isinstance(lines, bytes):
        raise TypeError("line classes are bytes")
    return Beat(
        _number(payload, 0),
        tuple(LineClass(each) for each in lines),
        _number(payload, 2),
        _number(payload, 3),
        _number(payload, 4),
    )


def _number(payload: Payload, key: int, most: int = 0xFFFF_FFFF) -> int:
    value = payload[key]
    if not isinstance(value, int):
        raise TypeError(f"key {key} is a number")
    if value > most:
        raise ValueError(f"key {key} is at most {most}")
    return value


def _text(payload: Payload, key: int) -> str:
    value = payload[key]
    if not isinstance(value, str):
        raise TypeError(f"key {key} is a text")
    if len(value) > MOST_TEXT or not (value.isascii() and value.isprintable()):
        raise ValueError(f"key {key} is at most {MOST_TEXT} printable characters")
    return value
