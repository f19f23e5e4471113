from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.nmea.sentence import Sentence, SentenceError, parse
from tests.edge_agent.drivers.nmea_text import sentence


def _parse(content: str) -> Sentence | None:
    return parse(sentence(content).strip(b"$\r\n"))


def _reason(content: str) -> str:
    with pytest.raises(SentenceError) as caught:
        _parse(content)
    return caught.value.reason


def test_rmc_is_read_whole() -> None:
    assert _parse("GNRMC,055234.200,A,4739.71890,N,12219.58362,W,3.6,286.35,050826,,,A,V") == Sentence(
        talker="GN",
        type="RMC",
        time_of_day_ns=21_154_200_000_000,
        date=date(2026, 8, 5),
        verdict="valid",
        latitude=47.6619816667,
        longitude=-122.3263936667,
        fields=(("speed_mps", 1.852), ("course_deg", 286.35)),
    )


@pytest.mark.parametrize("content", ["GPGSV,1,1,00", "GPTXT,01,01,01,OK", "PMTK001,320,2", "GPRMCX,1", "AIVDM,1", ""])
def test_types_that_no_position_needs_are_left_alone(content: str) -> None:
    assert _parse(content) is None


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ("GPRMC,030000,V,,,,,,,221126,,,N", "no fix"),
        ("GPRMC,030000,V,0655.29,S,10736.41,E,,,221126,,,A", "no fix"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126", "valid"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126,,,D", "valid"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126,,,E", "estimated"),
        ("GPRMC,030000,V,0655.29,S,10736.41,E,,,221126,,,E", "estimated"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126,,,M", "manual"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126,,,S", "simulated"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,,,221126,,,N", "no fix"),
        ("GPGGA,,,,,,0,,,,,,,,", "no fix"),
        ("GPGGA,030000,0655.29,S,10736.41,E,,08,1.1,712.5,M,2.0,M,,", "no fix"),
        ("GPGGA,030000,0655.29,S,10736.41,E,4,08,1.1,712.5,M,2.0,M,,", "valid"),
        ("GPGGA,030000,0655.29,S,10736.41,E,6,08,1.1,712.5,M,2.0,M,,", "estimated"),
        ("GPGGA,030000,0655.29,S,10736.41,E,7,08,1.1,712.5,M,2.0,M,,", "manual"),
        ("GPGGA,030000,0655.29,S,10736.41,E,8,08,1.1,712.5,M,2.0,M,,", "simulated"),
        ("GNGNS,030000,0655.29,S,10736.41,E,NAN,08,1.1,712.5,2.0,,,V", "valid"),
        ("GNGNS,030000,,,,,NNN,,,,,,", "no fix"),
        ("GNGNS,030000,0655.29,S,10736.41,E,NE,08,1.1,712.5,2.0,,,V", "estimated"),
        ("GPGLL,0655.29,S,10736.41,E,030000,A", "valid"),
        ("GPGLL,0655.29,S,10736.41,E,030000,V,N", "no fix"),
        ("GPVTG,90.0,T,,M,10.0,N,18.5,K,A", None),
    ],
)
def test_what_a_sentence_says_about_its_position(content: str, verdict: str | None) -> None:
    parsed = _parse(content)
    assert parsed is not None
    assert parsed.verdict == verdict
    assert (parsed.latitude is not None) == (verdict == "valid")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("GPGLL,9100.00,N,10736.41,E,030000,A", "out of range"),
        ("GPGLL,9000.01,N,10736.41,E,030000,A", "out of range"),
        ("GPGLL,0675.00,S,10736.41,E,030000,A", "out of range"),
        ("GPGLL,0655.29,S,18100.00,E,030000,A", "out of range"),
        ("GPGLL,-655.29,S,10736.41,E,030000,A", "out of range"),
        ("GPGLL,0655.29,X,10736.41,E,030000,A", "wrong hemisphere"),
        ("GPGLL,0655.29,S,10736.41,,030000,A", "wrong hemisphere"),
        ("GPGLL,0655.29,E,10736.41,S,030000,A", "wrong hemisphere"),
        ("GPGLL,0000.00,N,00000.00,E,030000,A", "null island"),
        ("GPGLL,nan,S,10736.41,E,030000,A", "malformed"),
        ("GPGLL,,,,,030000,A", "malformed"),
        ("GPGLL,0655.29,S,10736.41,E,246000,A", "bad time"),
        ("GPGLL,0655.29,S,10736.41,E,235960,A", "bad time"),
        ("GPRMC,030000,A,0655.29,S,10736.41,E,fast,,221126,,,A", "malformed"),
    ],
)
def test_a_valid_position_that_cannot_be_is_refused(content: str, reason: str) -> None:
    assert _reason(content) == reason


def test_a_quantity_out_of_range_is_left_out_alone() -> None:
    parsed = _parse("GPGGA,030000,0655.29,S,10736.41,E,1,08,inf,99999,M,2.0,M,,")
    assert parsed is not None
    assert parsed.fields == (("satellites", 8),)
    assert parsed.implausible == ("altitude_m", "hdop")


def test_the_date_of_a_receiver_without_a_fix_is_no_date() -> None:
    parsed = _parse("GPRMC,235948.00,V,0000.0000,N,00000.0000,E,,,161206,,,N")
    assert parsed is not None
    assert parsed.date is None


@pytest.mark.parametrize("day", ["", "320126", "310226", "abcdef"])
def test_a_date_that_cannot_be_is_no_date(day: str) -> None:
    parsed = _parse(f"GPRMC,030000,A,0655.29,S,10736.41,E,,,{day},,,A")
    assert parsed is not None
    assert parsed.date is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no checksum"),
        (b"GPGLL,0655.29,S,10736.41,E,030000,A", "no checksum"),
        (b"GPGLL,0655.29,S,10736.41,E,030000,A*7", "no checksum"),
        (b"GPGLL,0655.29,S,10736.41,E,030000,A*7G", "no checksum"),
        (b"GPGLL,0655.29,S,10736.41,E,030000,A*00", "bad checksum"),
        (b"GPGLL,0655\x00.29,S,10736.41,E,030000,A*00", "not text"),
    ],
)
def test_unreadable(raw: bytes, reason: str) -> None:
    with pytest.raises(SentenceError) as caught:
        parse(raw)
    assert caught.value.reason == reason


_TEXTS = st.sampled_from(["", "A", "V", "N", "S", "E", "W", "0655.29", "10736.41", "030000.00", "221126", "3"])
_NUMBERS = st.sampled_from(["nan", "inf", "-1", "1e400", "1_0", "٣"])
_FIELD = _TEXTS | _NUMBERS | st.text(max_size=6)


@given(st.sampled_from(["GPRMC", "GNGGA", "GLGNS", "GPGLL", "GPGSA", "GPVTG", "GPZDA"]), st.lists(_FIELD, max_size=22))
def test_any_fields_parse_or_are_refused_nothing_else(header: str, fields: list[str]) -> None:
    with suppress(SentenceError):
        _parse(",".join([header, *fields]))
