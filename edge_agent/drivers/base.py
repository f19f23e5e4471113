"""What a driver for a line of bytes is: a decoder without I/O, found by its name.

Bytes and the time of their arrival go in, samples come out. Whatever else happens on the line is counted, never raised.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from contract.batch import FieldValue
from contract.errors import ConfigError

EARLIEST_LIVE_NS: Final = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z. A live source that claims an earlier time has lost count of the weeks (GPS counts 1024 of them
and starts again) or never had a date."""

DRIVERS: Final = MappingProxyType({"nmea": "gps"})
"""The known drivers, each with the usual name of a sensor it reads."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a driver made of some bytes.

    `kind` and `fields` are of the catalogue. `monotonic_ns` is when the last byte of it arrived. `time_ns` is the
    source's own UTC time in nanoseconds since 1970, as a satellite receiver has it; None: the agent's clock stamps it.
    """

    kind: str
    fields: dict[str, FieldValue]
    monotonic_ns: int
    time_ns: int | None


class Decoder(Protocol):
    """A driver's decoder. It does no I/O and raises nothing, whatever the bytes are.

    `counters` counts by reason what came in and what was refused, such as `sentences` and `bad checksum`.
    """

    counters: Counter[str]

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns` and return the samples they complete."""
        ...

    def flush(self) -> list[Sample]:
        """Return what is still pending, because the line ended."""
        ...

    def fault(self) -> str | None:
        """Return what is wrong with the line in words, such as `garbled`, or None."""
        ...


def open_decoder(driver: str, *, earliest_ns: int | None = None) -> Decoder:
    """Return a new decoder.

    Args:
        driver: Its name, such as `nmea`.
        earliest_ns: The earliest UTC time in nanoseconds that the source may claim; a sample that claims less comes
            without a time. None takes every time, as a replay of an old log needs; a live line should be given
            `EARLIEST_LIVE_NS`.

    Raises:
        ConfigError: No driver has this name; the message names the known ones.
    """
    if driver == "nmea":
        from edge_agent.drivers.nmea.driver import NmeaDecoder

        return NmeaDecoder(earliest_ns=earliest_ns)
    known = ", ".join(DRIVERS)
    raise ConfigError("driver", driver, f"no such driver; known: {known}", example="nmea")
