"""The city's time zone, as every settings file names it, `time_zone = "Asia/Jakarta"`, and its clock's words."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

DEFAULT_ZONE: Final = "Asia/Jakarta"
EXAMPLE: Final = f'time_zone = "{DEFAULT_ZONE}"'


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        expected = "expected a time zone of this machine, such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura"
        raise ValueError(expected) from None
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
"""A setting that is a time zone's name, which this machine knows."""


def clock_words(at_ns: int, zone: tzinfo) -> str:
    """Return a moment, in ns since 1970, as the city's clocks show it, with the zone's name: `12:30:00 WIB`."""
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC).astimezone(zone):%H:%M:%S %Z}"
