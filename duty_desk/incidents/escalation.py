"""Who rings when nobody answers. Pure: both clocks go in with each call.

Rules:
- A plan is a list of steps, each with its time since the oldest unanswered press, whom it lets ring, and the channels
  by which it pages. Who rang at an earlier step goes on ringing. The first plan that an incident fits is its own.
- An incident goes from step to step in order, none twice and none left out. A step comes at its time; or at once, when
  of those who ring since the step before it nobody is there, and no page of that step can still reach anybody; or when
  everybody whom that step paged said that they cannot come.
- An answer ends it. A press that joins afterwards begins again at the first step.
- The siren never sounds for a drill or a test.
- Time is counted by the monotonic clock. The wall clock is asked once for each incident, when it is first seen: what
  was unanswered before the desk's start has the age that the wall clock gives it then, and never less than none.
- What the ledger says was reached is not done again after a restart; what came due meanwhile comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.policies import (
    DEFAULT_STEPS,
    LOUD,
    MAX_STEPS,
    OTHERS,
    PEOPLE,
    Audience,
    Plan,
    Spot,
    Step,
    choose,
)

__all__ = ["DEFAULT_STEPS", "MAX_STEPS", "Audience", "Due", "Escalation", "Outlook", "Rung", "Step"]

Outlook = Literal["nobody", "hopeful", "declined"]
"""What the pages of a step may still do: nothing, as there were none or all failed; reach somebody; or nothing, as
everybody whom they reached said that they cannot come."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A step as it holds for one kind of incident: its number, when, who is new, and all who ring from then on.

    `channels` are those that are set up, `pages` whom they take a page to, `repeat_ns` after what time again.
    """

    step: int
    after_ns: int
    new: tuple[Audience, ...]
    rings: tuple[Audience, ...]
    channels: tuple[str, ...] = ()
    pages: tuple[Audience, ...] = ()
    repeat_ns: int | None = None


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


def _no_pages(_incident: Incident, _rung: Rung) -> Outlook:
    return "nobody"


class Escalation:
    """The timers of all that is unanswered.

    Args:
        steps: The steps of what no plan fits, in order.
        plans: The plans, in the order in which they are looked at.
        channels: The names of the channels that are set up; others in a step are left out.
        spot: Tells where an incident is.
    """

    def __init__(
        self,
        steps: Iterable[Step] = DEFAULT_STEPS,
        plans: Iterable[Plan] = (),
        *,
        channels: Iterable[str] = (),
        spot: Callable[[Incident], Spot] = lambda _: Spot(),
    ) -> None:
        self.steps = tuple(steps)
        self.plans = tuple(plans)
        self.channels = tuple(channels)
        self._spot = spot
        self._timers: dict[str, _Timer] = {}
        self._chosen: dict[str, int | None] = {}
        self._ladder = cache(self._make_ladder)

    def use(self, channels: Iterable[str]) -> None:
        """Take note which channels are set up."""
        self.channels = tuple(channels)
        self._ladder = cache(self._make_ladder)

    def plan(self, incident: Incident) -> Plan | None:
        """Return an incident's plan; None where none fits, so that the steps of all others hold."""
        number = self._number(incident)
        return None if number is None else self.plans[number]

    def ladder(self, incident: Incident) -> tuple[Rung, ...]:
        """Return the steps as they hold for an incident, in order."""
        return self._ladder(self._number(incident), incident.status, incident.origin)

    def age_ns(self, incident: Incident, *, wall_ns: int, monotonic_ns: int) -> int | None:
        """Return for how long an incident is unanswered, as its steps are timed; None when it is not."""
        since_ns = incident.unanswered_since_ns
        if since_ns is None:
            return None
        timer = self._timers.get(incident.id)
        return max(0, wall_ns - since_ns) if timer is None else timer.age_ns + monotonic_ns - timer.began_ns

    def begin(
        self,
        incident: Incident,
        present: Collection[Audience],
        *,
        monotonic_ns: int,
        outlook: Callable[[Incident, Rung], Outlook] = _no_pages,
    ) -> list[Due]:
        """Take an incident that became unanswered at this moment, and return what is due with it."""
        self._timers[incident.id] = _Timer(monotonic_ns, 0)
        return self._climb(incident, 0, present, outlook)

    def due(
        self,
        incidents: Iterable[Incident],
        present: Collection[Audience],
        *,
        wall_ns: int,
        monotonic_ns: int,
        outlook: Callable[[Incident, Rung], Outlook] = _no_pages,
    ) -> list[Due]:
        """Return the steps that are due now, in order, those of one incident one after the other.

        Args:
            incidents: All that are not over.
            present: Who is there to ring.
            wall_ns: The centre's clock, in ns since 1970.
            monotonic_ns: The monotonic clock.
            outlook: Tells what the pages of a step may still do.
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
            found += self._climb(incident, timer.age_ns + monotonic_ns - timer.began_ns, present, outlook)
        self._timers = timers
        self._chosen = {each: number for each, number in self._chosen.items() if each in timers}
        return found

    def _number(self, incident: Incident) -> int | None:
        """Return which plan is an incident's: the same one for as long as it is unanswered."""
        if not self.plans:
            return None
        if incident.unanswered_since_ns is None:
            return choose(self.plans, incident, self._spot(incident))
        if incident.id not in self._chosen:
            self._chosen[incident.id] = choose(self.plans, incident, self._spot(incident))
        return self._chosen[incident.id]

    def _climb(
        self,
        incident: Incident,
        age_ns: int,
        present: Collection[Audience],
        outlook: Callable[[Incident, Rung], Outlook],
    ) -> list[Due]:
        found: list[Due] = []
        last: Rung | None = None
        for rung in self.ladder(incident):
            if rung.step > incident.step:
                early = age_ns < rung.after_ns
                if early and (last is None or _awaited(last, present, outlook(incident, last))):
                    break
                nobody = (last.new or last.pages) if early and last is not None else ()
                found.append(Due(incident.id, rung.step, rung.rings, nobody))
            last = rung
        return found

    def _make_ladder(self, plan: int | None, status: AlertStatus, origin: IncidentOrigin) -> tuple[Rung, ...]:
        made: list[Rung] = []
        rings: tuple[Audience, ...] = ()
        named: set[str] = set()
        for number, step in enumerate(self.steps if plan is None else self.plans[plan].steps):
            if step.origins is not None and origin not in step.origins:
                continue
            new = tuple(each for each in step.rings if status == "Actual" or each != "siren")
            others = tuple(each for each in self.channels if each not in named)
            wanted = tuple(one for each in step.channels for one in (others if each == OTHERS else (each,)))
            named.update(wanted)
            channels = tuple(
                dict.fromkeys(
                    each for each in wanted if each in self.channels and (status == "Actual" or each not in LOUD)
                )
            )
            if not new and not channels:
                continue
            rings += tuple(each for each in new if each not in rings)
            people = tuple(each for each in new if each in PEOPLE)
            pages = step.pages or people or tuple(each for each in rings if each in PEOPLE and each != "everyone")
            repeat_ns = None if step.repeat_s is None or not channels else round(step.repeat_s * 1e9)
            made.append(
                Rung(number, round(step.after_s * 1e9), new, rings, channels, pages if channels else (), repeat_ns)
            )
        return tuple(made)


def _awaited(rung: Rung, present: Collection[Audience], outlook: Outlook) -> bool:
    """Return whether the time of a step is still waited for: somebody of it may answer."""
    if outlook == "nobody":
        return any(each in present for each in rung.new)
    return outlook == "hopeful"
