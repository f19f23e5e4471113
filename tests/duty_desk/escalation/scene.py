"""A board with its escalation in virtual time: presses, answers, restarts, clocks that are set."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.identity import new_event_id
from contract.messages import AlertStatus, Cause
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import EscalatedEntry
from duty_desk.incidents.escalation import DEFAULT_STEPS, Audience, Escalation, Step
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Record

S = 10**9
TICK_NS = S // 4
EVERYBODY: frozenset[Audience] = frozenset({"officer", "everyone", "supervisor", "siren"})
OFFICER = Actor("Petugas 1", "officer", "Layar 1")


@dataclass
class Scene:
    """What the desk does, with both clocks in hand. `reached` has what was recorded of steps, the latest last."""

    steps: tuple[Step, ...] = DEFAULT_STEPS
    wall_ns: int = 1_800_000_000 * S
    monotonic_ns: int = 5 * S
    present: frozenset[Audience] = EVERYBODY
    log: list[Record] = field(default_factory=list)
    reached: list[EscalatedEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = Board()
        self.escalation = Escalation(self.steps)

    def press(self, button: str = "sos", status: AlertStatus = "Actual", cause: Cause = "press") -> Incident:
        """Let a button be pressed, and what is due with it happen."""
        event_id = new_event_id()
        alarm = Alarm(
            device="box-1", key=event_id, event_id=event_id, button=button, cause=cause, status=status, age_ms=0
        )
        incident = self._happen(self.board.press(alarm, "alarm", self.wall_ns))
        if incident.step < 0 and incident.unanswered == 1:
            for due in self.escalation.begin(incident, self.present, monotonic_ns=self.monotonic_ns):
                self._reach(due.incident_id, due.step, due.rings, due.nobody)
        return self.board.find(incident.id)

    def accept(self, incident: Incident) -> None:
        """Let an officer accept it."""
        self._happen(self.board.act("accept", incident.id, OFFICER, self.wall_ns))

    def answer(self, incident: Incident) -> None:
        """Let the officer who has it answer what came since."""
        self._happen(self.board.act("answer", incident.id, OFFICER, self.wall_ns))

    def tick(self) -> None:
        """Let one tick happen at this moment."""
        for due in self.escalation.due(
            self.board.active(), self.present, wall_ns=self.wall_ns, monotonic_ns=self.monotonic_ns
        ):
            self._reach(due.incident_id, due.step, due.rings, due.nobody)

    def wait(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        for _ in range(round(seconds * S / TICK_NS)):
            self.wall_ns += TICK_NS
            self.monotonic_ns += TICK_NS
            self.tick()

    def restart(self, away_s: float = 0.0) -> None:
        """Let the desk die and come back with what the ledger has; the monotonic clock is another one then."""
        self.wall_ns += round(away_s * S)
        self.monotonic_ns = 3 * S
        self.board, self.escalation = Board(), Escalation(self.steps)
        for record in self.log:
            self.board.replay(record)
        assert self.board.misfits == 0

    def of(self, incident: Incident) -> list[int]:
        """Return the steps that were recorded of an incident."""
        return [entry.step for entry in self.reached if entry.incident_id == incident.id]

    def _reach(self, incident_id: str, step: int, rings: tuple[str, ...], nobody: tuple[str, ...]) -> None:
        record = self.board.escalate(incident_id, step, rings, self.wall_ns, nobody=nobody)
        assert isinstance(record.entry, EscalatedEntry)
        self.reached.append(record.entry)
        self._happen(record)

    def _happen(self, record: Record) -> Incident:
        incident = self.board.apply(record)
        assert incident is not None
        self.log.append(record)
        return incident
