"""Who rings, from the first moment of an alarm until somebody answers: escalation, screens and sirens together.

Nothing here waits or sends. What it decides it applies to the board at once, so that the pages ring before anything is
recorded, and hands back what is to be recorded and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from contract.messages import Command
from duty_desk.incidents.board import Board
from duty_desk.incidents.clock import Now
from duty_desk.incidents.escalation import DEFAULT_STEPS, Due, Escalation, Outlook, Rung, Step
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.policies import Plan, Spot
from duty_desk.incidents.records import Record
from duty_desk.incidents.siren import Sirens
from duty_desk.screens.registry import Screens

TICK_S: Final = 0.25
MAX_STEPS_A_TICK: Final = 50
"""Steps reached at once; what is due beyond that follows with the next tick, at once, so that a press between them does
not wait for a thousand others."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who rings when, the boxes whose sirens sound, and which incidents have steps of their own."""

    steps: tuple[Step, ...] = DEFAULT_STEPS
    sirens: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """Steps that were reached: what is to be recorded, the incidents as they are now, and whether more are due."""

    records: list[Record]
    incidents: list[Incident]
    more: bool = False


class Ringing:
    """Escalation, screens and sirens.

    Args:
        policy: Who rings when.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
        channels: The names of the channels that are set up.
        spot: Tells where an incident is.
    """

    def __init__(
        self,
        policy: Policy,
        now_ns: Now,
        monotonic_ns: Callable[[], int],
        *,
        channels: Iterable[str] = (),
        spot: Callable[[Incident], Spot] = lambda _: Spot(),
    ) -> None:
        self.screens = Screens(sirens=bool(policy.sirens))
        self.escalation = Escalation(policy.steps, policy.plans, channels=channels, spot=spot)
        self.outlook: Callable[[Incident, Rung], Outlook] = lambda _incident, _rung: "nobody"
        """Tells what the pages of a step may still do; the pager's, where there is one."""
        self._sirens = Sirens(policy.sirens)
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self.screens.tick(monotonic_ns())

    def begin(self, board: Board, incident: Incident) -> Reached:
        """Let ring an incident to which something new came; one that was unanswered before goes on as it was."""
        if incident.step >= 0 or incident.unanswered != 1:
            return Reached([], [incident])
        present = self.screens.present()
        due = self.escalation.begin(incident, present, monotonic_ns=self._monotonic_ns(), outlook=self.outlook)
        reached = self._reach(board, due)
        return reached if reached.incidents else Reached([], [incident])

    def tick(self, board: Board) -> Reached:
        """Let time pass, and reach the steps that are due."""
        now_ns = self._monotonic_ns()
        self.screens.tick(now_ns)
        present = self.screens.present()
        due = self.escalation.due(
            board.active(), present, wall_ns=self._now_ns(), monotonic_ns=now_ns, outlook=self.outlook
        )
        reached = self._reach(board, due[:MAX_STEPS_A_TICK])
        return replace(reached, more=len(due) > MAX_STEPS_A_TICK)

    def commands(self, board: Board) -> list[Command]:
        """Return what the sirens are to be told now."""
        wanted = any("siren" in incident.rings for incident in board.active())
        return self._sirens.commands(wanted, wall_ns=self._now_ns(), monotonic_ns=self._monotonic_ns())

    def _reach(self, board: Board, dues: Iterable[Due]) -> Reached:
        records: list[Record] = []
        changed: dict[str, Incident] = {}
        for due in dues:
            record = board.escalate(due.incident_id, due.step, due.rings, self._now_ns(), nobody=due.nobody)
            incident = board.apply(record)
            assert incident is not None
            board.unrecorded(record)
            records.append(record)
            changed[incident.id] = incident
        return Reached(records, list(changed.values()))
