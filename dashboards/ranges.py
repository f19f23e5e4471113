"""Which of the store's values a range is drawn from, and how wide a group is. Pure.

A day of readings, 60 days of minutes and ten years of hours are about the same number of points, so a year opens as
fast as a day.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.layout import RAW

MINUTE_FROM_S = 2 * 86_400
"""From this range on values of a minute are shown, made by the store."""
HOUR_FROM_S = 60 * 86_400
"""From this range on values of an hour."""

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 604_800)
_LEAST_S = {RAW: 1, "minute": 60, "hour": 3_600}


@dataclass(frozen=True, slots=True)
class Range:
    """From when to when, in ms since 1970, and for how many points there is room."""

    from_ms: int
    to_ms: int
    points: int = 600

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(0, self.to_ms - self.from_ms) / 1_000

    @property
    def policy(self) -> str:
        """The retention policy it is drawn from."""
        if self.seconds >= HOUR_FROM_S:
            return "hour"
        return "minute" if self.seconds >= MINUTE_FROM_S else RAW

    @property
    def step_s(self) -> int:
        """The width of a group: the least that gives no more than `points`, and no less than the policy has."""
        least = _LEAST_S[self.policy]
        for step in _STEPS_S:
            if step >= least and self.seconds / step <= self.points:
                return step
        return _STEPS_S[-1]


def ask(influxql: str, shown: Range, *, device: str = "", sensor: str = "") -> str:
    """Return a question with its placeholders filled in.

    Args:
        influxql: A committed question.
        shown: The range.
        device, sensor: Names of the inventory; whoever asks has checked that they are.
    """
    for name in (device, sensor):
        if "'" in name or "\\" in name or "\n" in name:
            raise ValueError(f"not a name of the inventory: {name!r}")
    return (
        influxql.replace("{policy}", shown.policy)
        .replace("{time}", f"time >= {shown.from_ms}ms AND time < {shown.to_ms}ms")
        .replace("{step}", f"{shown.step_s}s")
        .replace("{device}", device)
        .replace("{sensor}", sensor)
    )
