"""Reads one NMEA 0183 sentence into what a position needs, or says why it cannot be used.

The fields are split and typed by pynmeagps. It lets through a letter that is no hemisphere, 91 degrees, 75 minutes and
NaN, so all of that is judged here. It takes about 40 µs a sentence; the types that no position needs, and they are most
of a receiver's output, are left out before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from functools import reduce
from operator import xor
from typing import Final, Literal

from pynmeagps import NMEAMessageError, NMEAParseError, NMEAReader, NMEATypeError

from contract.catalogue import KINDS
from contract.errors import DecodeError

Verdict = Literal["valid", "no fix", "estimated", "manual", "simulated"]
"""What a sentence says about its own position."""

_HEADER: Final = re.compile(rb"([A-Z0-9]{2})(RMC|GGA|GNS|GLL|GSA|VTG|ZDA),")
_CHECKED: Final = re.compile(rb"([\x20-\x7e]*)\*([0-9A-Fa-f]{2})[ ]*\Z")
_LATITUDE: Final = re.compile(r"[0-9]{2}[0-5][0-9]\.[0-9]*\Z")
_LONGITUDE: Final = re.compile(r"[0-9]{3}[0-5][0-9]\.[0-9]*\Z")
_FIRST_COORDINATE: Final = {"RMC": 2, "GGA": 1, "GNS": 1, "GLL": 0}
_TIME_FIELD: Final = {"RMC": 0, "GGA": 0, "GNS": 0, "GLL": 4, "ZDA": 0}

_KNOT_MPS: Final = 1852 / 3600
_NULL_ISLAND_DEG: Final = 1e-4
_QUANTITIES: Final = {quantity.name: quantity for quantity in KINDS["position"].quantities}
_MODES: Final[dict[str, Verdict]] = {"N": "no fix", "E": "estimated", "M": "manual", "S": "simulated"}
_QUALITIES: Final[dict[int, Verdict]] = {0: "no fix", 6: "estimated", 7: "manual", 8: "simulated"}


class SentenceError(DecodeError):
    """A sentence cannot be used; `reason` is what the driver counts by."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One checked sentence.

    `type` is RMC, GGA, GNS, GLL, GSA, VTG or ZDA. `time_of_day_ns` is UTC, nanoseconds since midnight. `verdict` is
    None for the types without a position; `latitude` and `longitude` are there when it is `valid`. `fields` are other
    quantities of the catalogue's position, and `implausible` the names of those left out for their value.
    """

    talker: str
    type: str
    time_of_day_ns: int | None = None
    date: date | None = None
    verdict: Verdict | None = None
    latitude: float | None = None
    longitude: float | None = None
    fields: tuple[tuple[str, float], ...] = ()
    implausible: tuple[str, ...] = ()


def check(raw: bytes) -> bytes:
    """Return the text between `$` and `*`, after comparing the checksum.

    Raises:
        SentenceError: `no checksum`, `not text` or `bad checksum`.
    """
    found = _CHECKED.match(raw)
    if found is None:
        raise SentenceError("not text" if re.search(rb"[^\x20-\x7e]", raw) else "no checksum", raw)
    content = found.group(1)
    if reduce(xor, content, 0) != int(found.group(2), 16):
        raise SentenceError("bad checksum", raw)
    return content


def parse(raw: bytes) -> Sentence | None:
    """Return a framed sentence, or None for a type that no position needs.

    Args:
        raw: The bytes between `$` and the line's end.

    Raises:
        SentenceError: As `check`, and `malformed`, `bad time`, `wrong hemisphere`, `out of range`, `null island`.
    """
    content = check(raw)
    header = _HEADER.match(content)
    if header is None:
        return None
    kind = header.group(2).decode()
    try:
        # The checksum is compared already; a message without one is put together for the parser.
        message = NMEAReader.parse(b"$" + content + b"*00", validate=0)
    except (NMEAMessageError, NMEAParseError, NMEATypeError) as error:
        raise SentenceError("malformed", raw, detail=str(error)) from None
    payload: list[str] = message.payload
    values: dict[str, object] = vars(message)
    verdict = _verdict(kind, values)
    latitude, longitude = _position(kind, payload, values, raw) if verdict == "valid" else (None, None)
    fields, implausible = _fields(kind, values)
    return Sentence(
        talker=header.group(1).decode(),
        type=kind,
        time_of_day_ns=_time_of_day_ns(kind, payload, values, raw),
        date=_date(kind, values, verdict),
        verdict=verdict,
        latitude=latitude,
        longitude=longitude,
        fields=fields,
        implausible=implausible,
    )


def _verdict(kind: str, values: dict[str, object]) -> Verdict | None:
    if kind == "GGA":
        quality = values.get("quality")
        return _QUALITIES.get(quality, "valid") if isinstance(quality, int) else "no fix"
    if kind == "GNS":
        # One letter a constellation: any of them with a fix makes a fix.
        modes = str(values.get("posMode", ""))
        if any(mode not in _MODES for mode in modes):
            return "valid"
        return next((_MODES[mode] for mode in modes if mode != "N"), "no fix")
    if kind in ("RMC", "GLL"):
        mode = _MODES.get(str(values.get("posMode", "")))
        if values.get("status") == "A":
            return mode or "valid"
        return mode if mode in ("estimated", "manual", "simulated") else "no fix"
    return None


def _position(kind: str, payload: list[str], values: dict[str, object], raw: bytes) -> tuple[float, float]:
    latitude, longitude = values.get("lat"), values.get("lon")
    if not isinstance(latitude, float) or not isinstance(longitude, float):
        raise SentenceError("malformed", raw, detail="no coordinates")
    if values.get("NS") not in ("N", "S") or values.get("EW") not in ("E", "W"):
        raise SentenceError("wrong hemisphere", raw)
    first = _FIRST_COORDINATE[kind]
    if _LATITUDE.match(payload[first]) is None or _LONGITUDE.match(payload[first + 2]) is None:
        raise SentenceError("out of range", raw)
    for name, value in (("latitude", latitude), ("longitude", longitude)):
        if _QUANTITIES[name].fault(value) is not None:
            raise SentenceError("out of range", raw)
    if abs(latitude) < _NULL_ISLAND_DEG and abs(longitude) < _NULL_ISLAND_DEG:
        raise SentenceError("null island", raw)
    return latitude, longitude


def _time_of_day_ns(kind: str, payload: list[str], values: dict[str, object], raw: bytes) -> int | None:
    index = _TIME_FIELD.get(kind)
    if index is None or index >= len(payload) or payload[index] == "":
        return None
    moment = values.get("time")
    if not isinstance(moment, time):
        raise SentenceError("bad time", raw)
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return (seconds * 1_000_000 + moment.microsecond) * 1_000


def _date(kind: str, values: dict[str, object], verdict: Verdict | None) -> date | None:
    # A receiver without a fix fills the date with whatever its clock woke up with.
    if kind == "RMC" and verdict == "valid":
        day = values.get("date")
        return day if isinstance(day, date) else None
    if kind == "ZDA":
        parts = [values.get(name) for name in ("year", "month", "day")]
        if all(isinstance(part, int) for part in parts):
            try:
                return date(*parts)  # type: ignore[arg-type]
            except (ValueError, OverflowError):
                return None
    return None


def _fields(kind: str, values: dict[str, object]) -> tuple[tuple[tuple[str, float], ...], tuple[str, ...]]:
    raw: dict[str, object] = {}
    if kind in ("GGA", "GNS"):
        raw = {"altitude_m": values.get("alt"), "satellites": values.get("numSV"), "hdop": values.get("HDOP")}
    elif kind == "GSA" and values.get("navMode") in (2, 3):
        raw = {"hdop": values.get("HDOP")}
    elif kind in ("RMC", "VTG"):
        knots = values.get("spd" if kind == "RMC" else "sogn")
        speed = knots * _KNOT_MPS if isinstance(knots, float) else None
        raw = {"speed_mps": speed, "course_deg": values.get("cog" if kind == "RMC" else "cogt")}
    good: list[tuple[str, float]] = []
    implausible: list[str] = []
    for name, value in raw.items():
        if not isinstance(value, int | float):
            continue
        if _QUANTITIES[name].fault(value) is None:
            good.append((name, value))
        else:
            implausible.append(name)
    return tuple(good), tuple(implausible)
