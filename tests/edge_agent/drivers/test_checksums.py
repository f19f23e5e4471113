"""Check values of the catalogue of parametrised CRC algorithms, and a second implementation of each."""

from __future__ import annotations

import binascii
import random
import zlib
from typing import get_args

import pytest

from edge_agent.drivers.checksums import ALGORITHMS, ChecksumKind

CHECK = b"123456789"
CHECK_VALUES: dict[ChecksumKind, int] = {
    "sum8": 0xDD,
    "sum8-complement": 0x23,
    "xor8": 0x31,
    "sum16": 0x01DD,
    "crc8-smbus": 0xF4,
    "crc8-maxim-dow": 0xA1,
    "crc16-modbus": 0x4B37,
    "crc16-ibm-3740": 0x29B1,
    "crc16-xmodem": 0x31C3,
    "crc16-kermit": 0x2189,
    "crc32-iso-hdlc": 0xCBF43926,
}


def test_every_kind_has_a_check_value() -> None:
    assert set(CHECK_VALUES) == set(ALGORITHMS) == set(get_args(ChecksumKind))


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_check_value(kind: ChecksumKind) -> None:
    algorithm = ALGORITHMS[kind]
    assert algorithm.of(CHECK) == CHECK_VALUES[kind]
    assert 0 <= algorithm.of(bytes(range(256)) * 2) < 256**algorithm.size


def _bit_by_bit(data: bytes, bits: int, polynomial: int, start: int, *, reflected: bool) -> int:
    """Return a CRC as its definition has it, one bit at a time."""
    rest = start
    for byte in data:
        for at in range(8):
            bit = byte >> (at if reflected else 7 - at) & 1
            top = rest & 1 if reflected else rest >> (bits - 1)
            rest = rest >> 1 if reflected else rest << 1 & (1 << bits) - 1
            if bit ^ top:
                rest ^= polynomial
    return rest


@pytest.mark.parametrize(
    ("kind", "bits", "polynomial", "start", "reflected"),
    [
        ("crc8-smbus", 8, 0x07, 0, False),
        ("crc8-maxim-dow", 8, 0x8C, 0, True),
        ("crc16-modbus", 16, 0xA001, 0xFFFF, True),
        ("crc16-ibm-3740", 16, 0x1021, 0xFFFF, False),
        ("crc16-xmodem", 16, 0x1021, 0, False),
        ("crc16-kermit", 16, 0x8408, 0, True),
    ],
)
def test_a_second_implementation(kind: ChecksumKind, bits: int, polynomial: int, start: int, reflected: bool) -> None:
    draw = random.Random(kind)
    for size in (0, 1, 2, 31, 200):
        data = draw.randbytes(size)
        assert ALGORITHMS[kind].of(data) == _bit_by_bit(data, bits, polynomial, start, reflected=reflected)


def test_those_of_the_standard_library() -> None:
    data = random.Random(1).randbytes(300)
    assert ALGORITHMS["crc32-iso-hdlc"].of(data) == zlib.crc32(data)
    assert ALGORITHMS["crc16-xmodem"].of(data) == binascii.crc_hqx(data, 0)


def test_a_frame_with_its_complement_sums_to_nothing() -> None:
    data = random.Random(2).randbytes(99)
    assert sum(data + bytes([ALGORITHMS["sum8-complement"].of(data)])) % 256 == 0
