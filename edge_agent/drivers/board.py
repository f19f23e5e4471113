"""What the drivers of a board's parts have in common: their URIs, and what they tell. No I/O.

| URI | part of a board (`firmware_bridge/`) |
|---|---|
| `board:///dev/serial/by-id/usb-Arduino-if00?button=0` | a button |
| `board:///dev/serial/by-id/usb-Arduino-if00?line=1` | a supervised line with a button at its end |
| `board:///dev/serial/by-id/usb-Arduino-if00?line=1&use=tamper` | one with the contact of a housing at its end |
| `board:///dev/serial/by-id/usb-Arduino-if00?lamp=0` | a lamp |
| `board:///dev/serial/by-id/usb-Arduino-if00?siren=0` | a siren |

All parts of one board name its port in the same way; they share its one serial line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from contract.messages import Cause

Part = Literal["button", "line", "lamp", "siren"]
INPUTS: Final[tuple[Part, ...]] = ("button", "line")
SCHEME: Final = "board://"
EXAMPLE: Final = "board:///dev/serial/by-id/usb-Arduino-if00?{}=0"
_MOST_INDEX: Final = 31


@dataclass(frozen=True, slots=True)
class BoardPart:
    """A part of the board at a port. `tamper`: what a line tells as pressed is the contact of a housing."""

    port: str
    part: Part
    index: int
    tamper: bool = False

    def claim(self) -> str:
        """Return what two uses of one part have in common."""
        return f"board:{os.path.realpath(self.port)}?{self.part}={self.index}"


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm of a button or line. A press with a `number` is kept by the board until it is told that it is stored.

    `monotonic_ns` is CLOCK_MONOTONIC.
    """

    button: str
    cause: Cause
    monotonic_ns: int
    number: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """A button or line was let go."""

    button: str


@dataclass(frozen=True, slots=True)
class NotMinded:
    """A press of a button that the box has no table for; it is not kept, but counted."""

    number: int
    index: int


News: TypeAlias = Raised | Released | NotMinded


def is_board(uri: str) -> bool:
    """Return whether a URI is of a board's part."""
    return uri.startswith(SCHEME)


def parse_board_uri(uri: str, parts: tuple[Part, ...]) -> BoardPart:
    """Return what a URI names; it must be one of `parts`. Nothing is opened.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    split = urlsplit(uri)
    query = parse_qs(split.query, keep_blank_values=True)
    example = EXAMPLE.format(parts[0])
    named = [part for part in parts if part in query]
    if split.scheme != "board" or split.netloc or not split.path.startswith("/") or len(named) != 1:
        raise ValueError(f"{uri!r} is not {SCHEME}/PORT?{'|'.join(parts)}=NUMBER; example: {example}")
    part, index = named[0], query[named[0]][-1]
    unknown = sorted(set(query) - {part} - ({"use"} if part == "line" else set()))
    if unknown:
        raise ValueError(f"{uri!r}: unknown setting {unknown[0]!r}; example: {example}")
    if not (index.isascii() and index.isdecimal() and int(index) <= _MOST_INDEX):
        raise ValueError(f"{uri!r}: {part} is a whole number from 0 to {_MOST_INDEX}; example: {example}")
    use = query.get("use", ["button"])[-1]
    if use not in ("button", "tamper"):
        raise ValueError(f"{uri!r}: use is button or tamper; example: {EXAMPLE.format('line')}&use=tamper")
    return BoardPart(split.path, part, int(index), use == "tamper")
