"""A board's firmware as an Intel HEX file, and who it says it is for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import WordsError
from firmware_bridge.words import text as words

MOST_FILE_BYTES: Final = 200_000
"""An ATmega328P's 32 KB are 90,000 characters of HEX."""

_DATA, _END, _SEGMENT, _LINEAR = 0, 1, 2, 4
_IDENTITY: Final = re.compile(rb"siaga-firmware ([ -~]{1,12}) ([ -~]{1,12}) protocol ([0-9]{1,3})\0")


class ImageError(WordsError):
    """A file is no firmware for a board; the text says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """A firmware: its bytes from address 0 on, and what it says it is."""

    data: bytes
    board: str
    firmware: str
    protocol: int


def read_image(text: str) -> Image:
    """Return the firmware of a HEX file (Intel, 1988: records of data, with a sum each).

    Raises:
        ImageError: It is damaged, too long, has gaps, or is not ours.
    """
    if len(text) > MOST_FILE_BYTES:
        raise ImageError(words("too long", most=MOST_FILE_BYTES))
    data, ended = bytearray(), False
    for number, line in enumerate(text.split(), start=1):
        if ended:
            raise ImageError(words("behind its end", line=number))
        kind, address, body = _record(number, line)
        if kind == _END:
            ended = True
        elif kind == _DATA:
            if address != len(data):
                raise ImageError(words("gap", line=number, address=address))
            data += body
        elif kind not in (_SEGMENT, _LINEAR) or any(body):
            raise ImageError(words("beyond", line=number))
    if not ended:
        raise ImageError(words("cut short"))
    found = _IDENTITY.search(data)
    if found is None:
        raise ImageError(words("not ours"))
    return Image(bytes(data), found[1].decode(), found[2].decode(), int(found[3]))


def _record(number: int, line: str) -> tuple[int, int, bytes]:
    try:
        raw = bytes.fromhex(line[1:])
    except ValueError:
        raw = b""
    if not line.startswith(":") or len(raw) < 5 or len(raw) != raw[0] + 5 or sum(raw) % 256:
        raise ImageError(words("damaged", line=number))
    return raw[3], int.from_bytes(raw[1:3], "big"), raw[4:-1]
