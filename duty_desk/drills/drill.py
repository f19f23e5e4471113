"""A drill that runs: which of its steps are due. Pure; the monotonic clock goes in with each call.

Rules:
- One drill at a time. Its steps come in order, each once, also when several are due at once.
- It is over when its last step came and each incident of it was accepted or ended, when it is stopped, or after four
  hours. What it opened stays open: officers close it as they close any other.
- It lives in memory: a restart of the desk ends it, and the ledger says so. Half of its steps would be overdue by then,
  and who watched over it is gone. Its incidents stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from contract.messages import IncidentState
from duty_desk.drills.script import LONGEST_S, Script, Step

End = Literal["done", "stopped", "time", "restarted"]
_HANDLED: Final[frozenset[IncidentState]] = frozenset({"accepted", "on_the_way", "resolved", "closed", "cancelled"})


@dataclass(slots=True)
class Drill:
    """One drill.

    Args:
        script: What happens.
        began_ns: When it began, by the monotonic clock.
    """

    script: Script
    began_ns: int
    incidents: list[str] = field(default_factory=list)
    done: int = 0

    def due(self, monotonic_ns: int) -> list[Step]:
        """Return the steps that are due now; they count as done."""
        passed_s = (monotonic_ns - self.began_ns) / 1e9
        due = [step for step in self.script.steps[self.done :] if step.at_s <= passed_s]
        self.done += len(due)
        return due

    def opened(self, incident_id: str) -> None:
        """Take note of an incident that a step opened, or joined."""
        if incident_id not in self.incidents:
            self.incidents.append(incident_id)

    def over(self, states: Iterable[IncidentState], monotonic_ns: int) -> End | None:
        """Return why it is over, or None while it is not.

        Args:
            states: Of its incidents that memory has.
            monotonic_ns: The monotonic clock.
        """
        if monotonic_ns - self.began_ns >= LONGEST_S * 10**9:
            return "time"
        if self.done == len(self.script.steps) and all(state in _HANDLED for state in states):
            return "done"
        return None
