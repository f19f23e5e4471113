"""All incidents in memory, and which alarm became which incident. Pure.

A command (`press`, `act` …) decides and returns the record of what happened, as `making.py` writes it; `apply` is the
only thing that changes the board, and is the same for what happens now and for what the ledger tells after a restart.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contract.time_quality import ClockSource
from contract.topics import Lane
from duty_desk.errors import DeskError, UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import (
    ActionEntry,
    CallEntry,
    CancelReason,
    DeliveryEntry,
    DutyEntry,
    ErasedEntry,
    EscalatedEntry,
    NoteEntry,
    PageEntry,
    PressEntry,
)
from duty_desk.incidents.incident import (
    ERASED,
    Incident,
    act,
    escalate,
    forget,
    hand_over,
    join,
    next_state,
    open_call,
    open_incident,
    paged,
    write,
)
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.making import (
    DeliveryKind,
    Moment,
    Report,
    Verb,
    act_record,
    delivery_record,
    note_record,
    press_entry,
    report_record,
    step_record,
)
from duty_desk.incidents.records import Record

__all__ = ["MAX_ENDED", "MAX_SEEN", "Board", "DeliveryKind", "Report", "Seen", "Verb"]

MAX_ENDED: Final = 50
"""Closed and cancelled incidents kept in memory, the latest."""
MAX_SEEN: Final = 50_000
"""Alarms remembered to absorb their repeats, the latest. A box repeats at most for hours."""
MAX_DELIVERIES: Final = 60_000
"""Deliveries to screens remembered, for active incidents; further ones are not recorded."""


@dataclass(slots=True)
class Seen:
    """What became of an alarm. `record` is held until its commit; `waiting` says that the ledger has it to commit."""

    incident_id: str
    incomplete: bool
    record: Record | None
    waiting: bool = False

    @property
    def recorded(self) -> bool:
        """Whether it is in the ledger."""
        return self.record is None


class Board:
    """The incidents and the alarms seen."""

    def __init__(self, *, max_ended: int = MAX_ENDED, max_seen: int = MAX_SEEN) -> None:
        self._max_ended = max_ended
        self._max_seen = max_seen
        self._active: dict[str, Incident] = {}
        self._ended: OrderedDict[str, Incident] = OrderedDict()
        self._by_place: dict[tuple[object, ...], str] = {}
        self._seen: OrderedDict[tuple[str, str], Seen] = OrderedDict()
        self._unrecorded: Counter[str] = Counter()
        self._delivered: set[tuple[str, str, str, str]] = set()
        self.clock: ClockSource = "none"
        self.misfits = 0

    # What is there

    def find(self, incident_id: str) -> Incident:
        """Return an incident.

        Raises:
            UnknownIncidentError: There is none of this id in memory.
        """
        found = self._active.get(incident_id) or self._ended.get(incident_id)
        if found is None:
            raise UnknownIncidentError(incident_id)
        return found

    def knows(self, incident_id: str) -> bool:
        """Return whether there is an incident of this id in memory."""
        return incident_id in self._active or incident_id in self._ended

    def active(self) -> list[Incident]:
        """Return the incidents that are not over, in the order they opened."""
        return list(self._active.values())

    def ended(self) -> list[Incident]:
        """Return the closed and cancelled incidents in memory, the latest last."""
        return list(self._ended.values())

    def of_device(self, device: str) -> list[Incident]:
        """Return the incidents of a device that are not over."""
        return [incident for incident in self._active.values() if incident.device == device]

    def seen(self, alarm: Alarm) -> Seen | None:
        """Return what became of an alarm that came before, or None when it is new.

        An alarm whose body validates is new even when an incomplete one of the same key came before: it says more.
        """
        seen = self._seen.get((alarm.device, alarm.key))
        if seen is None or (seen.incomplete and not alarm.incomplete):
            return None
        return seen

    def reported(self, key: str) -> Incident | None:
        """Return the incident of a report that came before, or None."""
        seen = self._seen.get((_NO_DEVICE, key))
        return None if seen is None else self._active.get(seen.incident_id) or self._ended.get(seen.incident_id)

    def reported_as(self, key: str) -> str | None:
        """Return the id of the incident a report made, though it may have left memory, or None."""
        seen = self._seen.get((_NO_DEVICE, key))
        return None if seen is None else seen.incident_id

    def kept(self, incident: Incident) -> bool:
        """Return whether the ledger has what opened an incident, or has it to commit."""
        first = incident.rows[0]
        seen = self._seen.get((incident.device or _NO_DEVICE, first.key))
        return seen is None or seen.recorded or seen.waiting

    def recorded(self, incident_id: str) -> bool:
        """Return whether everything of the incident is in the ledger."""
        return self._unrecorded[incident_id] <= 0

    # What happens

    def press(self, alarm: Alarm, lane: Lane, now_ns: int) -> Record:
        """Return the record of a new alarm; it joins an incident or opens one. It changes nothing yet."""
        entry = press_entry(alarm, lane, self._at(now_ns))
        known = self._by_place.get((alarm.device, alarm.button, alarm.status, entry.origin))
        return Record(entry if known is None else entry.model_copy(update={"incident_id": known}))

    def report(self, report: Report, actor: Actor, now_ns: int) -> Record:
        """Return the record of what somebody reported; it opens an incident. It changes nothing yet."""
        return report_record(report, actor, self._at(now_ns))

    def act(
        self,
        verb: Verb,
        incident_id: str,
        actor: Actor,
        now_ns: int,
        *,
        note: str | None = None,
        reason: CancelReason | None = None,
    ) -> Record:
        """Return the record of what somebody does with an incident. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident.
            AlreadyAcceptedError: It is to be accepted, and somebody has it.
            NotPossibleError: Its state does not allow it.
        """
        next_state(self.find(incident_id), verb)
        return act_record(verb, incident_id, actor, self._at(now_ns), note=note, reason=reason)

    def note(self, incident_id: str, actor: Actor, text: str, now_ns: int) -> Record:
        """Return the record of a note. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident.
        """
        self.find(incident_id)
        return self.remark(incident_id, actor, text, now_ns)

    def remark(self, incident_id: str, actor: Actor, text: str, now_ns: int) -> Record:
        """Return the record of a note on an incident that may have left memory. It changes nothing yet."""
        return note_record(incident_id, actor, text, self._at(now_ns))

    def delivery(
        self,
        kind: DeliveryKind,
        incident_id: str,
        actor: Actor,
        now_ns: int,
        *,
        key: str,
        painted_at_ns: int | None = None,
    ) -> Record | None:
        """Return the record of how far a press came at a screen, or None when that screen told so before.

        Raises:
            UnknownIncidentError: There is no such incident, or no such press of it in memory.
        """
        incident = self.find(incident_id)
        if all(row.key != key for row in incident.rows):
            raise UnknownIncidentError(incident_id)
        if (incident_id, kind, key, actor.screen) in self._delivered or len(self._delivered) >= MAX_DELIVERIES:
            return None
        return delivery_record(kind, incident_id, actor, self._at(now_ns), key=key, painted_at_ns=painted_at_ns)

    def escalate(
        self, incident_id: str, step: int, rings: tuple[str, ...], now_ns: int, *, nobody: tuple[str, ...] = ()
    ) -> Record:
        """Return the record of a step of an incident's escalation. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident, or nothing of it is unanswered.
        """
        since_ns = self.find(incident_id).unanswered_since_ns
        if since_ns is None:
            raise UnknownIncidentError(incident_id)
        return step_record(incident_id, step, rings, self._at(now_ns), since_ns=since_ns, nobody=nobody)

    def apply(self, record: Record) -> Incident | None:
        """Change the board by what happened; return the incident it changed.

        Raises:
            DeskError: The record does not fit the board, which stays as it was.
        """
        changed: Incident | None = None
        match record.entry:
            case PressEntry() as entry:
                return self._apply_press(entry, record)
            case CallEntry() as entry:
                changed = open_call(record)
                self._remember((_NO_DEVICE, entry.key), Seen(changed.id, False, record))
            case ActionEntry() as entry:
                officer = record.text("officer") or ERASED
                changed = act(self.find(entry.incident_id), entry, officer=officer, note=record.text("note"))
            case NoteEntry() as entry:
                officer, text = record.text("officer") or ERASED, record.text("note") or ERASED
                changed = write(self.find(entry.incident_id), entry, officer=officer, text=text)
            case EscalatedEntry() as entry:
                changed = escalate(self.find(entry.incident_id), entry)
            case PageEntry() as entry if entry.incident_id in self._active:
                changed = paged(self._active[entry.incident_id], entry, record.text("who") if entry.who else None)
            case DutyEntry(what="incident_taken") as entry if entry.incident_id in self._active:
                officer = record.text("who") or ERASED
                changed = hand_over(self.find(entry.incident_id), entry, officer=officer)
            case ErasedEntry() as entry:
                changed = forget(self.find(entry.incident_id), entry)
            case DeliveryEntry() as entry if entry.incident_id in self._active:
                self._delivered.add((entry.incident_id, entry.kind, entry.key, entry.screen))
            case _:
                return None
        if changed is not None:
            self._keep(changed)
        return changed

    def replay(self, record: Record) -> None:
        """Apply a record from the ledger. One that does not fit is counted, and never stops the desk."""
        try:
            self.apply(record)
        except DeskError:
            self.misfits += 1
            return
        key = _seen_key(record)
        if key is not None:
            self._seen[key].record = None

    def replay_waiting(self, record: Record) -> None:
        """Apply a record that waits for its commit. One that does not fit is counted."""
        try:
            self.apply(record)
        except DeskError:
            self.misfits += 1
            return
        self.unrecorded(record)
        self.queued(record)

    def remember(self, device: str, key: str, incident_id: str, *, incomplete: bool) -> None:
        """Take note of an alarm that is in the ledger, whose incident need not be in memory."""
        self._remember((device, key), Seen(incident_id, incomplete, None))

    def unrecorded(self, record: Record) -> None:
        """Note that a record just applied is not in the ledger yet."""
        incident_id = _changes(record)
        if incident_id is not None:
            self._unrecorded[incident_id] += 1

    def queued(self, record: Record) -> None:
        """Note that the ledger has a record to commit."""
        key = _seen_key(record)
        if key is not None:
            self._seen[key].waiting = True

    def committed(self, records: Iterable[Record]) -> list[str]:
        """Note that records are in the ledger; return the incidents that are now recorded as a whole."""
        whole: list[str] = []
        for record in records:
            incident_id = _changes(record)
            if incident_id is None:
                continue
            seen = None if (key := _seen_key(record)) is None else self._seen.get(key)
            entry = record.entry
            incomplete = isinstance(entry, PressEntry) and entry.alarm.incomplete
            if seen is not None and seen.incomplete == incomplete:
                seen.record, seen.waiting = None, False
            self._unrecorded[incident_id] -= 1
            if self._unrecorded[incident_id] <= 0:
                del self._unrecorded[incident_id]
                whole.append(incident_id)
        return whole

    # Inside

    def _at(self, now_ns: int) -> Moment:
        return Moment(now_ns, self.clock)

    def _apply_press(self, entry: PressEntry, record: Record) -> Incident:
        known = self._active.get(entry.incident_id)
        incident = open_incident(entry) if known is None else join(known, entry)
        self._keep(incident)
        self._remember((entry.alarm.device, entry.alarm.key), Seen(incident.id, entry.alarm.incomplete, record))
        return incident

    def _remember(self, key: tuple[str, str], seen: Seen) -> None:
        self._seen[key] = seen
        self._seen.move_to_end(key)
        while len(self._seen) > self._max_seen:
            self._seen.popitem(last=False)

    def _keep(self, incident: Incident) -> None:
        if incident.joinable and incident.device is not None:
            self._by_place[incident.place] = incident.id
        elif self._by_place.get(incident.place) == incident.id:
            del self._by_place[incident.place]
        if incident.active:
            self._active[incident.id] = incident
            return
        self._active.pop(incident.id, None)
        self._delivered = {one for one in self._delivered if one[0] != incident.id}
        self._ended[incident.id] = incident
        while len(self._ended) > self._max_ended:
            self._ended.popitem(last=False)


_NO_DEVICE: Final = ""


def _seen_key(record: Record) -> tuple[str, str] | None:
    """Return under which name an alarm or a report is remembered; None for everything else."""
    match record.entry:
        case PressEntry(alarm=alarm):
            return alarm.device, alarm.key
        case CallEntry(key=key):
            return _NO_DEVICE, key
        case _:
            return None


def _changes(record: Record) -> str | None:
    """Return the incident that a record changes, or None; how far it came at a screen changes none."""
    match record.entry:
        case PressEntry() | CallEntry() | ActionEntry() | NoteEntry() | EscalatedEntry():
            return record.entry.incident_id
        case _:
            return None
