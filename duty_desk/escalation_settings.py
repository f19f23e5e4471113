"""`[escalation]` in desk.toml: who rings when, by what their pages go, which incidents have steps of their own, and the
boxes whose sirens sound."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contract.identity import Name
from contract.messages import AlertStatus, IncidentOrigin, Latitude, Longitude
from contract.settings import Settings, fault_at
from duty_desk.incidents.entries import Category
from duty_desk.incidents.escalation import DEFAULT_STEPS, MAX_STEPS, Audience, Step
from duty_desk.incidents.policies import Area, Match, Plan
from duty_desk.ringing import Policy

MAX_PLANS: Final = 50
MAX_AREAS: Final = 100
STEP_EXAMPLE: Final = '[[escalation.steps]] after_s = 15 rings = ["everyone"]'
PLAN_EXAMPLE: Final = '[[escalation.policies]] name = "braga" sites = ["braga-*"] [[escalation.policies.steps]] …'
_STEP_EXAMPLES: Final = {
    "after_s": "after_s = 15",
    "rings": 'rings = ["officer"], or "everyone", "supervisor", "siren"',
    "origins": 'origins = ["press", "call"]',
    "channels": 'channels = ["push", "sms"], or "others": all that no earlier step names',
    "pages": 'pages = ["officer", "supervisor"], or "everyone"',
    "repeat_s": "repeat_s = 60",
}
EXAMPLES: Final = {
    "escalation": f'[escalation] sirens = ["box-1"]  {STEP_EXAMPLE}',
    "escalation.sirens": 'sirens = ["box-1"]',
    "escalation.beacons": 'beacons = ["box-1"]',
    "escalation.steps": STEP_EXAMPLE,
    **{f"escalation.steps.{key}": example for key, example in _STEP_EXAMPLES.items()},
    "escalation.areas": "[escalation.areas] alun-alun = [[-6.9225, 107.6050], [-6.9205, 107.6085]]",
    "escalation.policies": PLAN_EXAMPLE,
    "escalation.policies.name": 'name = "braga"',
    "escalation.policies.origins": 'origins = ["press"]',
    "escalation.policies.categories": 'categories = ["fire"]',
    "escalation.policies.statuses": 'statuses = ["Actual"]',
    "escalation.policies.devices": 'devices = ["braga-*"]',
    "escalation.policies.sites": 'sites = ["braga-*"]',
    "escalation.policies.areas": 'areas = ["alun-alun"]',
    "escalation.policies.steps": '[[escalation.policies.steps]] after_s = 0 rings = ["officer"] channels = ["push"]',
    **{f"escalation.policies.steps.{key}": example for key, example in _STEP_EXAMPLES.items()},
}

ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Pattern = Annotated[str, Field(min_length=1, max_length=64)]


class StepSettings(Settings):
    """One step: from `after_s` on, `rings` ring too, for incidents of these `origins` (left out: of all).

    `channels` take a page to `pages` (left out: to those of `rings`), and again each `repeat_s` until it is answered.
    """

    after_s: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)]
    rings: Annotated[list[Audience], Field(max_length=4)] = Field(default_factory=list)
    origins: Annotated[list[IncidentOrigin], Field(min_length=1)] | None = None
    channels: Annotated[list[ChannelName], Field(max_length=16)] = Field(default_factory=list)
    pages: Annotated[list[Audience], Field(max_length=3)] = Field(default_factory=list)
    repeat_s: Annotated[float, Field(ge=10, le=3_600, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.rings and not self.channels:
            raise fault_at(("rings",), "expected at least 1 of whom to ring, or `channels`")
        if "siren" in self.pages:
            raise fault_at(("pages",), "expected people: officer, supervisor, everyone")
        if self.repeat_s is not None and not self.channels:
            raise fault_at(("repeat_s",), "expected `channels` beside it: only pages are sent again")
        return self

    @property
    def step(self) -> Step:
        """The step."""
        return Step(
            self.after_s,
            tuple(self.rings),
            None if self.origins is None else frozenset(self.origins),
            tuple(dict.fromkeys(self.channels)),
            tuple(dict.fromkeys(self.pages)),
            self.repeat_s,
        )


Steps = Annotated[list[StepSettings], Field(min_length=1, max_length=MAX_STEPS)]


def _check(steps: list[StepSettings], *before: int | str) -> None:
    first = steps[0]
    if first.after_s > 0 or first.origins is not None or not set(first.rings) - {"siren"}:
        told = "expected the first step at 0 s, for every origin, and not the siren alone: a press rings at once"
        raise fault_at((*before, "steps", 0), told)
    for number, (last, step) in enumerate(pairwise(steps), 1):
        if step.after_s <= last.after_s:
            told = f"expected more than {last.after_s:g}, the step before it: their times rise"
            raise fault_at((*before, "steps", number, "after_s"), told)


class PolicySettings(Settings):
    """The steps of some incidents: those that fit each of these keys that is there.

    Of the place, one of `devices`, `sites` (patterns such as `braga-*`) and `areas` (names) is enough.
    """

    name: Annotated[str, Field(min_length=1, max_length=40)]
    origins: Annotated[list[IncidentOrigin], Field(min_length=1)] | None = None
    categories: Annotated[list[Category], Field(min_length=1)] | None = None
    statuses: Annotated[list[AlertStatus], Field(min_length=1)] | None = None
    devices: Annotated[list[Pattern], Field(max_length=200)] = Field(default_factory=list)
    sites: Annotated[list[Pattern], Field(max_length=200)] = Field(default_factory=list)
    areas: Annotated[list[str], Field(max_length=MAX_AREAS)] = Field(default_factory=list)
    steps: Steps

    def plan(self, areas: dict[str, Area]) -> Plan:
        """Return the plan, with the areas it names."""
        match = Match(
            origins=None if self.origins is None else frozenset(self.origins),
            categories=None if self.categories is None else frozenset(self.categories),
            statuses=None if self.statuses is None else frozenset(self.statuses),
            devices=tuple(self.devices),
            sites=tuple(self.sites),
            areas=tuple(areas[name] for name in self.areas),
        )
        return Plan(self.name, match, tuple(each.step for each in self.steps))


def _default() -> list[StepSettings]:
    return [
        StepSettings(after_s=step.after_s, rings=list(step.rings), channels=list(step.channels), repeat_s=step.repeat_s)
        for step in DEFAULT_STEPS
    ]


Corner = tuple[Latitude, Longitude]
Corners = Annotated[list[Corner], Field(min_length=2, max_length=500)]


class EscalationSettings(Settings):
    """Who rings when nobody answers. An area is the two corners of a box, or the three and more of a polygon."""

    sirens: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    beacons: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    steps: Steps = Field(default_factory=_default)
    areas: Annotated[dict[str, Corners], Field(max_length=MAX_AREAS)] = Field(default_factory=dict)
    policies: Annotated[list[PolicySettings], Field(max_length=MAX_PLANS)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        _check(self.steps)
        names: set[str] = set()
        for number, policy in enumerate(self.policies):
            _check(policy.steps, "policies", number)
            if policy.name in names:
                raise fault_at(("policies", number, "name"), f"expected another name than {policy.name!r}: it is taken")
            names.add(policy.name)
            for at, area in enumerate(policy.areas):
                if area not in self.areas:
                    told = f"expected the name of one of [escalation.areas]; there is no {area!r}"
                    raise fault_at(("policies", number, "areas", at), told)
        return self

    @property
    def policy(self) -> Policy:
        """The policy."""
        areas = {name: tuple(corners) for name, corners in self.areas.items()}
        return Policy(
            steps=tuple(each.step for each in self.steps),
            sirens=tuple(dict.fromkeys(self.sirens)),
            plans=tuple(each.plan(areas) for each in self.policies),
        )

    def named(self) -> list[tuple[str, str]]:
        """Return each channel that a step names, with the key where it does."""
        tables = [("escalation.steps", self.steps)]
        tables += [(f"escalation.policies.{number}.steps", each.steps) for number, each in enumerate(self.policies)]
        return [
            (f"{table}.{number}.channels", channel)
            for table, steps in tables
            for number, step in enumerate(steps)
            for channel in step.channels
        ]
