"""All incidents in memory, and which alarm became which incident. Pure.

A command (`press`, `accept` …) decides and returns the record of what happened; `apply` is the only thing that changes
the board, and is the same for what happens now and for what the ledger tells after a restart.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from contract.identity import new_event_id
from contract.messages import AlertStatus
from contract.topics import Lane
from duty_desk.errors import DeskError, UnknownIncidentError
from duty_desk.incidents.incident import Incident, act, join, open_incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import ActionEntry, Aside, PressEntry, Record, ShownEntry

MAX_CLOSED = 50
"""Closed incidents kept in memory, the latest."""
MAX_SEEN = 50_000
"""Alarms remembered to absorb their repeats, the latest. A box repeats at most for hours."""
MAX_SHOWN = 20_000
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

    def __init__(self, *, max_closed: int = MAX_CLOSED, max_seen: int = MAX_SEEN) -> None:
        self._max_closed = max_closed
        self._max_seen = max_seen
        self._active: dict[str, Incident] = {}
        self._closed: OrderedDict[str, Incident] = OrderedDict()
        self._by_place: dict[tuple[str, str, AlertStatus], str] = {}
        self._seen: OrderedDict[tuple[str, str], Seen] = OrderedDict()
        self._unrecorded: Counter[str] = Counter()
        self._shown: set[tuple[str, str, str]] = set()
        self.misfits = 0

    # What is there

    def find(self, incident_id: str) -> Incident:
        """Return an incident.

        Raises:
            UnknownIncidentError: There is none of this id in memory.
        """
        found = self._active.get(incident_id) or self._closed.get(incident_id)
        if found is None:
            raise UnknownIncidentError(incident_id)
        return found

    def active(self) -> list[Incident]:
        """Return the open and accepted incidents, in the order they opened."""
        return list(self._active.values())

    def closed(self) -> list[Incident]:
        """Return the closed incidents in memory, the latest last."""
        return list(self._closed.values())

    def of_device(self, device: str) -> list[Incident]:
        """Return the open and accepted incidents of a device."""
        return [incident for incident in self._active.values() if incident.device == device]

    def seen(self, alarm: Alarm) -> Seen | None:
        """Return what became of an alarm that came before, or None when it is new.

        An alarm whose body validates is new even when an incomplete one of the same key came before: it says more.
        """
        seen = self._seen.get((alarm.device, alarm.key))
        if seen is None or (seen.incomplete and not alarm.incomplete):
            return None
        return seen

    def recorded(self, incident_id: str) -> bool:
        """Return whether everything of the incident is in the ledger."""
        return self._unrecorded[incident_id] <= 0

    # What happens

    def press(self, alarm: Alarm, lane: Lane, now_ns: int) -> Record:
        """Return the record of a new alarm; it joins an incident or opens one. It changes nothing yet."""
        incident_id = self._by_place.get((alarm.device, alarm.button, alarm.status)) or new_event_id()
        return Record(PressEntry(at_ns=now_ns, incident_id=incident_id, lane=lane, alarm=alarm))

    def accept(self, incident_id: str, *, officer: str, screen: str, now_ns: int) -> Record:
        """Return the record of an officer accepting an incident. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident.
            AlreadyAcceptedError: Somebody accepted it before.
            NotPossibleError: It is closed.
        """
        aside = Aside.of(officer)
        entry = ActionEntry(kind="accept", at_ns=now_ns, incident_id=incident_id, screen=screen, officer=aside.hash)
        return self._checked(Record(entry, {"officer": aside}))

    def answer(self, incident_id: str, *, officer: str, screen: str, now_ns: int) -> Record:
        """Return the record of an officer answering further presses of an accepted incident. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident.
            NotPossibleError: It is not accepted.
        """
        aside = Aside.of(officer)
        entry = ActionEntry(kind="answer", at_ns=now_ns, incident_id=incident_id, screen=screen, officer=aside.hash)
        return self._checked(Record(entry, {"officer": aside}))

    def close(self, incident_id: str, *, officer: str, screen: str, note: str | None, now_ns: int) -> Record:
        """Return the record of an officer closing an incident. It changes nothing yet.

        Raises:
            UnknownIncidentError: There is no such incident.
            NotPossibleError: It is not accepted.
        """
        asides = {"officer": Aside.of(officer)}
        if note:
            asides["note"] = Aside.of(note)
        entry = ActionEntry(
            kind="close",
            at_ns=now_ns,
            incident_id=incident_id,
            screen=screen,
            officer=asides["officer"].hash,
            note=asides["note"].hash if "note" in asides else None,
        )
        return self._checked(Record(entry, asides))

    def shown(self, incident_id: str, *, key: str, screen: str, painted_at_ns: int, now_ns: int) -> Record | None:
        """Return the record of a screen having painted a press, or None when that screen told so before.

        Raises:
            UnknownIncidentError: There is no such incident, or no such press of it in memory.
        """
        incident = self.find(incident_id)
        if all(row.alarm.key != key for row in incident.rows):
            raise UnknownIncidentError(incident_id)
        if (incident_id, key, screen) in self._shown or len(self._shown) >= MAX_SHOWN:
            return None
        return Record(
            ShownEntry(at_ns=now_ns, incident_id=incident_id, screen=screen, key=key, painted_at_ns=painted_at_ns)
        )

    def apply(self, record: Record) -> Incident | None:
        """Change the board by what happened; return the incident it changed.

        Raises:
            DeskError: The record does not fit the board, which stays as it was.
        """
        entry = record.entry
        if isinstance(entry, PressEntry):
            return self._apply_press(entry, record)
        if isinstance(entry, ActionEntry):
            officer = record.text("officer") or "—"
            changed = act(self.find(entry.incident_id), entry, officer=officer, note=record.text("note"))
            self._keep(changed)
            return changed
        if isinstance(entry, ShownEntry) and entry.incident_id in self._active:
            self._shown.add((entry.incident_id, entry.key, entry.screen))
        return None

    def replay(self, record: Record) -> None:
        """Apply a record from the ledger. One that does not fit is counted, and never stops the desk."""
        try:
            self.apply(record)
        except DeskError:
            self.misfits += 1
            return
        if isinstance(record.entry, PressEntry):
            self._seen[record.entry.alarm.device, record.entry.alarm.key].record = None

    def replay_waiting(self, record: Record) -> None:
        """Apply a record that waits for its commit. One that does not fit is counted."""
        try:
            self.apply(record)
        except DeskError:
            self.misfits += 1
            return
        self.unrecorded(record)
        self.queued(record)

    def unrecorded(self, record: Record) -> None:
        """Note that a record just applied is not in the ledger yet."""
        if isinstance(record.entry, PressEntry | ActionEntry):
            self._unrecorded[record.entry.incident_id] += 1

    def queued(self, record: Record) -> None:
        """Note that the ledger has a record to commit."""
        entry = record.entry
        if isinstance(entry, PressEntry):
            self._seen[entry.alarm.device, entry.alarm.key].waiting = True

    def committed(self, records: Iterable[Record]) -> list[str]:
        """Note that records are in the ledger; return the incidents that are now recorded as a whole."""
        whole: list[str] = []
        for record in records:
            entry = record.entry
            if not isinstance(entry, PressEntry | ActionEntry):
                continue
            if isinstance(entry, PressEntry):
                seen = self._seen.get((entry.alarm.device, entry.alarm.key))
                if seen is not None and seen.incomplete == entry.alarm.incomplete:
                    seen.record, seen.waiting = None, False
            self._unrecorded[entry.incident_id] -= 1
            if self._unrecorded[entry.incident_id] <= 0:
                del self._unrecorded[entry.incident_id]
                whole.append(entry.incident_id)
        return whole

    # Inside

    def _checked(self, record: Record) -> Record:
        entry = record.entry
        assert isinstance(entry, ActionEntry)
        act(self.find(entry.incident_id), entry, officer="")
        return record

    def _apply_press(self, entry: PressEntry, record: Record) -> Incident:
        known = self._active.get(entry.incident_id)
        incident = open_incident(entry) if known is None else join(known, entry)
        self._keep(incident)
        key = (entry.alarm.device, entry.alarm.key)
        self._seen[key] = Seen(incident.id, entry.alarm.incomplete, record)
        self._seen.move_to_end(key)
        while len(self._seen) > self._max_seen:
            self._seen.popitem(last=False)
        return incident

    def _keep(self, incident: Incident) -> None:
        place = (incident.device, incident.button, incident.status)
        if incident.active:
            self._active[incident.id] = incident
            self._by_place[place] = incident.id
            return
        self._active.pop(incident.id, None)
        if self._by_place.get(place) == incident.id:
            del self._by_place[place]
        self._shown = {shown for shown in self._shown if shown[0] != incident.id}
        self._closed[incident.id] = incident
        while len(self._closed) > self._max_closed:
            self._closed.popitem(last=False)
