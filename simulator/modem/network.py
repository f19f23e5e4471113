"""The network behind a simulated modem: what becomes of each message. Pure and seeded: the same seed loses the same."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

DELIVERED: Final = 0x00
"""The status of a report whose phone has the message."""
EXPIRED: Final = 0x46
"""That of one whose time was over before the phone came back."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network is. Shares are 0 to 1, times in seconds.

    Args:
        lost: Messages that are taken and never arrive: no report comes of them.
        failed: Messages whose report says that they never will.
        refused: Messages that the network does not take (`+CMS ERROR: 38`, network out of order).
        unreported: Messages that arrive without a report.
        take_s: The modem answers AT+CMGS after this, at least and at most.
        deliver_s: A phone has the message this long after it was taken, at least and at most.
    """

    lost: float = 0.0
    failed: float = 0.0
    refused: float = 0.0
    unreported: float = 0.0
    take_s: tuple[float, float] = (0.0, 0.0)
    deliver_s: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one message. `deliver_s` None: it never arrives. `status` None: nothing is reported."""

    taken: bool
    take_s: float
    deliver_s: float | None
    status: int | None


class Network:
    """Decides.

    Args:
        weather: How it is; may be changed at any time.
        seed: Whose messages are lost.
    """

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self._random = random.Random(seed)

    def fate(self) -> Fate:
        """Return what becomes of the next message; each takes the same numbers, whatever the weather."""
        weather = self.weather
        refused, lost, failed, unreported, take, deliver = (self._random.random() for _ in range(6))
        take_s = _between(weather.take_s, take)
        if refused < weather.refused:
            return Fate(False, take_s, None, None)
        if lost < weather.lost:
            return Fate(True, take_s, None, None)
        deliver_s = _between(weather.deliver_s, deliver)
        if failed < weather.failed:
            return Fate(True, take_s, deliver_s, EXPIRED)
        return Fate(True, take_s, deliver_s, None if unreported < weather.unreported else DELIVERED)


def _between(times: tuple[float, float], share: float) -> float:
    return times[0] + (times[1] - times[0]) * share
