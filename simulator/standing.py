"""A receiver on a post. Pure and seeded: the same seed errs the same way.

Its place is right within metres, and what is wrong with it changes slowly, as the satellites do: first-order
Gauss-Markov errors to the east and to the north, of 1.5 m (one sigma) and a minute.
"""

from __future__ import annotations

import math
import random
from typing import Final

from simulator.streets import METRES_PER_DEGREE, Place
from simulator.tracker import Fix

_SIGMA_M: Final = 1.5
_MINUTE_S: Final = 60.0
_MOST_SIGMA: Final = 3.0
_STILL_MPS: Final = 0.05
_ALTITUDE_M: Final = 715.0
"""As a vehicle's: above mean sea level, about the city's centre."""


class Standing:
    """A receiver that stands still.

    Args:
        place: Where.
        seed: How it errs.
    """

    def __init__(self, place: Place, seed: int) -> None:
        self._place = place
        self._random = random.Random(seed)
        self._east_m, self._north_m = (self._random.gauss(0, _SIGMA_M) for _ in range(2))

    def advance(self, seconds: float) -> Fix:
        """Let `seconds`, 0 to 10, pass and return the fix then."""
        self._east_m, self._north_m = self._err(self._east_m, seconds), self._err(self._north_m, seconds)
        east_deg = METRES_PER_DEGREE * math.cos(math.radians(self._place.latitude))
        return Fix(
            latitude=self._place.latitude + self._north_m / METRES_PER_DEGREE,
            longitude=self._place.longitude + self._east_m / east_deg,
            altitude_m=_ALTITUDE_M + self._random.uniform(-1, 1),
            speed_mps=self._random.uniform(0, _STILL_MPS),
            course_deg=0.0,
            satellites=self._random.randint(8, 12),
            hdop=round(self._random.uniform(0.7, 1.2), 1),
        )

    def _err(self, before_m: float, seconds: float) -> float:
        stays = math.exp(-seconds / _MINUTE_S)
        now_m = before_m * stays + self._random.gauss(0, _SIGMA_M * math.sqrt(1 - stays * stays))
        return max(-_MOST_SIGMA * _SIGMA_M, min(_MOST_SIGMA * _SIGMA_M, now_m))
