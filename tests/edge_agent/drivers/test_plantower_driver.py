from __future__ import annotations

from collections import Counter
from struct import pack
from typing import Literal

import pytest

from edge_agent.drivers.base import Sample
from edge_agent.drivers.plantower.driver import PlantowerDecoder
from tests.edge_agent.drivers.testcases import line_cases


def frame(*first: int, error: int = 0) -> bytes:
    """Return a data frame whose first words are `first`."""
    words = [*first, *[0] * (12 - len(first)), 0x9700 | error]
    covered = b"BM" + pack(">H13H", 28, *words)
    return covered + pack(">H", sum(covered) & 0xFFFF)


def _decode(*chunks: bytes, calibration: Literal["atmospheric", "standard"] = "atmospheric") -> list[Sample]:
    decoder = PlantowerDecoder(calibration)
    return [sample for chunk in chunks for sample in decoder.feed(chunk, 7)] + decoder.flush()


GOOD = frame(1, 2, 3, 4, 5, 6)


def test_the_two_calibrations() -> None:
    assert _decode(GOOD) == [Sample("air_quality", {"pm1_ugm3": 4.0, "pm2_5_ugm3": 5.0, "pm10_ugm3": 6.0}, 7, None)]
    (standard,) = _decode(GOOD, calibration="standard")
    assert standard.fields == {"pm1_ugm3": 1.0, "pm2_5_ugm3": 2.0, "pm10_ugm3": 3.0}


def test_the_damaged_testcase_names_every_reason() -> None:
    (case,) = [case for case in line_cases() if case.driver == "plantower" and case.folder.name == "damaged"]
    decoder = case.decoder()
    whole = b"".join(case.frames())
    decoder.feed(whole, 0)
    decoder.flush()
    assert decoder.counters == {
        "bytes": len(whole),
        "frames": 7,
        "bad checksum": 1,
        "garbage bytes": 30 + 4,
        "replies": 1,
        "unknown frame": 1,
        "wrong length": 1,
        "implausible pm2_5_ugm3": 2,
        "sensor error": 1,
    }


LINE_NOISE = {
    "empty": b"",
    "merged": GOOD[:-1],
    "bad CRC": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "wrong length": b"BM\x00\x1d" + GOOD[4:],
    "1 MB without terminator": b"BM\x00\x1c" + b"U" * 1_000_000,
    "NULs": b"\0" * 5_000,
    "wrong baud": bytes(range(128, 256)) * 40,
}


@pytest.mark.parametrize("noise", LINE_NOISE.values(), ids=LINE_NOISE.keys())
def test_serial_frames(noise: bytes) -> None:
    assert len(_decode(noise + GOOD)) == 1
    assert len(_decode(noise, GOOD)) == 1


def test_a_sensor_that_reports_an_error_says_so_until_it_is_well() -> None:
    decoder = PlantowerDecoder()
    assert decoder.feed(frame(1, 2, 3, 4, 5, 6, error=0x21), 0) == []
    assert decoder.fault() == "sensor error: it reports code 0x21; clean its inlet and fan, else replace it"
    assert len(decoder.feed(GOOD, 0)) == 1
    assert decoder.fault() is None


def test_a_line_at_the_wrong_baud_rate_is_garbled_until_it_is_good_again() -> None:
    decoder = PlantowerDecoder()
    decoder.feed(LINE_NOISE["wrong baud"], 0)
    assert decoder.fault() == "garbled"
    decoder.feed(GOOD * 39, 0)
    assert decoder.fault() == "garbled"
    decoder.feed(GOOD, 0)
    assert decoder.fault() is None


def test_counters_are_few_whatever_comes() -> None:
    decoder = PlantowerDecoder()
    for noise in LINE_NOISE.values():
        decoder.feed(noise + GOOD, 0)
    assert set(decoder.counters) <= set(Counter({"bytes": 1, "frames": 1, "bad checksum": 1, "wrong length": 1})) | {
        "garbage bytes",
        "cut off",
    }
