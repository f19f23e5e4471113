"""The life of an incident. Pure.

Rules:
- A press opens an incident, or joins one that is being handled: of the same device, button, CAP status and origin. It
  joins as a row of its own and rings either way. A real press so never joins a drill, nor a fault of its line.
- A call (112, a citizen, another system) always opens an incident of its own.
- `unanswered` counts what nobody answered yet: accepting answers all there is; a press that joins later is unanswered
  again until somebody answers it. An incident rings while `unanswered` is above zero.
- The first to accept has it. What happens after `resolved` at the same button is a new incident.

Transitions, all there are:

    state       action   next
    (none)      press    open
    (none)      call     open
    open        press    open
    open        accept   accepted
    open        cancel   cancelled
    accepted    press    accepted
    accepted    answer   accepted
    accepted    depart   on_the_way
    accepted    resolve  resolved
    accepted    cancel   cancelled
    on_the_way  press    on_the_way
    on_the_way  answer   on_the_way
    on_the_way  resolve  resolved
    on_the_way  cancel   cancelled
    resolved    close    closed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from contract.messages import AlertStatus, IncidentOrigin, IncidentState
from duty_desk.errors import AlreadyAcceptedError, NotPossibleError
from duty_desk.incidents.entries import (
    ActionEntry,
    CallEntry,
    CancelReason,
    Category,
    DutyEntry,
    ErasedEntry,
    EscalatedEntry,
    NoteEntry,
    PageEntry,
    PageOutcome,
    PressEntry,
)
from duty_desk.incidents.records import Record

Action = Literal["press", "call", "accept", "answer", "depart", "resolve", "close", "cancel"]

TRANSITIONS: Mapping[tuple[IncidentState | None, Action], IncidentState] = MappingProxyType(
    {
        (None, "press"): "open",
        (None, "call"): "open",
        ("open", "press"): "open",
        ("open", "accept"): "accepted",
        ("open", "cancel"): "cancelled",
        ("accepted", "press"): "accepted",
        ("accepted", "answer"): "accepted",
        ("accepted", "depart"): "on_the_way",
        ("accepted", "resolve"): "resolved",
        ("accepted", "cancel"): "cancelled",
        ("on_the_way", "press"): "on_the_way",
        ("on_the_way", "answer"): "on_the_way",
        ("on_the_way", "resolve"): "resolved",
        ("on_the_way", "cancel"): "cancelled",
        ("resolved", "close"): "closed",
    }
)

JOINABLE: frozenset[IncidentState] = frozenset({"open", "accepted", "on_the_way"})
"""A press of the same button joins an incident in one of these."""
ENDED: frozenset[IncidentState] = frozenset({"closed", "cancelled"})

MAX_ROWS = 50
"""Presses of one incident held in memory: the first and the latest; the ledger has them all."""
MAX_NOTES = 50
"""Notes of one incident held in memory, the latest; the ledger has them all."""
MAX_PAGED = 5_000
"""Steps, channels and people of which one incident remembers how the latest page went; no further ones are paged."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down, and when, in ns by the centre's clock."""

    at_ns: int
    officer: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody reported. `address`, `caller` and `text` are None where not given, or erased."""

    category: Category
    latitude: float | None
    longitude: float | None
    address: str | None
    caller: str | None
    text: str | None
    taken_by: str


@dataclass(frozen=True, slots=True)
class Paged:
    """How the latest page of one step, by one channel, to one account (None: to nobody in particular) went.

    Times in ns by the centre's clock; `began_ns` when it was sent, `at_ns` when this was known.
    """

    page: str
    step: int
    round: int
    channel: str
    who: str | None
    outcome: PageOutcome
    began_ns: int
    at_ns: int
    detail: str | None = None


PageKey = tuple[int, str, str | None]
"""Step, channel, account."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands. Times in ns by the centre's clock; `opened_at_ns` is the first press itself.

    `device` and `button` are None for a call, and `call` is None for a press. `step` is the last step of the escalation
    reached for what is unanswered since `unanswered_since_ns`, -1 before the first; `rings` who rings since then,
    `reached` when each step was reached, `pages` how the latest page of each kind went, `declined` which accounts said
    that they cannot come.
    """

    id: str
    origin: IncidentOrigin
    status: AlertStatus
    state: IncidentState
    opened_at_ns: int
    received_at_ns: int
    changed_at_ns: int
    rows: tuple[PressEntry | CallEntry, ...]
    presses: int
    unanswered: int
    unanswered_since_ns: int | None
    incomplete: bool
    device: str | None = None
    button: str | None = None
    call: Call | None = None
    officer: str | None = None
    accepted_by: str | None = None
    accepted_at_ns: int | None = None
    departed_at_ns: int | None = None
    resolved_at_ns: int | None = None
    ended_at_ns: int | None = None
    reason: CancelReason | None = None
    notes: tuple[Note, ...] = ()
    step: int = -1
    rings: tuple[str, ...] = ()
    reached: Mapping[int, int] = field(default_factory=dict, hash=False)
    pages: Mapping[PageKey, Paged] = field(default_factory=dict, hash=False)
    declined: frozenset[str] = frozenset()

    @property
    def active(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.state not in ENDED

    @property
    def joinable(self) -> bool:
        """Whether a press of the same button joins it."""
        return self.state in JOINABLE

    @property
    def place(self) -> tuple[str | None, str | None, AlertStatus, IncidentOrigin]:
        """What a press must have in common with it to join."""
        return (self.device, self.button, self.status, self.origin)


def open_incident(press: PressEntry) -> Incident:
    """Return the incident a press opens."""
    alarm = press.alarm
    return Incident(
        id=press.incident_id,
        origin=press.origin,
        device=alarm.device,
        button=alarm.button,
        status=alarm.status,
        state=TRANSITIONS[None, "press"],
        opened_at_ns=press.happened_ns,
        received_at_ns=press.at_ns,
        changed_at_ns=press.at_ns,
        rows=(press,),
        presses=1,
        unanswered=1,
        unanswered_since_ns=press.at_ns,
        incomplete=alarm.incomplete,
    )


def open_call(record: Record) -> Incident:
    """Return the incident a call opens; the record's entry is a call."""
    entry = record.entry
    assert isinstance(entry, CallEntry)
    call = Call(
        category=entry.category,
        latitude=entry.latitude,
        longitude=entry.longitude,
        address=record.text("address"),
        caller=record.text("caller"),
        text=record.text("note"),
        taken_by=record.text("officer") or ERASED,
    )
    return Incident(
        id=entry.incident_id,
        origin=entry.origin,
        status=entry.status,
        state=TRANSITIONS[None, "call"],
        opened_at_ns=entry.at_ns,
        received_at_ns=entry.at_ns,
        changed_at_ns=entry.at_ns,
        rows=(entry,),
        presses=0,
        unanswered=1,
        unanswered_since_ns=entry.at_ns,
        incomplete=False,
        call=call,
    )


