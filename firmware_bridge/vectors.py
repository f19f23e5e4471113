"""Writes `vectors.json`, golden frames that the Python and the C tests both read: `python -m firmware_bridge.vectors`.

The test compares the file with what this makes; a difference is a change of the protocol. `wire_hex` has the delimiter
at its end. `reason` is that of `FrameError`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, TypedDict

import cbor2

from firmware_bridge.frame import MOST_ENCODED, VERSION, Frame, Payload, encode_frame, seal

PATH: Final = Path(__file__).with_name("vectors.json")

_FRAMES: Final[dict[str, tuple[int, int, Payload]]] = {
    "hello": (1, 0, {0: 1, 1: "1.0.0", 2: "uno", 3: [2, 2, 2, 1], 4: 7, 5: 1}),
    "hello with the longest texts": (
        1,
        65_535,
        {0: 1, 1: "123456789012", 2: "abcdefghijkl", 3: [2, 2, 2, 1], 4: 65_536, 5: 8},
    ),
    "hello_ack": (2, 1, {0: 0xDEAD_BEEF}),
    "press": (3, 2, {0: 1, 1: 1, 2: 0, 3: 1, 4: 12, 5: 5_000}),
    "press of before a reset, of unknown age": (3, 3, {0: 2, 1: 1, 2: 0, 3: 1, 5: 40}),
    "release, its number with the top bit": (3, 4, {0: 0x8000_0001, 1: 2, 2: 1, 3: 0, 4: 0, 5: 4_294_967_295}),
    "line opened": (3, 256, {0: 0x8000_0002, 1: 3, 2: 1, 3: 3, 4: 500, 5: 65_535}),
    "stuck": (3, 257, {0: 0x8000_0003, 1: 4, 2: 0, 3: 1, 4: 60_000, 5: 120_000}),
    "event_ack": (4, 0, {0: 0}),
    "event_ack of the highest number": (4, 10, {0: 0xFFFF_FFFF}),
    "lamp flashes": (5, 11, {0: 1, 1: 1, 2: 1, 3: 4}),
    "siren on": (5, 12, {0: 65_535, 1: 2, 2: 0, 3: 3}),
    "read line": (5, 13, {0: 3, 1: 3, 2: 0, 3: 0}),
    "reset": (5, 14, {0: 4, 1: 4, 2: 0, 3: 0}),
    "command_ack": (6, 15, {0: 1, 1: 0, 2: 4}),
    "beat": (7, 16, {0: 10_000, 1: b"\2\2", 2: 0, 3: 0, 4: 5}),
    "beat with everything high": (7, 17, {0: 0xFFFF_FFFF, 1: b"\0\3", 2: 3, 3: 8, 4: 0xFFFF_FFFF}),
    "ping": (8, 18, {}),
    "hello that a host asks for": (1, 21, {}),
    "press of an unknown button": (3, 23, {0: 9, 1: 1, 2: 255, 3: 1, 5: 41}),
    "type nobody knows": (200, 19, {0: 23, 1: 24, 2: 255, 3: 256}),
    "payload of 48 bytes": (5, 20, {0: b"\0" * 44}),
}
_REFUSED_BODIES: Final[dict[str, tuple[str, str]]] = {
    "version 2": ("02080100a0", "version"),
    "version 0": ("000801 00a0", "version"),
    "no payload at all": ("01080100", "payload"),
    "a list": ("0108010080", "payload"),
    "a number in two bytes that fits in one": ("01040100a1001805", "payload"),
    "keys that do not ascend": ("01040100a201000001", "payload"),
    "a key twice": ("01040100a200010001", "payload"),
    "a map of indefinite length": ("01080100bfff", "payload"),
    "a tag": ("01040100a100c101", "payload"),
    "a float": ("01040100a100f93c00", "payload"),
    "a negative number": ("01040100a10020", "payload"),
    "true": ("01040100a100f5", "payload"),
    "null": ("01040100a100f6", "payload"),
    "a number of 64 bits": ("01040100a1001b0000000100000000", "payload"),
    "a key over 23": ("01040100a1181801", "payload"),
    "a key that is text": ("01040100a1613001", "payload"),
    "a list in a list": ("01040100a100818100", "payload"),
    "a map cut short": ("01040100a100", "payload"),
    "a byte after the map": ("01080100a000", "payload"),
}


class Accepted(TypedDict):
    """A frame that both sides take."""

    name: str
    ver: int
    type: int
    seq: int
    payload_hex: str
    wire_hex: str


class Refused(TypedDict):
    """Bytes that neither side takes."""

    name: str
    wire_hex: str
    reason: str


class Vectors(TypedDict):
    """The file."""

    accepted: list[Accepted]
    refused: list[Refused]


def make_vectors() -> Vectors:
    """Return what the file must hold."""
    accepted = [
        Accepted(
            name=name,
            ver=VERSION,
            type=kind,
            seq=seq,
            payload_hex=cbor2.dumps(payload).hex(),
            wire_hex=encode_frame(Frame(kind, seq, payload)).hex(),
        )
        for name, (kind, seq, payload) in _FRAMES.items()
    ]
    wires = [(name, seal(bytes.fromhex(body)), reason) for name, (body, reason) in _REFUSED_BODIES.items()]
    ping = encode_frame(Frame(8, 18, {}))
    press = encode_frame(Frame(*_FRAMES["press"]))
    wires += [
        ("a bit of the CRC flipped", ping[:-2] + bytes([ping[-2] ^ 1]) + b"\0", "crc"),
        ("a bit of the payload flipped", press[:8] + bytes([press[8] ^ 0x10]) + press[9:], "crc"),
        ("the delimiter between two lost", ping[:-1] + ping, "crc"),
        ("a COBS code that points behind the end", b"\x05\x01\0", "cobs"),
        ("five bytes", b"\x06\x01\x08\x01\x01\x01\0", "short"),
        ("one byte", b"\x01\0", "short"),
        ("a payload of 65 bytes", seal(bytes.fromhex("01030100") + cbor2.dumps({0: bytes(61)})), "long"),
        ("129 bytes without a delimiter", b"\x01" * (MOST_ENCODED + 1) + b"\0", "long"),
    ]
    return {
        "accepted": accepted,
        "refused": [Refused(name=name, wire_hex=wire.hex(), reason=reason) for name, wire, reason in wires],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(make_vectors(), indent=1) + "\n")
