from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from contract.settings import check_table
from edge_agent.drivers.binary import Checksum, LengthField
from edge_agent.drivers.frame.settings import FrameSettings

TABLE: dict[str, Any] = {
    "id": "dust",
    "driver": "frame",
    "uri": "serial:///dev/ttyUSB0",
    "header": "AA C0",
    "length": 10,
    "tail": "AB",
    "checksum": {"kind": "sum8", "first": 2},
    "readings": [{"kind": "air_quality", "fields": {"pm10_ugm3": {"at": 4, "type": "u16le", "scale": 0.1}}}],
}
FIELD: dict[str, Any] = {"at": 2, "type": "u16be", "most": 20}
FIELDS: dict[str, Any] = {"pm10_ugm3": {"at": 4, "type": "u16le"}}


def _checked(**changed: object) -> FrameSettings:
    table = {**copy.deepcopy(TABLE), **changed}
    return check_table({key: value for key, value in table.items() if value is not None}, FrameSettings)


def _reading(**field: object) -> list[dict[str, Any]]:
    return [{"kind": "air_quality", "fields": {"pm10_ugm3": {"at": 4, "type": "u16le", **field}}}]


def test_a_checksum_stands_before_the_tail_and_covers_what_is_before_it() -> None:
    assert _checked().layout().checksum == Checksum("sum8", "big", at=-2, first=2, end=-2)
    crc = {"kind": "crc16-modbus", "order": "little"}
    assert _checked(tail=None, checksum=crc).layout().checksum == Checksum("crc16-modbus", "little", -2, 0, -2)


def test_a_checksum_in_front_may_cover_all_behind_it() -> None:
    front = {"kind": "xor8", "at": 2, "first": 3, "end": 10}
    assert _checked(checksum=front).layout().checksum == Checksum("xor8", "big", 2, 3, 10)


def test_the_shortest_frame_is_what_the_fields_need() -> None:
    settings = _checked(
        length=None, length_field={"at": 2, "type": "u8", "plus": 4, "most": 40}, tail=None, checksum=None
    )
    assert settings.layout().length == LengthField(at=2, size=1, order="big", plus=4, least=6, most=40)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"header": ""}, "one to eight bytes in hexadecimal"),
        ({"header": "AA C"}, "one to eight bytes in hexadecimal"),
        ({"header": "00 " * 8 + "00"}, "one to eight bytes in hexadecimal"),
        ({"length": 1}, "greater than or equal to 2"),
        ({"length": 513}, "less than or equal to 512"),
        ({"length": 4, "checksum": None}, "air_quality.pm10_ugm3: 2 bytes at 4 are not inside a frame of 4 bytes"),
        ({"length": 2}, "header and tail are longer than the shortest frame, 2 bytes"),
        ({"length": None}, "needs length or length_field, and not both"),
        ({"length_field": FIELD}, "needs length or length_field, and not both"),
        ({"length": None, "length_field": {**FIELD, "most": 5}}, "least, 6, is more than most, 5"),
        (
            {"length": None, "length_field": {**FIELD, "at": 9, "least": 10}},
            "length_field: 2 bytes at 9 are not inside",
        ),
        ({"length": None, "length_field": {**FIELD, "mots": 5}}, "no such key; did you mean 'most'"),
        ({"checksum": {"kind": "sum9"}}, "Input should be 'sum8'"),
        ({"checksum": {"kind": "sum8", "at": 10}}, "checksum: 1 bytes at 10 are not inside a frame of 10"),
        ({"checksum": {"kind": "sum8", "first": 8}}, "checksum covers bytes 8 to 8 of a frame of 10"),
        ({"checksum": {"kind": "sum8", "end": 11}}, "checksum covers bytes 0 to 11 of a frame of 10"),
        ({"matches": [{"at": 9, "bytes": "00 00"}]}, "matches: 2 bytes at 9 are not inside"),
        ({"readings": []}, "at least 1 item"),
        ({"readings": _reading(at=9)}, "pm10_ugm3: 2 bytes at 9 are not inside a frame of 10"),
        ({"readings": _reading(at=-1)}, "pm10_ugm3: 2 bytes at -1 are not inside a frame of 10"),
        ({"readings": _reading(at=-11)}, "pm10_ugm3: 2 bytes at -11 are not inside a frame of 10"),
        ({"readings": _reading(type="u17")}, "Input should be 'u8'"),
        ({"readings": _reading(type="i16le", mask=1)}, "mask needs an unsigned type"),
        ({"readings": _reading(mask=0)}, "greater than or equal to 1"),
        ({"readings": [{"kind": "air", "fields": FIELDS}]}, "there is no kind 'air'; there are: air_quality"),
        ({"readings": [{"kind": "noise", "fields": FIELDS}]}, "noise has no field 'pm10_ugm3'; it has: level_db"),
        ({"uri": "/dev/ttyUSB0"}, "is no line"),
        ({"hedaer": "AA"}, "no such key; did you mean 'header'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_opened(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        _checked(**changed)
