from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from edge_agent.drivers.frame.number import NUMBER_TYPES, NumberType

READ: dict[NumberType, tuple[str, str]] = {
    "u8": ("FF", "255"),
    "i8": ("FF", "-1"),
    "u16be": ("01 02", "258"),
    "u16le": ("01 02", "513"),
    "i16be": ("FF FE", "-2"),
    "i16le": ("FE FF", "-2"),
    "u24be": ("01 02 03", "66051"),
    "u24le": ("01 02 03", "197121"),
    "u32be": ("01 02 03 04", "16909060"),
    "u32le": ("01 02 03 04", "67305985"),
    "i32be": ("FF FF FF FE", "-2"),
    "i32le": ("FE FF FF FF", "-2"),
    "f32be": ("41 B8 CC CD", "23.1"),
    "f32le": ("CD CC B8 41", "23.1"),
    "f64be": ("3F B9 99 99 99 99 99 9A", "0.10000000000000001"),
    "f64le": ("9A 99 99 99 99 99 B9 3F", "0.10000000000000001"),
    "bcd1": ("42", "42"),
    "bcd2": ("23 01", "2301"),
    "bcd3": ("12 34 56", "123456"),
    "bcd4": ("00 00 00 07", "7"),
}


def test_every_type_is_tried() -> None:
    assert set(READ) == set(NUMBER_TYPES) == set(get_args(NumberType))


@pytest.mark.parametrize("kind", NUMBER_TYPES)
def test_each_type(kind: NumberType) -> None:
    data, value = READ[kind]
    number = NUMBER_TYPES[kind]
    assert number.size == len(bytes.fromhex(data))
    assert number.read(bytes.fromhex(data)) == Decimal(value)
    assert number.unsigned == kind.startswith("u")


@pytest.mark.parametrize("kind", ["bcd1", "bcd2", "bcd3", "bcd4"])
def test_digits_that_are_none(kind: NumberType) -> None:
    number = NUMBER_TYPES[kind]
    for digits in ("A0", "0F"):
        assert number.read(bytes.fromhex(digits) * number.size) is None


@pytest.mark.parametrize("data", ["7F C0 00 00", "7F 80 00 00", "FF 80 00 00", "7F A0 00 00"])
def test_floats_that_are_no_number_raise_nothing(data: str) -> None:
    raw = NUMBER_TYPES["f32be"].read(bytes.fromhex(data))
    assert isinstance(raw, Decimal)
    assert not raw.is_finite()
