"""What goes wrong on the day, and to whom: on a wall it must be seen, and a value must not be made up for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.history.plan import HOUR, MINUTE, Plan, S

FAULTS: Final = ("disk_low", "sensor_silent", "under_voltage", "clock_untrusted")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a box. Times in ns since 1970.

    Args:
        never: It is in the inventory and was never heard of.
        gone: It was off meanwhile: nothing was measured.
        late: It was cut off meanwhile: what was measured came afterwards.
        silent_from: From then on nothing of it is heard.
        behind_ns: How far its clock is behind; such a clock has no source.
        fault: A fault that stands all day, or from `fault_from` on.
    """

    never: bool = False
    gone: tuple[int, int] | None = None
    late: tuple[int, int] | None = None
    silent_from: int | None = None
    behind_ns: int = 0
    fault: str | None = None
    fault_from: int = 0

    def has(self, fault: str, at_ns: int) -> bool:
        """Return whether a fault stands at a moment."""
        return self.fault == fault and at_ns >= self.fault_from

    def hears(self, at_ns: int) -> bool:
        """Return whether what it measures at a moment ever arrives."""
        if self.never or (self.silent_from is not None and at_ns >= self.silent_from):
            return False
        return self.gone is None or not self.gone[0] <= at_ns < self.gone[1]


FINE: Final = Fate()


def fates(plan: Plan) -> dict[str, Fate]:
    """Return the fate of each box that has one; all others are fine."""
    length_ns = plan.end_ns - plan.begin_ns
    chance = plan.random("fates")
    plain = list(plan.plain_boxes)
    chance.shuffle(plain)
    one_in = max(1, len(plain) // 100)
    found: dict[str, Fate] = {}

    def stretch(least_ns: int) -> tuple[int, int]:
        lasts_ns = round(min(length_ns / 4, least_ns * chance.uniform(1, 2)))
        begin_ns = plan.begin_ns + round(chance.uniform(0.1, 0.6) * length_ns)
        return begin_ns, begin_ns + lasts_ns

    for number in range(one_in):
        found[plain.pop()] = Fate(never=True)
        found[plain.pop()] = Fate(gone=stretch(2 * HOUR), fault=FAULTS[number % len(FAULTS)])
        found[plain.pop()] = Fate(late=stretch(HOUR))
        found[plain.pop()] = Fate(behind_ns=2 * HOUR, fault="clock_untrusted")
    for box in plain[: len(plain) // 25]:
        found[box] = Fate(fault=chance.choice(FAULTS[:3]))
    # One station of each kind falls silent, one of weather is late; the last vehicle is silent for an hour.
    found[plan.air_boxes[0]] = Fate(fault="under_voltage", fault_from=plan.end_ns - 100 * S)
    found[plan.air_boxes[1]] = Fate(silent_from=plan.end_ns - min(length_ns // 3, 35 * MINUTE), fault="sensor_silent")
    found[plan.air_boxes[-1]] = Fate(never=True)
    found[plan.water_boxes[1]] = Fate(silent_from=plan.end_ns - min(length_ns // 4, 40 * MINUTE), fault="sensor_silent")
    found[plan.weather_boxes[1]] = Fate(late=stretch(HOUR))
    found[plan.weather_boxes[-1]] = Fate(silent_from=plan.end_ns - min(length_ns // 4, 25 * MINUTE))
    found[plan.moving[-1]] = Fate(silent_from=plan.end_ns - min(length_ns // 2, HOUR))
    return found
