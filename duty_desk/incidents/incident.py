"""The life of an incident. Pure.

Rules:
- A press opens an incident, or joins the open or accepted one of the same device, button and CAP status as a row of its
  own, and rings either way. Nothing joins a closed incident.
- `unanswered` counts the presses nobody answered yet: accepting answers all there are, a press that joins an accepted
  incident is unanswered again until an officer answers it. An incident rings while `unanswered` is above zero.
- The first officer to accept has it.

Transitions, all there are:

    state     action   next
    (none)    press    open
    open      press    open
    open      accept   accepted
    accepted  press    accepted
    accepted  answer   accepted
    accepted  close    closed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from contract.messages import AlertStatus
from duty_desk.errors import AlreadyAcceptedError, NotPossibleError
from duty_desk.incidents.records import ActionEntry, PressEntry

State = Literal["open", "accepted", "closed"]
Action = Literal["press", "accept", "answer", "close"]

TRANSITIONS: Mapping[tuple[State | None, Action], State] = MappingProxyType(
    {
        (None, "press"): "open",
        ("open", "press"): "open",
        ("open", "accept"): "accepted",
        ("accepted", "press"): "accepted",
        ("accepted", "answer"): "accepted",
        ("accepted", "close"): "closed",
    }
)

ACTIVE: frozenset[State] = frozenset({"open", "accepted"})

MAX_ROWS = 50
"""Presses of one incident held in memory: the first and the latest; the ledger has them all."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands. Times in ns by the centre's clock; `opened_at_ns` is the first press itself."""

    id: str
    device: str
    button: str
    status: AlertStatus
    state: State
    opened_at_ns: int
    received_at_ns: int
    changed_at_ns: int
    rows: tuple[PressEntry, ...]
    presses: int
    unanswered: int
    incomplete: bool
    officer: str | None = None
    accepted_at_ns: int | None = None
    closed_at_ns: int | None = None
    note: str | None = None

    @property
    def active(self) -> bool:
        """Whether a press of the same button joins it."""
        return self.state in ACTIVE


def open_incident(press: PressEntry) -> Incident:
    """Return the incident a press opens."""
    alarm = press.alarm
    return Incident(
        id=press.incident_id,
        device=alarm.device,
        button=alarm.button,
        status=alarm.status,
        state=TRANSITIONS[None, "press"],
        opened_at_ns=alarm.pressed_ns(press.at_ns),
        received_at_ns=press.at_ns,
        changed_at_ns=press.at_ns,
        rows=(press,),
        presses=1,
        unanswered=1,
        incomplete=alarm.incomplete,
    )


def join(incident: Incident, press: PressEntry) -> Incident:
    """Return the incident with a further press.

    Raises:
        NotPossibleError: It is closed.
    """
    rows = (*incident.rows, press)
    if len(rows) > MAX_ROWS:
        rows = (rows[0], *rows[2:])
    return replace(
        incident,
        state=_next(incident, "press"),
        changed_at_ns=press.at_ns,
        rows=rows,
        presses=incident.presses + 1,
        unanswered=incident.unanswered + 1,
        incomplete=incident.incomplete or press.alarm.incomplete,
    )


def act(incident: Incident, action: ActionEntry, *, officer: str, note: str | None = None) -> Incident:
    """Return the incident after what an officer did.

    Raises:
        AlreadyAcceptedError: Somebody accepted it before.
        NotPossibleError: Its state does not allow the action.
    """
    state = _next(incident, action.kind)
    changed = replace(incident, state=state, changed_at_ns=action.at_ns, unanswered=0)
    if action.kind == "accept":
        return replace(changed, officer=officer, accepted_at_ns=action.at_ns)
    if action.kind == "close":
        return replace(changed, closed_at_ns=action.at_ns, note=note)
    return changed


def _next(incident: Incident, action: Action) -> State:
    state = TRANSITIONS.get((incident.state, action))
    if state is None:
        if action == "accept" and incident.officer is not None:
            raise AlreadyAcceptedError(incident.id, incident.officer)
        raise NotPossibleError(incident.id, incident.state, action)
    return state
