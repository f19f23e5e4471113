"""What the archive keeps of an incident, folded from its entries by the transition table. Pure.

It holds no name and no text: those stand beside the chain alone, so that one erasure is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contract.messages import AlertStatus, IncidentOrigin, IncidentState
from duty_desk.errors import NotPossibleError
from duty_desk.incidents.entries import (
    ActionEntry,
    CallEntry,
    CancelReason,
    Category,
    Entry,
    EscalatedEntry,
    PressEntry,
)
from duty_desk.incidents.incident import ENDED, TRANSITIONS, Action

VERSION = 1
"""Rises whenever `fold` gives anything else for the same entries; the desk then makes its derived tables anew."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An incident in one row. Times in ns by the centre's clock.

    `first`, `accepted_row` and `ended_row` are rows of the chain. `escalated` is the highest step of the escalation
    that was reached, -1 when there was none. `device` and `button` are None for a report, `category` for a press.
    """

    first: int
    id: str
    origin: IncidentOrigin
    status: AlertStatus
    device: str | None
    button: str | None
    category: Category | None
    state: IncidentState
    opened_at_ns: int
    received_at_ns: int
    accepted_at_ns: int | None = None
    departed_at_ns: int | None = None
    resolved_at_ns: int | None = None
    ended_at_ns: int | None = None
    accepted_row: int | None = None
    ended_row: int | None = None
    presses: int = 0
    escalated: int = -1
    reason: CancelReason | None = None

    @property
    def ended(self) -> bool:
        """Whether it is closed or cancelled."""
        return self.state in ENDED


def incident_of(entry: Entry) -> str | None:
    """Return the id of the incident an entry belongs to, or None when it belongs to none."""
    return getattr(entry, "incident_id", None)


def seen_key(entry: Entry) -> tuple[str, str, bool] | None:
    """Return device, key and whether it was incomplete, by which a repeat is known; None for what has no repeats.

    A report has no device: it is kept under an empty one, as the board does.
    """
    match entry:
        case PressEntry(alarm=alarm):
            return alarm.device, alarm.key, alarm.incomplete
        case CallEntry(key=key):
            return "", key, False
        case _:
            return None


def fold(summary: Summary | None, sequence: int, entry: Entry) -> Summary:
    """Return the summary after a further entry of the incident.

    Args:
        summary: What was there before, None at the first entry.
        sequence: The entry's row.
        entry: An entry of this incident.

    Raises:
        NotPossibleError: The entry does not fit the state, or the first one opens nothing.
    """
    if summary is None:
        return _open(sequence, entry)
    match entry:
        case PressEntry():
            return replace(summary, state=_next(summary, "press"), presses=summary.presses + 1)
        case CallEntry():
            return replace(summary, state=_next(summary, "call"))
        case ActionEntry():
            return _act(summary, sequence, entry)
        case EscalatedEntry(step=step):
            return replace(summary, escalated=max(summary.escalated, step))
        case _:
            return summary


def _open(sequence: int, entry: Entry) -> Summary:
    match entry:
        case PressEntry(alarm=alarm):
            return Summary(
                first=sequence,
                id=entry.incident_id,
                origin=entry.origin,
                status=alarm.status,
                device=alarm.device,
                button=alarm.button,
                category=None,
                state=TRANSITIONS[None, "press"],
                opened_at_ns=entry.happened_ns,
                received_at_ns=entry.at_ns,
                presses=1,
            )
        case CallEntry():
            return Summary(
                first=sequence,
                id=entry.incident_id,
                origin=entry.origin,
                status=entry.status,
                device=None,
                button=None,
                category=entry.category,
                state=TRANSITIONS[None, "call"],
                opened_at_ns=entry.happened_ns,
                received_at_ns=entry.at_ns,
            )
        case _:
            raise NotPossibleError(incident_of(entry) or "-", "unknown", entry.kind)


def _act(summary: Summary, sequence: int, entry: ActionEntry) -> Summary:
    changed = replace(summary, state=_next(summary, entry.kind))
    match entry.kind:
        case "accept":
            return replace(changed, accepted_at_ns=entry.at_ns, accepted_row=sequence)
        case "depart":
            return replace(changed, departed_at_ns=entry.at_ns)
        case "resolve":
            return replace(changed, resolved_at_ns=entry.at_ns)
        case "close" | "cancel":
            return replace(changed, ended_at_ns=entry.at_ns, ended_row=sequence, reason=entry.reason)
        case "answer":
            return changed


def _next(summary: Summary, action: Action) -> IncidentState:
    state = TRANSITIONS.get((summary.state, action))
    if state is None:
        raise NotPossibleError(summary.id, summary.state, action)
    return state