ERASED = "—"
"""Stands where a name was erased."""


def join(incident: Incident, press: PressEntry) -> Incident:
    """Return the incident with a further press.

    Raises:
        NotPossibleError: It is over.
    """
    rows = (*incident.rows, press)
    if len(rows) > MAX_ROWS:
        rows = (rows[0], *rows[2:])
    answered = incident.unanswered == 0
    return replace(
        incident,
        state=next_state(incident, "press"),
        changed_at_ns=press.at_ns,
        rows=rows,
        presses=incident.presses + 1,
        unanswered=incident.unanswered + 1,
        unanswered_since_ns=press.at_ns if answered else incident.unanswered_since_ns,
        step=-1 if answered else incident.step,
        rings=() if answered else incident.rings,
        reached={} if answered else incident.reached,
        pages={} if answered else incident.pages,
        declined=frozenset() if answered else incident.declined,
        incomplete=incident.incomplete or press.alarm.incomplete,
    )


def act(incident: Incident, action: ActionEntry, *, officer: str, note: str | None = None) -> Incident:
    """Return the incident after what somebody did.

    Raises:
        AlreadyAcceptedError: Somebody accepted it before.
        NotPossibleError: Its state does not allow the action.
    """
    changed = replace(
        incident,
        state=next_state(incident, action.kind),
        changed_at_ns=action.at_ns,
        unanswered=0,
        unanswered_since_ns=None,
        step=-1,
        rings=(),
        reached={},
        pages={},
        declined=frozenset(),
    )
    if note:
        changed = _noted(changed, Note(action.at_ns, officer, note))
    at_ns = action.at_ns
    match action.kind:
        case "accept":
            return replace(changed, officer=officer, accepted_by=officer, accepted_at_ns=at_ns)
        case "depart":
            return replace(changed, departed_at_ns=at_ns)
        case "resolve":
            return replace(changed, resolved_at_ns=at_ns)
        case "close" | "cancel":
            return replace(changed, ended_at_ns=at_ns, reason=action.reason)
        case "answer":
            return changed


