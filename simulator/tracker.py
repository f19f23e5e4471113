"""A vehicle that drives up and down a street. Pure and seeded: the same seed drives the same way.

It keeps below 50 km/h, stops at lights, speeds up by at most 1.5 m/s² and brakes by at most 3 m/s².
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from simulator.streets import Place, metres_between

MAX_SPEED_MPS: Final = 13.9
MAX_ACCELERATION_MPS2: Final = 1.5
MAX_BRAKING_MPS2: Final = 3.0
_STOP_SHARE: Final = 0.15
_MIN_DRIVING_MPS: Final = 4.0
_ALTITUDE_M: Final = 715.0
"""Above mean sea level, about the city's centre."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What a receiver in the vehicle would know at one moment."""

    latitude: float
    longitude: float
    altitude_m: float
    speed_mps: float
    course_deg: float
    satellites: int
    hdop: float


@dataclass(frozen=True, slots=True)
class _Leg:
    start: Place
    end: Place
    length_m: float
    course_deg: float


class Tracker:
    """A vehicle on a line of points.

    Args:
        points: The street, at least two different points.
        seed: Where on it the vehicle starts, and every choice after.
    """

    def __init__(self, points: tuple[Place, ...], seed: int) -> None:
        self._legs = [_leg(start, end) for start, end in pairwise(points)]
        self._length_m = sum(leg.length_m for leg in self._legs)
        self._random = random.Random(seed)
        self._along_m = self._random.uniform(0, self._length_m)
        self._forward = self._random.random() < 0.5
        self._speed_mps = 0.0
        self._target_mps = 0.0
        self._target_left_s = 0.0

    def advance(self, seconds: float) -> Fix:
        """Drive on for `seconds`, 0 to 10, and return the fix there."""
        self._choose_speed(seconds)
        change = self._target_mps - self._speed_mps
        self._speed_mps += max(-MAX_BRAKING_MPS2 * seconds, min(MAX_ACCELERATION_MPS2 * seconds, change))
        self._along_m += self._speed_mps * seconds * (1 if self._forward else -1)
        if not 0 <= self._along_m <= self._length_m:
            self._forward = not self._forward
            self._along_m = max(0.0, min(self._length_m, self._along_m))
        return self._fix()

    def _choose_speed(self, seconds: float) -> None:
        self._target_left_s -= seconds
        if self._target_left_s > 0:
            return
        if self._random.random() < _STOP_SHARE:
            self._target_mps, self._target_left_s = 0.0, self._random.uniform(10, 30)
        else:
            self._target_mps = self._random.uniform(_MIN_DRIVING_MPS, MAX_SPEED_MPS)
            self._target_left_s = self._random.uniform(10, 40)

    def _fix(self) -> Fix:
        rest_m = self._along_m
        for leg in self._legs[:-1]:
            if rest_m <= leg.length_m:
                break
            rest_m -= leg.length_m
        else:
            leg = self._legs[-1]
        part = min(1.0, rest_m / leg.length_m)
        return Fix(
            latitude=leg.start.latitude + part * (leg.end.latitude - leg.start.latitude),
            longitude=leg.start.longitude + part * (leg.end.longitude - leg.start.longitude),
            altitude_m=_ALTITUDE_M + self._random.uniform(-1, 1),
            speed_mps=self._speed_mps,
            course_deg=leg.course_deg if self._forward else (leg.course_deg + 180) % 360,
            satellites=self._random.randint(8, 12),
            hdop=round(self._random.uniform(0.7, 1.2), 1),
        )


def _leg(start: Place, end: Place) -> _Leg:
    east_m, north_m = metres_between(start, end)
    return _Leg(start, end, math.hypot(east_m, north_m), math.degrees(math.atan2(east_m, north_m)) % 360)
