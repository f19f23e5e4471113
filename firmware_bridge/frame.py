"""Frames on the wire between host and board, without I/O.

    COBS( version u8 | type u8 | seq u16le | payload | crc16le ) 0x00

The CRC is CRC-16/CCITT-FALSE over version to payload. The payload is a CBOR map (RFC 8949) from keys of 0 to 23, which
ascend, to numbers of 32 bits, texts, bytes and lists of such numbers. Each has its one shortest form: no tags, no
floats, nothing of indefinite length. The board reads it with 100 lines of C, so nothing else may come to it, and
nothing else is taken from it.
"""

from __future__ import annotations

import binascii
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import cbor2
from cobs import cobs

from firmware_bridge.errors import FrameError

VERSION: Final = 1
DELIMITER: Final = b"\0"
MOST_PAYLOAD_TO_HOST: Final = 64
MOST_PAYLOAD_TO_BOARD: Final = 48
MOST_ENCODED: Final = 128
"""Bytes between two delimiters; what is longer is dropped up to the next one."""

_HEAD: Final = struct.Struct("<BBH")
_CRC: Final = struct.Struct("<H")
_MOST_KEY: Final = 23
_MOST_NUMBER: Final = 0xFFFF_FFFF

Value: TypeAlias = int | str | bytes | list[int]
Payload: TypeAlias = dict[int, Value]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame. `seq` rises by one with each frame of its sender and starts again after 65,535."""

    type: int
    seq: int
    payload: Payload


def encode_frame(frame: Frame) -> bytes:
    """Return a frame as it goes on the wire, with the delimiter at its end.

    Raises:
        ValueError: Its payload has over 64 bytes or holds what no payload may hold.
    """
    if not _is_payload(frame.payload):
        raise ValueError(f"no payload may hold this: {frame.payload!r}")
    payload = cbor2.dumps(frame.payload)
    if len(payload) > MOST_PAYLOAD_TO_HOST:
        raise ValueError(f"a payload has at most {MOST_PAYLOAD_TO_HOST} bytes, this one {len(payload)}")
    return seal(_HEAD.pack(VERSION, frame.type, frame.seq) + payload)


def seal(body: bytes) -> bytes:
    """Return version to payload with its CRC, in COBS, with the delimiter at its end."""
    encoded: bytes = cobs.encode(body + _CRC.pack(crc16(body)))
    return encoded + DELIMITER


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE: polynomial 0x1021, begun with 0xFFFF, 0x29B1 for `123456789`."""
    return binascii.crc_hqx(data, 0xFFFF)


def decode_frame(encoded: bytes) -> Frame:
    """Return the frame that came between two delimiters.

    Raises:
        FrameError: It is none; `reason` says why.
    """
    if len(encoded) > MOST_ENCODED:
        raise FrameError("long", encoded)
    try:
        body = cobs.decode(encoded)
    except cobs.DecodeError:
        raise FrameError("cobs", encoded) from None
    if len(body) < _HEAD.size + _CRC.size:
        raise FrameError("short", encoded)
    content, (told,) = body[: -_CRC.size], _CRC.unpack(body[-_CRC.size :])
    if crc16(content) != told:
        raise FrameError("crc", encoded)
    version, kind, seq = _HEAD.unpack_from(content)
    if version != VERSION:
        raise FrameError("version", encoded, detail=str(version))
    if len(content) - _HEAD.size > MOST_PAYLOAD_TO_HOST:
        raise FrameError("long", encoded)
    return Frame(kind, seq, _decode_payload(content[_HEAD.size :]))


class Deframer:
    """Cuts a stream of bytes into frames. It raises nothing and holds at most 128 bytes.

    `counters` counts `bytes`, `frames` and, by reason, what was refused.
    """

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.other_version: int | None = None
        self._held = bytearray()
        self._too_long = False

    @property
    def held(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames they complete.

        `other_version` is that of the last whole frame of another protocol version, None after one of ours.
        """
        self.counters["bytes"] += len(data)
        frames = []
        *whole, rest = data.split(DELIMITER)
        for piece in whole:
            self._hold(piece)
            if (frame := self._take()) is not None:
                frames.append(frame)
        self._hold(rest)
        return frames

    def reset(self) -> None:
        """Forget an unfinished frame, because the line was lost."""
        self._held.clear()
        self._too_long = False

    def _hold(self, piece: bytes) -> None:
        room = MOST_ENCODED - len(self._held)
        self._too_long = self._too_long or len(piece) > room
        self._held += piece[:room]

    def _take(self) -> Frame | None:
        encoded, too_long = bytes(self._held), self._too_long
        self.reset()
        if not encoded:
            return None
        try:
            if too_long:
                raise FrameError("long", encoded)
            frame = decode_frame(encoded)
        except FrameError as error:
            self.counters[error.reason] += 1
            if error.reason == "version":
                self.other_version = int(error.detail)
            return None
        self.counters["frames"] += 1
        self.other_version = None
        return frame


def _decode_payload(data: bytes) -> Payload:
    try:
        found = cbor2.loads(
            data, max_depth=2, allow_indefinite=False, allow_duplicate_keys=False, semantic_decoders=_NO_TAGS
        )
    except cbor2.CBORDecodeError as error:
        raise FrameError("payload", data, detail=str(error)) from None
    # Written again it is the same only in the shortest form, with nothing behind it.
    if not _is_payload(found) or cbor2.dumps(found) != data:
        raise FrameError("payload", data)
    return found  # type: ignore[no-any-return]


def _is_payload(found: object) -> bool:
    if type(found) is not dict:
        return False
    keys = list(found)
    small = all(type(key) is int and 0 <= key <= _MOST_KEY for key in keys)
    return small and keys == sorted(keys) and all(_is_value(value) for value in found.values())


def _is_value(value: object) -> bool:
    if type(value) is list:
        return all(_is_number(each) for each in value)
    return type(value) in (str, bytes) or _is_number(value)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_NUMBER


class _NoTags(dict[int, Callable[..., object]]):
    """Refuses each tag before anything is made of it, such as a date or a regular expression."""

    def __missing__(self, tag: int) -> Callable[..., object]:
        return _refuse_tag

    def __contains__(self, tag: object) -> bool:
        return True

    def get(self, tag: int, default: object = None) -> Callable[..., object]:
        """Return what refuses."""
        return _refuse_tag


def _refuse_tag(*_: object) -> object:
    raise ValueError("no tags here")


_NO_TAGS: Final = _NoTags()
