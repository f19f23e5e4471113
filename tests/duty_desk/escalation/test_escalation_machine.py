"""Nights that Hypothesis makes up: whatever happens, each step comes at its time, once, and none after the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from duty_desk.incidents.escalation import Audience
from tests.duty_desk.escalation.scene import EVERYBODY, TICK_NS, S, Scene

pytestmark = pytest.mark.slow
_AFTER_NS = (0, 15 * S, 30 * S, 60 * S)
_NEW: tuple[Audience, ...] = ("officer", "everyone", "supervisor", "siren")
_HOURS = st.integers(min_value=-50, max_value=50)


@dataclass
class Expected:
    """What should be known of the unanswered of one incident: its age, and the last step reached."""

    age_ns: int = 0
    step: int = -1
    since_ns: int = 0
    last: int = 3
    done: list[int] = field(default_factory=list)

    def look(self, present: frozenset[Audience]) -> None:
        """Go as far as the age says, and on while nobody of the step is there."""
        for step in range(self.step + 1, self.last + 1):
            if _AFTER_NS[step] > self.age_ns and (step == 0 or _NEW[step - 1] in present):
                return
            self.step = step
            self.done.append(step)


class Nights(RuleBasedStateMachine):
    """A desk, its officers, its clocks."""

    incidents = Bundle("incidents")

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.expected: dict[str, Expected] = {}
        self.told: dict[str, list[int]] = {}

    @rule(
        target=incidents,
        button=st.sampled_from(["a", "b"]),
        status=st.sampled_from(["Actual", "Exercise"]),
    )
    def press(self, button: str, status: str) -> str:
        incident = self.scene.press(button, status)  # type: ignore[arg-type]
        if incident.id not in self.expected:
            last = 3 if status == "Actual" else 2
            self.expected[incident.id] = Expected(since_ns=self.scene.wall_ns, last=last)
            self.expected[incident.id].look(self.scene.present)
        return incident.id

    @rule(incident_id=incidents)
    def answer(self, incident_id: str) -> None:
        incident = self.scene.board.find(incident_id)
        if incident.state == "open":
            self.scene.accept(incident)
        elif incident.unanswered:
            self.scene.answer(incident)
        self._settle(incident_id)

    @rule(ticks=st.integers(min_value=1, max_value=300))
    def wait(self, ticks: int) -> None:
        for _ in range(ticks):
            self.scene.wait(TICK_NS / S)
            for expected in self.expected.values():
                expected.age_ns += TICK_NS
                expected.look(self.scene.present)

    @rule(hours=_HOURS)
    def set_clock(self, hours: int) -> None:
        self.scene.wall_ns += hours * 3_600 * S

    @rule(away_s=st.integers(min_value=-4_000, max_value=4_000))
    def restart(self, away_s: int) -> None:
        self.scene.restart(away_s)
        self.scene.tick()
        for expected in self.expected.values():
            expected.age_ns = max(0, self.scene.wall_ns - expected.since_ns)
            expected.look(self.scene.present)

    @rule(present=st.frozensets(st.sampled_from(_NEW)))
    def come_and_go(self, present: frozenset[Audience]) -> None:
        self.scene.present = present
        self.scene.tick()
        for expected in self.expected.values():
            expected.look(present)

    @rule()
    def everybody_is_there(self) -> None:
        self.scene.present = EVERYBODY

    @invariant()
    def each_step_came_at_its_time_and_once(self) -> None:
        for incident in self.scene.board.active():
            steps = self.scene.of(incident)
            before = self.told.get(incident.id, [])
            expected = self.expected.get(incident.id)
            assert steps == before + ([] if expected is None else expected.done)
            assert all(after in (0, step + 1) for step, after in pairwise(steps))
            assert ("siren" in incident.rings) == (incident.step == 3)
            assert incident.rings == (_NEW[: incident.step + 1] if incident.unanswered else ())
            assert (expected is None) == (incident.unanswered == 0)

    def _settle(self, incident_id: str) -> None:
        expected = self.expected.pop(incident_id, None)
        if expected is not None:
            self.told[incident_id] = self.told.get(incident_id, []) + expected.done


TestNights = Nights.TestCase
TestNights.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
