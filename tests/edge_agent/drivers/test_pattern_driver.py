from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from contract.settings import check_table
from edge_agent.drivers.pattern.driver import PatternDecoder
from edge_agent.drivers.pattern.settings import PatternSettings
from tests.edge_agent.drivers.testcases import line_cases

GAUGE: dict[str, Any] = {
    "id": "river",
    "driver": "pattern",
    "uri": "serial:///dev/ttyUSB0",
    "begins": "R",
    "readings": [
        {
            "kind": "water_level",
            "pattern": "^R(?P<level_m>[0-9]{4})$",
            "fields": {"level_m": {"scale": -0.001, "offset": 6.2, "missing": ["9999"]}},
        }
    ],
}
NOISE: dict[str, Any] = {
    **GAUGE,
    "begins": "",
    "readings": [{"kind": "noise", "pattern": r"^(?P<level_db>[0-9]{2,3}\.[0-9])$"}],
}


def _decoder(table: dict[str, Any] = GAUGE) -> PatternDecoder:
    return PatternDecoder(check_table(table, PatternSettings))


def _levels(*chunks: bytes, table: dict[str, Any] = GAUGE) -> list[object]:
    decoder = _decoder(table)
    samples = [sample for chunk in chunks for sample in decoder.feed(chunk, 5)] + decoder.flush()
    return [value for sample in samples for value in sample.fields.values()]


def test_a_line_is_out_with_its_end() -> None:
    decoder = _decoder()
    assert decoder.feed(b"R2345", 1) == []
    (sample,) = decoder.feed(b"\r", 2)
    assert (sample.kind, sample.fields, sample.monotonic_ns, sample.time_ns) == (
        "water_level",
        {"level_m": 3.855},
        2,
        None,
    )


def test_spaces_about_a_number_are_no_part_of_it() -> None:
    padded = {**NOISE, "readings": [{"kind": "noise", "pattern": "^L(?P<level_db>[ 0-9.]{6})$"}]}
    assert _levels(b"\rL  63.2\rL101.5 \rL6 3.20\r", table=padded) == [63.2, 101.5]


LINE_NOISE = {
    "empty": b"",
    "merged": b"R234",
    "wrong length": b"R23456\r",
    "1 MB without terminator": b"R" + b"U" * 1_000_000,
    "NULs": b"\0" * 5_000,
    "wrong baud": bytes(range(128, 256)) * 40,
}


@pytest.mark.parametrize("noise", LINE_NOISE.values(), ids=LINE_NOISE.keys())
def test_serial_frames(noise: bytes) -> None:
    assert _levels(noise + b"R2345\r") == [3.855]
    assert _levels(noise, b"R2345\r") == [3.855]


def test_a_bare_number_is_never_read_from_its_middle() -> None:
    assert _levels(b"63.2\r64.0\r101.5\r10", table=NOISE) == [64.0, 101.5]
    assert _levels(b"\r" + b"9" * 300 + b"63.2\r64.0\r", table=NOISE) == [64.0]


def test_half_a_number_at_the_end_of_a_lost_line_is_no_number() -> None:
    decoder = _decoder(NOISE)
    assert decoder.feed(b"\r101", 0) == []
    assert decoder.flush() == []
    assert decoder.feed(b".5\r64.0\r", 0)[0].fields == {"level_db": 64.0}
    assert decoder.counters["cut off"] == 1


def test_reasons_are_counted() -> None:
    (case,) = [case for case in line_cases() if case.folder.name == "contacts"]
    decoder = case.decoder()
    whole = b"".join(case.frames())
    decoder.feed(whole, 0)
    assert decoder.counters == {
        "bytes": len(whole),
        "lines": 6,
        "matched": 6,
        "not a number": 2,
        "implausible temperature_c": 1,
        "no value": 5,
        "garbage bytes": 0,
    }


def test_lines_that_say_nothing_garble_the_line_until_one_does() -> None:
    decoder = _decoder()
    decoder.feed(b"Rx\r" * 19, 0)
    assert decoder.fault() is None
    decoder.feed(b"Rx\r", 0)
    assert decoder.fault() == "garbled"
    decoder.feed(b"R2345\r", 0)
    assert decoder.fault() is None


def test_a_line_whose_ends_are_others_is_garbled() -> None:
    decoder = _decoder({**GAUGE, "ends": ";"})
    decoder.feed(b"R2345\r" * 400, 0)
    assert decoder.fault() == "garbled"
    assert decoder.counters["too long"] == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ends": ""}, "at least 1 character"),
        ({"ends": "°"}, "ASCII characters only"),
        ({"begins": "R\r"}, "begins has a character that ends a line"),
        ({"longest": 1_025}, "less than or equal to 1024"),
        ({"readings": []}, "at least 1 item"),
        ({"kind": "water"}, "there is no kind 'water'; there are: air_quality"),
        ({"pattern": "R([0-9]{4})"}, "it needs a named group for each field"),
        ({"pattern": "(?P<level_m>[0-9]*)"}, "it matches a line that is empty"),
        ({"pattern": "R(?P<level_m>[0-9]{4}"}, "not a pattern: missing"),
        ({"pattern": "R(?P<level>[0-9]{4})"}, "water_level has no field 'level'; it has: level_m"),
        ({"kind": "position", "pattern": "(?P<latitude>.)"}, "position needs the field 'longitude'"),
        ({"fields": {"lvel_m": {}}}, "fields.lvel_m: the pattern has no group of this name; it has: level_m"),
        ({"fields": {"level_m": {"sclae": 1.0}}}, "no such key; did you mean 'scale'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_opened(changed: dict[str, object], told: str) -> None:
    table = copy.deepcopy(GAUGE)
    for key, value in changed.items():
        (table if key in table or key in ("ends", "longest") else table["readings"][0])[key] = value
    with pytest.raises(ValidationError, match=told):
        check_table(table, PatternSettings)
