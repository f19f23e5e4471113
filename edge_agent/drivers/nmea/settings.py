"""The keys that every source of positions has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from edge_agent.drivers.base import DriverSettings
from edge_agent.drivers.nmea.gate import FixRules
from edge_agent.thinning import Thinning

Degrees = Annotated[float, Field(ge=-180, le=180)]


class FixSettings(DriverSettings):
    """A source of positions.

    `max_speed_mps` is the fastest the box can move: further than that is a jump. `area` is south, west, north, east in
    degrees; nothing outside it is a position. `min_distance_m`: a position is told only when it is that far from the
    one told last, or that one is `max_interval_s` old.
    """

    max_speed_mps: Annotated[float, Field(gt=0, le=1_000)] = 100.0
    area: tuple[Degrees, Degrees, Degrees, Degrees] | None = None
    min_distance_m: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    max_interval_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0

    @field_validator("area")
    @classmethod
    def _from_south_to_north(cls, area: tuple[float, float, float, float] | None) -> object:
        if area is not None and not -90 <= area[0] < area[2] <= 90:
            raise ValueError("area is south, west, north, east in degrees; south is below north")
        return area

    def rules(self) -> FixRules:
        """Return what a fix is held against."""
        return FixRules(self.max_speed_mps, self.area, self.live)

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return positions."""
        return frozenset({(self.id, "position")})

    def thinning(self) -> Thinning:
        """Return which readings are told."""
        return Thinning(self.min_interval_s, self.min_distance_m, self.max_interval_s)
