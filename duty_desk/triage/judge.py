"""Which buttons are a nuisance, and what to do about each. Pure.

Nothing here is asked when a press comes: the worst button of the city rings as any other does. This is for the daytime,
when somebody can go and look.

Rules, the first that fits gives the action; all that fit are told:
- `visit`: its line was at fault, or it is suspected to hang or to chatter: somebody has to look at the button.
- `teach`: many false alarms, most of them at the same time of the day: the same people are there, who can be talked to.
- `move`: many false alarms, at any time of the day: it is pressed by accident, where it hangs or as it is built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from contract.messages import IncidentOrigin
from duty_desk.incidents.entries import CancelReason

Action = Literal["visit", "teach", "move"]
Sign = Literal["faults", "stuck", "chatter", "false_alarms", "same_hours"]

DAYS: Final = (1, 7, 30)
"""The spans for which each button is counted."""
DAY_NS: Final = 86_400 * 10**9
FAULTS: Final = 1
"""Faults of the line, tamper or a stuck button within 7 days, from which on somebody has to look."""
CHATTER: Final = 4.0
"""Presses an incident, on average over 7 days, from which on a button is taken to chatter."""
CHATTER_INCIDENTS: Final = 3
"""Of so many incidents at least: one person in fear presses often, too."""
STUCK: Final = 6
"""Incidents of one button on a day, from which on it is suspected to hang."""
FALSE_COUNT: Final = 3
FALSE_SHARE: Final = 0.5
"""False alarms within 30 days, and their share of what ended, from which on something is to be done."""
SAME_HOURS: Final = 3
SAME_SHARE: Final = 0.7
"""So large a share of the false alarms within so many hours of the day is the same people's doing."""


@dataclass(frozen=True, slots=True)
class Case:
    """What of an incident matters here. `hour` is that of the day at the place, 0 to 23, when it opened."""

    device: str
    button: str
    origin: IncidentOrigin
    opened_at_ns: int
    hour: int
    presses: int
    ended: bool
    reason: CancelReason | None


@dataclass(frozen=True, slots=True)
class Count:
    """What a button did within so many days until now."""

    days: int
    incidents: int
    presses: int
    false_alarms: int
    ended: int
    faults: int

    @property
    def false_share(self) -> float | None:
        """The share of false alarms in what ended, 0 to 1; None where nothing did."""
        return self.false_alarms / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A button, what it did, and what to do. `hours`, with the sign `same_hours`, is the first and the one after the
    last of them."""

    device: str
    button: str
    counts: tuple[Count, ...]
    signs: tuple[Sign, ...]
    action: Action | None
    hours: tuple[int, int] | None = None

    @property
    def weight(self) -> tuple[bool, int, int]:
        """What comes first is worst: something is to be done, false alarms and faults of 30 days, incidents."""
        month = self.counts[-1]
        return (self.action is not None, month.false_alarms + month.faults, month.incidents)


def judge(cases: Iterable[Case], now_ns: int) -> list[Verdict]:
    """Return a verdict on each button that did anything within 30 days, the worst first.

    Args:
        cases: Incidents of status Actual that a device opened, in any order.
        now_ns: The centre's clock, in ns since 1970.
    """
    by_button: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if now_ns - DAYS[-1] * DAY_NS < case.opened_at_ns <= now_ns:
            by_button.setdefault((case.device, case.button), []).append(case)
    verdicts = [_judge(device, button, found, now_ns) for (device, button), found in sorted(by_button.items())]
    return sorted(verdicts, key=lambda one: one.weight, reverse=True)


def _judge(device: str, button: str, cases: list[Case], now_ns: int) -> Verdict:
    counts = tuple(_count(cases, days, now_ns) for days in DAYS)
    day, week, month = counts
    signs: list[Sign] = []
    if week.faults >= FAULTS:
        signs.append("faults")
    if day.incidents >= STUCK:
        signs.append("stuck")
    if week.incidents >= CHATTER_INCIDENTS and week.presses / week.incidents >= CHATTER:
        signs.append("chatter")
    hours = None
    if month.false_alarms >= FALSE_COUNT and (month.false_share or 0) >= FALSE_SHARE:
        signs.append("false_alarms")
        hours = _same_hours([case.hour for case in cases if case.reason == "false_alarm"])
        if hours is not None:
            signs.append("same_hours")
    return Verdict(device, button, counts, tuple(signs), _action(signs), hours)


def _action(signs: list[Sign]) -> Action | None:
    if {"faults", "stuck", "chatter"} & set(signs):
        return "visit"
    if "same_hours" in signs:
        return "teach"
    return "move" if "false_alarms" in signs else None


def _count(cases: list[Case], days: int, now_ns: int) -> Count:
    ours = [case for case in cases if now_ns - days * DAY_NS < case.opened_at_ns]
    pressed = [case for case in ours if case.origin == "press"]
    return Count(
        days=days,
        incidents=len(pressed),
        presses=sum(case.presses for case in pressed),
        false_alarms=sum(case.reason == "false_alarm" for case in pressed),
        ended=sum(case.ended for case in pressed),
        faults=sum(case.origin == "fault" for case in ours),
    )


def _same_hours(hours: list[int]) -> tuple[int, int] | None:
    """Return the span of the day in which most are, also over midnight, or None where they are spread."""
    best = max(
        range(24), key=lambda first: (sum((hour - first) % 24 < SAME_HOURS for hour in hours), first in hours, -first)
    )
    inside = sum((hour - best) % 24 < SAME_HOURS for hour in hours)
    return (best, (best + SAME_HOURS) % 24) if inside >= SAME_SHARE * len(hours) else None
