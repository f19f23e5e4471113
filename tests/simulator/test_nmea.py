"""What the simulated receiver speaks is NMEA: pynmeagps, a second implementation, reads it back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynmeagps import NMEAMessage, NMEAReader

from simulator.nmea import epoch_sentences, sentence
from simulator.tracker import Fix

NOON_NS = int(datetime(2026, 8, 17, 12, 0, 0, 250_000, tzinfo=UTC).timestamp() * 1_000) * 1_000_000
FIX = Fix(-6.9217, 107.6071, 715.0, 10.0, 90.0, 9, 0.9)


def parse(data: bytes) -> list[NMEAMessage]:
    return [NMEAReader.parse(line, validate=1) for line in data.splitlines(keepends=True)]


def test_an_epoch_by_hand() -> None:
    # 6.9217° = 6° 55.302'; 107.6071° = 107° 36.426'; 10 m/s = 19.438 knots. The checksums are
    # pynmeagps'; the last sentence is the example of many an NMEA primer.
    assert epoch_sentences(FIX, NOON_NS).decode().split("\r\n") == [
        "$GPRMC,120000.25,A,0655.30200,S,10736.42600,E,19.438,90.00,170826,,,A*77",
        "$GPGGA,120000.25,0655.30200,S,10736.42600,E,1,09,0.9,715.0,M,22.0,M,,*72",
        "$GPGSA,A,3,01,02,03,04,05,06,07,08,09,,,,1.5,0.9,1.3*3C",
        "",
    ]
    assert sentence("GPGLL,5300.97914,N,00259.98174,E,125926,A") == (
        b"$GPGLL,5300.97914,N,00259.98174,E,125926,A*28\r\n"
    )


@given(
    fix=st.builds(
        Fix,
        latitude=st.floats(-90, 90),
        longitude=st.floats(-180, 180),
        altitude_m=st.floats(-500, 9_000),
        speed_mps=st.floats(0, 140),
        course_deg=st.floats(0, 360, exclude_max=True),
        satellites=st.integers(4, 12),
        hdop=st.floats(0.5, 50),
    ),
    time_ns=st.integers(946_684_800_000_000_000, 3_000_000_000_000_000_000),
)
def test_a_second_implementation_reads_it_back(fix: Fix, time_ns: int) -> None:
    data = epoch_sentences(fix, time_ns)
    assert all(len(line) <= 82 for line in data.splitlines(keepends=True))
    rmc, gga, gsa = parse(data)
    for message in (rmc, gga):
        assert message.lat == pytest.approx(fix.latitude, abs=1e-7)
        assert message.lon == pytest.approx(fix.longitude, abs=1e-7)
    moment = datetime.combine(rmc.date, rmc.time, UTC)
    assert moment.timestamp() == pytest.approx(time_ns / 1e9, abs=0.0101)
    assert moment.timestamp() <= time_ns / 1e9 + 1e-6
    assert rmc.status == "A"
    assert rmc.spd == pytest.approx(fix.speed_mps * 3_600 / 1_852, abs=0.001)
    assert gga.alt == pytest.approx(fix.altitude_m, abs=0.051)
    assert (gga.quality, gga.numSV, gsa.navMode) == (1, fix.satellites, 3)


@pytest.mark.parametrize(
    ("latitude", "longitude", "text"),
    [
        (-6.9, 107.6, b"0654.00000,S,10736.00000,E"),
        (6.9, -107.6, b"0654.00000,N,10736.00000,W"),
        (6.99999999999, 0.0, b"0700.00000,N,00000.00000,E"),
        (-90.0, 180.0, b"9000.00000,S,18000.00000,E"),
    ],
)
def test_hemispheres_and_minutes_that_round_up(latitude: float, longitude: float, text: bytes) -> None:
    assert text in epoch_sentences(Fix(latitude, longitude, 0, 0, 359.999, 8, 1), NOON_NS)
