from __future__ import annotations

import pytest

from edge_agent.drivers.base import Sample
from edge_agent.drivers.sds011.driver import Sds011Decoder
from tests.edge_agent.drivers.testcases import line_cases

GOOD = bytes.fromhex("AA C0 2D 00 B8 00 54 6F A8 AB")


def _decode(*chunks: bytes) -> list[Sample]:
    decoder = Sds011Decoder()
    return [sample for chunk in chunks for sample in decoder.feed(chunk, 7)] + decoder.flush()


def test_tenths_of_a_microgram() -> None:
    assert _decode(GOOD) == [Sample("air_quality", {"pm2_5_ugm3": 4.5, "pm10_ugm3": 18.4}, 7, None)]


def test_the_damaged_testcase_names_every_reason() -> None:
    (case,) = [case for case in line_cases() if case.driver == "sds011" and case.folder.name == "damaged"]
    decoder = case.decoder()
    whole = b"".join(case.frames())
    decoder.feed(whole, 0)
    decoder.flush()
    assert decoder.counters == {
        "bytes": len(whole),
        "frames": 5,
        "bad checksum": 1,
        "bad tail": 2,
        "garbage bytes": 25,
        "replies": 1,
        "implausible pm2_5_ugm3": 1,
    }


LINE_NOISE = {
    "empty": b"",
    "merged": GOOD[:-1],
    "bad CRC": GOOD[:-2] + b"\xa9\xab",
    "wrong length": GOOD[:-3] + GOOD[-2:],
    "1 MB without terminator": b"\xaa\xc0" + b"U" * 1_000_000,
    "NULs": b"\0" * 5_000,
    "wrong baud": bytes(range(128, 256)) * 40,
}


@pytest.mark.parametrize("noise", LINE_NOISE.values(), ids=LINE_NOISE.keys())
def test_serial_frames(noise: bytes) -> None:
    assert len(_decode(noise + GOOD)) == 1
    assert len(_decode(noise, GOOD)) == 1


def test_a_line_at_the_wrong_baud_rate_is_garbled_until_it_is_good_again() -> None:
    decoder = Sds011Decoder()
    decoder.feed(LINE_NOISE["wrong baud"], 0)
    assert decoder.fault() == "garbled"
    decoder.feed(GOOD * 39, 0)
    assert decoder.fault() == "garbled"
    decoder.feed(GOOD, 0)
    assert decoder.fault() is None


def test_what_is_framed_alike_is_left_alone() -> None:
    decoder = Sds011Decoder()
    assert decoder.feed(bytes.fromhex("AA B4 06 01 00 00 54 6F CA AB"), 0) == []
    assert decoder.counters["unknown frame"] == 1
