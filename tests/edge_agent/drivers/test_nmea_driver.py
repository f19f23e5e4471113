from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue import fault
from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.driver import NmeaDecoder
from tests.edge_agent.drivers.nmea_text import THREE_NS, gga, rmc, sentence
from tests.edge_agent.drivers.test_nmea_framer import STREAMS

FOLDER = Path(__file__).parents[3] / "edge_agent/drivers/nmea"


def _decode(*chunks: bytes) -> tuple[list[Sample], Counter[str]]:
    decoder = NmeaDecoder()
    samples = [sample for chunk in chunks for sample in decoder.feed(chunk, 0)]
    return samples + decoder.flush(), decoder.counters


def test_the_refused_testcase_names_every_reason() -> None:
    _, counters = _decode((FOLDER / "testcases/refused/input.nmea").read_bytes())
    assert counters == {
        "bytes": (FOLDER / "testcases/refused/input.nmea").stat().st_size,
        "sentences": 12,
        "fixes": 1,
        "no fix": 1,
        "out of range": 2,
        "wrong hemisphere": 2,
        "null island": 1,
        "malformed": 1,
        "estimated": 1,
        "simulated": 1,
        "bad checksum": 1,
        "no checksum": 1,
        "bad time": 1,
        "implausible speed_mps": 1,
        "implausible course_deg": 1,
    }


def test_the_readme_names_each_reason_that_the_driver_counts_by() -> None:
    readme = (FOLDER / "README.md").read_text()
    said = " ".join((NmeaDecoder.__doc__ or "").split())
    for reason in ("no fix", "bad checksum", "out of range", "null island", "cut off", "too long", "late", "repeated"):
        assert f"`{reason}`" in readme
        assert f"`{reason}`" in said


GOOD = rmc("030000.00")
LINE_NOISE = {
    "empty": b"",
    "merged": rmc("025959.00").rstrip(b"\r\n"),
    "bad CRC": rmc("025959.00").replace(b"*", b"0*"),
    "wrong length": b"$GPRMC,02\r\n",
    "1 MB without terminator": b"$" + b"U" * 1_000_000,
    "NULs": b"\0" * 5_000,
    "wrong baud": bytes(range(128, 256)) * 40,
}


@pytest.mark.parametrize("noise", LINE_NOISE.values(), ids=LINE_NOISE.keys())
def test_serial_frames(noise: bytes) -> None:
    samples, counters = _decode(noise + GOOD)
    assert [sample.time_ns for sample in samples] == [THREE_NS]
    assert counters["fixes"] == 1


def test_serial_frames_split_at_each_byte() -> None:
    whole = gga("030000.00") + GOOD + LINE_NOISE["bad CRC"] + rmc("030001.00")
    for at in range(len(whole)):
        assert _decode(whole[:at], whole[at:]) == _decode(whole)


def test_a_line_at_the_wrong_baud_rate_is_garbled_until_it_is_good_again() -> None:
    decoder = NmeaDecoder()
    assert decoder.fault() is None
    decoder.feed(LINE_NOISE["wrong baud"], 0)
    assert decoder.fault() == "garbled"
    for _ in range(39):
        decoder.feed(GOOD, 0)
    assert decoder.fault() == "garbled"
    decoder.feed(GOOD, 0)
    assert decoder.fault() is None


def test_bad_checksums_alone_garble_a_line() -> None:
    decoder = NmeaDecoder()
    decoder.feed(LINE_NOISE["bad CRC"] * 19, 0)
    assert decoder.fault() is None
    decoder.feed(LINE_NOISE["bad CRC"], 0)
    assert decoder.fault() == "garbled"


# The row "NMEA" of the faults; wrong week numbers are in test_nmea_epoch.py.
NOT_A_POSITION = {
    "bad checksum": (b"$GPGLL,0655.2900,S,10736.4140,E,030001.00,A,A*00\r\n", "bad checksum"),
    "no fix": (rmc("030001.00", status="V"), "no fix"),
    "lat 91": (rmc("030001.00", latitude="9100.0000"), "out of range"),
    "NaN": (rmc("030001.00", latitude="nan"), "malformed"),
    "wrong hemisphere": (sentence("GPGLL,0655.2900,Q,10736.4140,E,030001.00,A,A"), "wrong hemisphere"),
    "0,0": (sentence("GPGLL,0000.0000,S,00000.0000,E,030001.00,A,A"), "null island"),
    "over 82 characters and over the bound": (b"$GPGLL," + b"0" * 1_020 + b"\r\n", "too long"),
}


@pytest.mark.parametrize(("bad", "reason"), NOT_A_POSITION.values(), ids=NOT_A_POSITION.keys())
def test_nmea(bad: bytes, reason: str) -> None:
    samples, counters = _decode(GOOD + bad + rmc("030002.00"))
    assert [sample.fields["latitude"] for sample in samples] == [-6.9215, -6.9215]
    assert counters[reason] == 1


_TOKENS = st.sampled_from([rmc("030000.00"), gga("030001.00"), gga("030002.00", quality=0), GOOD[:20]])


@given(st.lists(STREAMS | _TOKENS, max_size=12))
def test_any_bytes_give_good_positions_or_are_counted_nothing_else(chunks: list[bytes]) -> None:
    samples, counters = _decode(*chunks)
    assert counters["bytes"] == sum(map(len, chunks))
    for sample in samples:
        assert fault(sample.kind, sample.fields) is None
        assert (sample.fields["latitude"], sample.fields["longitude"]) == (-6.9215, 107.6069)
    times = [sample.time_ns for sample in samples if sample.time_ns is not None]
    assert len(times) == len(set(times))
