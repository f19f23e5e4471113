"""Checksums of binary frames, by the names their sources use. Pure.

| name | bytes | what |
|---|---|---|
| `sum8` | 1 | sum of the bytes, modulo 256 |
| `sum8-complement` | 1 | its two's complement: all bytes with the checksum add up to 0 |
| `xor8` | 1 | exclusive or of the bytes |
| `sum16` | 2 | sum of the bytes, modulo 65,536 |
| `crc8-smbus`, `crc8-maxim-dow` | 1 | polynomials 07 and 31 (1-Wire) |
| `crc16-modbus`, `crc16-ibm-3740`, `crc16-xmodem`, `crc16-kermit` | 2 | IBM-3740 is also called CCITT-FALSE |
| `crc32-iso-hdlc` | 4 | that of zip and Ethernet |

CRC parameters and check values: the catalogue of parametrised CRC algorithms at reveng.sourceforge.io.
"""

from __future__ import annotations

import zlib
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from types import MappingProxyType
from typing import Final, Literal

ChecksumKind = Literal[
    "sum8",
    "sum8-complement",
    "xor8",
    "sum16",
    "crc8-smbus",
    "crc8-maxim-dow",
    "crc16-modbus",
    "crc16-ibm-3740",
    "crc16-xmodem",
    "crc16-kermit",
    "crc32-iso-hdlc",
]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a checksum is computed: `of` bytes gives an unsigned number of `size` bytes."""

    size: int
    of: Callable[[bytes], int]


def _table(polynomial: int, bits: int, *, reflected: bool) -> tuple[int, ...]:
    """Return the 256 remainders; `polynomial` of a reflected one is given reflected."""
    mask, top = (1 << bits) - 1, 1 << (bits - 1)
    table: list[int] = []
    for byte in range(256):
        rest = byte if reflected else byte << (bits - 8)
        for _ in range(8):
            if reflected:
                rest = rest >> 1 ^ (polynomial if rest & 1 else 0)
            else:
                rest = (rest << 1 ^ (polynomial if rest & top else 0)) & mask
        table.append(rest)
    return tuple(table)


_SMBUS: Final = _table(0x07, 8, reflected=False)
_MAXIM: Final = _table(0x8C, 8, reflected=True)
_MODBUS: Final = _table(0xA001, 16, reflected=True)
_KERMIT: Final = _table(0x8408, 16, reflected=True)


def _crc8(table: tuple[int, ...]) -> Callable[[bytes], int]:
    return lambda data: reduce(lambda rest, byte: table[rest ^ byte], data, 0)


def _reflected16(table: tuple[int, ...], start: int) -> Callable[[bytes], int]:
    return lambda data: reduce(lambda rest, byte: rest >> 8 ^ table[(rest ^ byte) & 0xFF], data, start)


ALGORITHMS: Final = MappingProxyType[ChecksumKind, Algorithm](
    {
        "sum8": Algorithm(1, lambda data: sum(data) & 0xFF),
        "sum8-complement": Algorithm(1, lambda data: -sum(data) & 0xFF),
        "xor8": Algorithm(1, lambda data: reduce(xor, data, 0)),
        "sum16": Algorithm(2, lambda data: sum(data) & 0xFFFF),
        "crc8-smbus": Algorithm(1, _crc8(_SMBUS)),
        "crc8-maxim-dow": Algorithm(1, _crc8(_MAXIM)),
        "crc16-modbus": Algorithm(2, _reflected16(_MODBUS, 0xFFFF)),
        "crc16-ibm-3740": Algorithm(2, lambda data: crc_hqx(data, 0xFFFF)),
        "crc16-xmodem": Algorithm(2, lambda data: crc_hqx(data, 0)),
        "crc16-kermit": Algorithm(2, _reflected16(_KERMIT, 0)),
        "crc32-iso-hdlc": Algorithm(4, zlib.crc32),
    }
)
