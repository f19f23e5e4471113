from __future__ import annotations

import random
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.settings import check_table
from edge_agent.drivers.base import Decoder
from edge_agent.drivers.frame.driver import DRIVER, FrameDecoder
from edge_agent.drivers.frame.settings import FrameSettings
from edge_agent.drivers.sds011.driver import Sds011Decoder
from tests.edge_agent.drivers.testcases import line_cases


def _dust() -> FrameDecoder:
    (table,) = tomllib.loads(DRIVER.example)["sensors"]
    return FrameDecoder(check_table(table, FrameSettings))


def _sds(values: bytes) -> bytes:
    return b"\xaa\xc0" + values + bytes([sum(values) & 0xFF, 0xAB])


@given(st.lists(st.binary(min_size=6, max_size=6), max_size=5), st.binary(max_size=20))
def test_configuration_and_program_read_the_same_of_an_sds011(values: list[bytes], junk: bytes) -> None:
    stream = junk.join(_sds(each) for each in values)
    decoders: list[Decoder] = [_dust(), Sds011Decoder()]
    by_configuration, by_program = (decoder.feed(stream, 3) + decoder.flush() for decoder in decoders)
    assert by_configuration == by_program


GOOD = _sds(b"\x2d\0\xb8\0\x54\x6f")
LINE_NOISE = {
    "empty": b"",
    "merged": GOOD[:-1],
    "bad CRC": GOOD[:-2] + b"\0\xab",
    "wrong length": GOOD[:-3] + GOOD[-2:],
    "1 MB without terminator": b"\xaa\xc0" + b"U" * 1_000_000,
    "NULs": b"\0" * 5_000,
    "wrong baud": bytes(range(128, 256)) * 40,
}


@pytest.mark.parametrize("noise", LINE_NOISE.values(), ids=LINE_NOISE.keys())
def test_serial_frames(noise: bytes) -> None:
    for chunks in ([noise + GOOD], [noise, GOOD]):
        decoder = _dust()
        samples = [sample for chunk in chunks for sample in decoder.feed(chunk, 0)] + decoder.flush()
        assert [sample.fields for sample in samples] == [{"pm2_5_ugm3": 4.5, "pm10_ugm3": 18.4}]


def test_reasons_are_counted() -> None:
    (case,) = [case for case in line_cases() if case.driver == "frame" and case.folder.name == "radar"]
    decoder = case.decoder()
    whole = b"".join(case.frames())
    decoder.feed(whole, 0)
    decoder.flush()
    assert decoder.counters == {
        "bytes": len(whole),
        "frames": 6,
        "unknown frame": 1,
        "implausible level_m": 1,
        "no value": 1,
        "wrong length": 1,
        "bad checksum": 1,
        "garbage bytes": 4 + 11,
    }


def test_digits_and_missing_numbers_are_left_out_alone() -> None:
    (case,) = [case for case in line_cases() if case.driver == "frame" and case.folder.name == "meter"]
    decoder = case.decoder()
    decoder.feed(b"".join(case.frames()), 0)
    assert decoder.counters["not decimal"] == 1
    assert decoder.counters["no value"] == 0


def test_a_line_at_the_wrong_baud_rate_is_garbled_until_it_is_good_again() -> None:
    decoder = _dust()
    decoder.feed(random.Random(1).randbytes(5_000), 0)
    assert decoder.fault() == "garbled"
    decoder.feed(_sds(bytes(6)) * 39, 0)
    assert decoder.fault() == "garbled"
    decoder.feed(_sds(bytes(6)), 0)
    assert decoder.fault() is None
