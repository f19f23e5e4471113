"""Who rings when nobody answers. Pure: both clocks go in with each call.

Rules:
- A policy is a list of steps, each with its time since the oldest unanswered press and whom it lets ring. Who rang at
  an earlier step goes on ringing.
- An incident goes from step to step in order, none twice and none left out. A step comes at its time; or at once, when
  of those who ring since the step before it nobody is there.
- An answer ends it. A press that joins afterwards begins again at the first step.
- The siren never sounds for a drill or a test.
- Time is counted by the monotonic clock. The wall clock is asked once for each incident, when it is first seen: what
  was unanswered before the desk's start has the age that the wall clock gives it then, and never less than none.
- What the ledger says was reached is not done again after a restart; what came due meanwhile comes at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.incidents.incident import Incident

Audience = Literal["officer", "everyone", "supervisor", "siren"]
"""Whom a step lets ring: the screens of officers, every screen, the screens of supervisors, or the sirens."""

MAX_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from `after_s` on these ring too; only for incidents of these origins, None for all."""

    after_s: float
    rings: tuple[Audience, ...]
    origins: frozenset[IncidentOrigin] | None = None


DEFAULT_STEPS: Final = (
    Step(0, ("officer",)),
    Step(15, ("everyone",)),
    Step(30, ("supervisor",)),
    Step(60, ("siren",)),
)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step as it holds for one kind of incident: its number, when, who is new, and all who ring from then on."""

    step: int
    after_ns: int
    new: tuple[Audience, ...]
    rings: tuple[Audience, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """A step that an incident reached. `nobody` names whom the step before lets ring, if none of them is there and the
    step comes before its time for that; else it is empty.
    """

    incident_id: str
    step: int
    rings: tuple[Audience, ...]
    nobody: tuple[Audience, ...] = ()


@dataclass(frozen=True, slots=True)
class _Timer:
    """The age of what is unanswered was `age_ns` at a moment of the monotonic clock."""

    began_ns: int
    age_ns: int


class Escalation:
    """The timers of all that is unanswered.

    Args:
        steps: The policy, in order.
    """

    def __init__(self, steps: Iterable[Step] = DEFAULT_STEPS) -> None:
        self.steps = tuple(steps)
        self._timers: dict[str, _Timer] = {}
        self._ladder = cache(self._make_ladder)

    def ladder(self, status: AlertStatus, origin: IncidentOrigin) -> tuple[Rung, ...]:
        """Return the steps as they hold for incidents of this status and origin, in order."""
        return self._ladder(status, origin)

    def begin(self, incident: Incident, present: Collection[Audience], *, monotonic_ns: int) -> list[Due]:
        """Take an incident that became unanswered at this moment, and return what is due with it."""
        self._timers[incident.id] = _Timer(monotonic_ns, 0)
        return self._climb(incident, 0, present)

    def due(
        self, incidents: Iterable[Incident], present: Collection[Audience], *, wall_ns: int, monotonic_ns: int
    ) -> list[Due]:
        """Return the steps that are due now, in order, those of one incident one after the other.

        Args:
            incidents: All that are not over.
            present: Who is there to ring.
            wall_ns: The centre's clock, in ns since 1970.
            monotonic_ns: The monotonic clock.
        """
        found: list[Due] = []
        timers: dict[str, _Timer] = {}
        for incident in incidents:
            since_ns = incident.unanswered_since_ns
            if since_ns is None:
                continue
            timer = self._timers.get(incident.id)
            if timer is None:
                timer = _Timer(monotonic_ns, max(0, wall_ns - since_ns))
            timers[incident.id] = timer
            found += self._climb(incident, timer.age_ns + monotonic_ns - timer.began_ns, present)
        self._timers = timers
        return found

    def _climb(self, incident: Incident, age_ns: int, present: Collection[Audience]) -> list[Due]:
        found: list[Due] = []
        last: Rung | None = None
        for rung in self.ladder(incident.status, incident.origin):
            if rung.step > incident.step:
                early = age_ns < rung.after_ns
                if early and (last is None or any(each in present for each in last.new)):
                    break
                found.append(Due(incident.id, rung.step, rung.rings, last.new if early and last is not None else ()))
            last = rung
        return found

    def _make_ladder(self, status: AlertStatus, origin: IncidentOrigin) -> tuple[Rung, ...]:
        made: list[Rung] = []
        rings: tuple[Audience, ...] = ()
        for number, step in enumerate(self.steps):
            if step.origins is not None and origin not in step.origins:
                continue
            new = tuple(each for each in step.rings if status == "Actual" or each != "siren")
            if not new:
                continue
            rings += tuple(each for each in new if each not in rings)
            made.append(Rung(number, round(step.after_s * 1e9), new, rings))
        return tuple(made)
