"""`[escalation]` in desk.toml: who rings when, and the boxes whose sirens sound."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contract.identity import Name
from contract.messages import IncidentOrigin
from contract.settings import Settings, fault_at
from duty_desk.incidents.escalation import DEFAULT_STEPS, MAX_STEPS, Audience, Step
from duty_desk.ringing import Policy

STEP_EXAMPLE: Final = '[[escalation.steps]] after_s = 15 rings = ["everyone"]'
EXAMPLES: Final = {
    "escalation": f'[escalation] sirens = ["box-1"]  {STEP_EXAMPLE}',
    "escalation.sirens": 'sirens = ["box-1"]',
    "escalation.steps": STEP_EXAMPLE,
    "escalation.steps.after_s": "after_s = 15",
    "escalation.steps.rings": 'rings = ["officer"], or "everyone", "supervisor", "siren"',
    "escalation.steps.origins": 'origins = ["press", "call"]',
}


class StepSettings(Settings):
    """One step: from `after_s` on, `rings` ring too, for incidents of these `origins` (left out: of all)."""

    after_s: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)]
    rings: Annotated[list[Audience], Field(min_length=1, max_length=4)]
    origins: Annotated[list[IncidentOrigin], Field(min_length=1)] | None = None


def _default() -> list[StepSettings]:
    return [StepSettings(after_s=step.after_s, rings=list(step.rings)) for step in DEFAULT_STEPS]


class EscalationSettings(Settings):
    """Who rings when nobody answers."""

    sirens: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    steps: Annotated[list[StepSettings], Field(min_length=1, max_length=MAX_STEPS)] = Field(default_factory=_default)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        first = self.steps[0]
        if first.after_s > 0 or first.origins is not None or all(each == "siren" for each in first.rings):
            told = "expected the first step at 0 s, for every origin, and not the siren alone: a press rings at once"
            raise fault_at(("steps", 0), told)
        for number, (before, step) in enumerate(zip(self.steps, self.steps[1:], strict=False), 1):
            if step.after_s <= before.after_s:
                told = f"expected more than {before.after_s:g}, the step before it: their times rise"
                raise fault_at(("steps", number, "after_s"), told)
        return self

    @property
    def policy(self) -> Policy:
        """The policy."""
        return Policy(
            steps=tuple(
                Step(step.after_s, tuple(step.rings), None if step.origins is None else frozenset(step.origins))
                for step in self.steps
            ),
            sirens=tuple(dict.fromkeys(self.sirens)),
        )
