"""`[duty]` in desk.toml: what the desk asks of those who are on duty."""

from __future__ import annotations

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from contract.settings import Settings
from contract.zone import DEFAULT_ZONE, EXAMPLE, TimeZone

EXAMPLES: Final = {
    "duty": '[duty] time_zone = "Asia/Jakarta" consoles = 2 confirm_min = 10 ahead_h = 12',
    "duty.time_zone": EXAMPLE,
    "duty.consoles": "consoles = 2",
    "duty.confirm_min": "confirm_min = 10",
    "duty.ahead_h": "ahead_h = 12",
}


class DutySettings(Settings):
    """The roster's local time; how many screens shall ring; when a shift must be confirmed and the next gap is told.

    Without `consoles` it is 2 where a roster was imported, and 0 without one.
    """

    time_zone: TimeZone = DEFAULT_ZONE
    consoles: Annotated[int, Field(ge=0, le=100)] | None = None
    confirm_min: Annotated[float, Field(gt=0, le=240)] = 10
    ahead_h: Annotated[float, Field(gt=0, le=168)] = 12

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)
