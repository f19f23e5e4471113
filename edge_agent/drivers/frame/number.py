"""Numbers in a binary frame. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

NumberType = Literal[
    "u8", "i8", "u16be", "u16le", "i16be", "i16le", "u24be", "u24le", "u32be", "u32le", "i32be", "i32le",
    "f32be", "f32le", "f64be", "f64le", "bcd1", "bcd2", "bcd3", "bcd4",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A type of number. `read` takes its `size` bytes and returns None for bytes that are none, as BCD `AF`."""

    size: int
    read: Callable[[bytes], int | Decimal | None]
    unsigned: bool = False


def _whole(size: int, order: Literal["big", "little"], *, signed: bool) -> Number:
    return Number(size, lambda data: int.from_bytes(data, order, signed=signed), unsigned=not signed)


def _float(code: str, digits: int) -> Number:
    read = struct.Struct(code)
    # Just the digits it has: 23.1 sent as a 32-bit float is 23.1, not 23.100000381469727.
    return Number(read.size, lambda data: Decimal(f"{read.unpack(data)[0]:.{digits}g}"))


def _bcd(data: bytes) -> int | None:
    digits = data.hex()
    return int(digits) if digits.isdecimal() else None


NUMBER_TYPES: Final = MappingProxyType[NumberType, Number](
    {
        "u8": _whole(1, "big", signed=False),
        "i8": _whole(1, "big", signed=True),
        "u16be": _whole(2, "big", signed=False),
        "u16le": _whole(2, "little", signed=False),
        "i16be": _whole(2, "big", signed=True),
        "i16le": _whole(2, "little", signed=True),
        "u24be": _whole(3, "big", signed=False),
        "u24le": _whole(3, "little", signed=False),
        "u32be": _whole(4, "big", signed=False),
        "u32le": _whole(4, "little", signed=False),
        "i32be": _whole(4, "big", signed=True),
        "i32le": _whole(4, "little", signed=True),
        "f32be": _float(">f", 7),
        "f32le": _float("<f", 7),
        "f64be": _float(">d", 17),
        "f64le": _float("<d", 17),
        "bcd1": Number(1, _bcd),
        "bcd2": Number(2, _bcd),
        "bcd3": Number(3, _bcd),
        "bcd4": Number(4, _bcd),
    }
)
"""`u`: unsigned, `i`: two's complement, `f`: IEEE 754, with their bits; `be`, `le`: the order; `bcd` with its bytes:
two decimal digits a byte, most significant first."""