def write(incident: Incident, entry: NoteEntry, *, officer: str, text: str) -> Incident:
    """Return the incident with a note, which is possible in every state."""
    return _noted(replace(incident, changed_at_ns=entry.at_ns), Note(entry.at_ns, officer, text))


def hand_over(incident: Incident, entry: DutyEntry, *, officer: str) -> Incident:
    """Return the incident in the hands of who took it over by name; one that nobody accepted stays nobody's."""
    if incident.officer is None:
        return incident
    return replace(incident, officer=officer, changed_at_ns=entry.at_ns)


def escalate(incident: Incident, entry: EscalatedEntry) -> Incident:
    """Return the incident after a step of its escalation; one that was answered meanwhile stays as it is."""
    if incident.unanswered == 0 or entry.step <= incident.step:
        return incident
    reached = {**incident.reached, entry.step: entry.at_ns}
    return replace(incident, step=entry.step, rings=entry.rings, reached=reached)


def paged(incident: Incident, entry: PageEntry, who: str | None) -> Incident:
    """Return the incident after what became of a page; one of what was answered meanwhile leaves it as it is.

    A later word of an earlier round (it was delivered after all) is not the latest any more; that somebody cannot come
    holds whatever page it was told by.
    """
    if entry.step is None or incident.unanswered == 0 or entry.unanswered_since_ns != incident.unanswered_since_ns:
        return incident
    if entry.outcome == "answered" and entry.detail == "cannot" and who is not None:
        incident = replace(incident, declined=incident.declined | {who})
    key = (entry.step, entry.channel, who)
    known = incident.pages.get(key)
    if known is None and len(incident.pages) >= MAX_PAGED:
        return incident
    if known is not None and (known.round > entry.round or (known.page == entry.page and known.outcome == "answered")):
        return incident
    same = known is not None and known.page == entry.page
    began_ns = known.began_ns if known is not None and same else entry.at_ns - (entry.took_ms or 0) * 1_000_000
    latest = Paged(
        page=entry.page,
        step=entry.step,
        round=entry.round,
        channel=entry.channel,
        who=who,
        outcome=entry.outcome,
        began_ns=began_ns,
        at_ns=entry.at_ns,
        detail=entry.detail,
    )
    return replace(incident, pages={**incident.pages, key: latest})


def forget(incident: Incident, entry: ErasedEntry) -> Incident:
    """Return the incident without the texts that were erased."""
    names, words = "officer" in entry.fields, "note" in entry.fields
    call = incident.call
    if call is not None:
        call = replace(
            call,
            address=None if "address" in entry.fields else call.address,
            caller=None if "caller" in entry.fields else call.caller,
            text=None if words else call.text,
            taken_by=ERASED if names else call.taken_by,
        )
    notes = tuple(
        Note(note.at_ns, ERASED if names else note.officer, ERASED if words else note.text) for note in incident.notes
    )
    officer = ERASED if names and incident.officer is not None else incident.officer
    accepted_by = ERASED if names and incident.accepted_by is not None else incident.accepted_by
    return replace(incident, call=call, notes=notes, officer=officer, accepted_by=accepted_by)


def next_state(incident: Incident, action: Action) -> IncidentState:
    """Return the state an action leads to.

    Raises:
        AlreadyAcceptedError: It is to be accepted, and somebody has it.
        NotPossibleError: The state does not allow the action.
    """
    state = TRANSITIONS.get((incident.state, action))
    if state is None:
        if action == "accept" and incident.officer is not None:
            raise AlreadyAcceptedError(incident.id, incident.officer)
        raise NotPossibleError(incident.id, incident.state, action)
    return state


def _noted(incident: Incident, note: Note) -> Incident:
    return replace(incident, notes=(*incident.notes, note)[-MAX_NOTES:])
