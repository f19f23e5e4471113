"""NMEA 0183 as a GNSS receiver speaks it: RMC, GGA and GSA of one epoch. Pure.

Source: NMEA 0183 as documented in u-blox M8 Receiver Description, UBX-13003221, 31 (NMEA protocol): a sentence is `$`,
the address, the fields, `*`, the exclusive or of what stands between as two hexadecimal digits, CR LF; at most 82
characters with `$` and CR LF.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final

from simulator.tracker import Fix

_KNOTS_PER_MPS: Final = 3_600 / 1_852
_GEOID_M: Final = 22.0
"""The geoid over Bandung lies about 22 m above the ellipsoid (EGM96)."""
_MINUTE_PARTS: Final = 100_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_sentences(fix: Fix, time_ns: int) -> bytes:
    """Return RMC, GGA and GSA of one epoch, each ended by CR LF.

    Args:
        fix: Where and how fast.
        time_ns: The epoch in UTC, ns since 1970; sent to hundredths of a second, rounded down.
    """
    moment = _EPOCH + timedelta(microseconds=time_ns // 1_000)
    clock = f"{moment:%H%M%S}.{moment.microsecond // 10_000:02d}"
    where = f"{_angle(fix.latitude, 2, 'NS')},{_angle(fix.longitude, 3, 'EW')}"
    speed = f"{fix.speed_mps * _KNOTS_PER_MPS:.3f}"
    course = f"{round(fix.course_deg, 2) % 360:.2f}"
    in_use = ",".join([f"{number:02d}" for number in range(1, fix.satellites + 1)] + [""] * (12 - fix.satellites))
    return b"".join(
        (
            sentence(f"GPRMC,{clock},A,{where},{speed},{course},{moment:%d%m%y},,,A"),
            sentence(
                f"GPGGA,{clock},{where},1,{fix.satellites:02d},{fix.hdop:.1f},{fix.altitude_m:.1f},M,{_GEOID_M:.1f},M,,"
            ),
            sentence(f"GPGSA,A,3,{in_use},{fix.hdop * 1.7:.1f},{fix.hdop:.1f},{fix.hdop * 1.4:.1f}"),
        )
    )


def sentence(text: str) -> bytes:
    """Return what stands between `$` and `*` as a whole sentence with its checksum."""
    body = text.encode("ascii")
    return b"$%s*%02X\r\n" % (body, reduce(lambda total, byte: total ^ byte, body, 0))


def _angle(degrees: float, width: int, hemispheres: str) -> str:
    """Return degrees as NMEA's `ddmm.mmmmm,H`; rounded as a whole, so that minutes never read 60."""
    parts = round(abs(degrees) * 60 * _MINUTE_PARTS)
    whole, rest = divmod(parts, 60 * _MINUTE_PARTS)
    minutes, fraction = divmod(rest, _MINUTE_PARTS)
    return f"{whole:0{width}d}{minutes:02d}.{fraction:05d},{hemispheres[degrees < 0]}"
