"""What day is simulated, and who takes part. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final, Self

S: Final = 10**9
MINUTE: Final = 60 * S
HOUR: Final = 3_600 * S
_WIB: Final = timezone(timedelta(hours=7))
_STORM_AT: Final = timedelta(hours=14, minutes=40)
_STORM_AGO: Final = 100 * MINUTE


class PlanError(Exception):
    """A day that cannot be: the message says what to change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A stretch of time and a city. Times in ns since 1970; `storm_ns` is when the rain begins.

    The first boxes have the stations; `vehicles` are boxes too, the last ones.
    """

    begin_ns: int
    end_ns: int
    storm_ns: int
    seed: int = 1
    boxes: int = 500
    vehicles: int = 60
    air: int = 30
    water: int = 12
    weather: int = 8
    incidents: int = 40

    def __post_init__(self) -> None:
        least = self.air + self.water + self.weather + self.vehicles + 4
        if self.boxes < least:
            raise PlanError(f"{self.boxes} boxes are too few: stations, vehicles and four others need {least}")
        if min(self.air, self.water, self.weather, self.vehicles) < 3 or self.incidents < 1:
            raise PlanError("expected at least 3 stations of each kind, 3 vehicles and 1 incident")

    @classmethod
    def of_day(cls, day: date, **counts: int) -> Self:
        """Return a whole day of Bandung's time, with a storm in the afternoon."""
        begin = datetime(day.year, day.month, day.day, tzinfo=_WIB)
        end = begin + timedelta(days=1)
        begin_ns, storm_ns, end_ns = (round(at.timestamp()) * S for at in (begin, begin + _STORM_AT, end))
        return cls(begin_ns, end_ns, storm_ns, **counts)

    @classmethod
    def until(cls, end_ns: int, hours: float, **counts: int) -> Self:
        """Return the hours up to a moment; the storm is 100 minutes ago, or in the middle of a shorter time."""
        length_ns = round(hours * HOUR)
        return cls(end_ns - length_ns, end_ns, end_ns - min(_STORM_AGO, length_ns // 2), **counts)

    def random(self, *names: object) -> random.Random:
        """Return a source of chance for one thing: the same whatever else is simulated."""
        return random.Random("/".join(str(name) for name in (self.seed, *names)))

    @property
    def fixed(self) -> tuple[str, ...]:
        """The boxes that stand somewhere."""
        return tuple(f"box-{number}" for number in range(1, self.boxes - self.vehicles + 1))

    @property
    def moving(self) -> tuple[str, ...]:
        """The boxes in vehicles."""
        return tuple(f"vehicle-{number}" for number in range(1, self.vehicles + 1))

    @property
    def air_boxes(self) -> tuple[str, ...]:
        """The boxes with an air station."""
        return self.fixed[: self.air]

    @property
    def water_boxes(self) -> tuple[str, ...]:
        """The boxes with a gauge."""
        return self.fixed[self.air : self.air + self.water]

    @property
    def weather_boxes(self) -> tuple[str, ...]:
        """The boxes with a weather station."""
        return self.fixed[self.air + self.water : self.air + self.water + self.weather]

    @property
    def plain_boxes(self) -> tuple[str, ...]:
        """The boxes with a button alone."""
        return self.fixed[self.air + self.water + self.weather :]


def hour_of(time_ns: int) -> float:
    """Return the hour of the day in Bandung, 0 to 24."""
    return (time_ns / HOUR + 7) % 24
