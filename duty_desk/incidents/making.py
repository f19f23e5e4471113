"""What is written down of what happens: the records of presses, reports, acts, notes, deliveries and steps. Pure.

Nothing here decides whether something is possible, and nothing changes the board: `board.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contract.identity import new_event_id
from contract.messages import AlertStatus
from contract.time_quality import ClockSource
from contract.topics import Lane
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import (
    ActionEntry,
    CallEntry,
    CallOrigin,
    CancelReason,
    Category,
    DeliveryEntry,
    EscalatedEntry,
    NoteEntry,
    PageEntry,
    PressEntry,
)
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Aside, Record

Verb = Literal["accept", "answer", "depart", "resolve", "close", "cancel"]
DeliveryKind = Literal["delivered", "shown", "seen"]


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reports: a 112 call, a citizen at the counter, another system. `key` names this one report."""

    key: str
    origin: CallOrigin
    category: Category
    status: AlertStatus = "Actual"
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None
    caller: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When, in ns by the centre's clock, and what kept that clock."""

    at_ns: int
    clock: ClockSource


def press_entry(alarm: Alarm, lane: Lane, at: Moment) -> PressEntry:
    """Return the entry of a new alarm, as one that opens an incident."""
    return PressEntry(at_ns=at.at_ns, at_clock=at.clock, incident_id=new_event_id(), lane=lane, alarm=alarm)


def report_record(report: Report, actor: Actor, at: Moment) -> Record:
    """Return the record of what somebody reported, which opens an incident."""
    texts = {"officer": actor.name, "address": report.address, "caller": report.caller, "note": report.text}
    asides = {name: Aside.of(text) for name, text in texts.items() if text}
    entry = CallEntry(
        at_ns=at.at_ns,
        at_clock=at.clock,
        incident_id=new_event_id(),
        key=report.key,
        origin=report.origin,
        category=report.category,
        status=report.status,
        latitude=report.latitude,
        longitude=report.longitude,
        screen=actor.screen,
        officer=asides["officer"].hash,
        address=_hash(asides, "address"),
        caller=_hash(asides, "caller"),
        note=_hash(asides, "note"),
    )
    return Record(entry, asides)


def act_record(
    verb: Verb, incident_id: str, actor: Actor, at: Moment, *, note: str | None, reason: CancelReason | None
) -> Record:
    """Return the record of what somebody does with an incident."""
    asides = {"officer": Aside.of(actor.name)}
    if note:
        asides["note"] = Aside.of(note)
    entry = ActionEntry(
        kind=verb,
        at_ns=at.at_ns,
        at_clock=at.clock,
        incident_id=incident_id,
        screen=actor.screen,
        officer=asides["officer"].hash,
        note=_hash(asides, "note"),
        reason=reason,
    )
    return Record(entry, asides)


def note_record(incident_id: str, actor: Actor, text: str, at: Moment) -> Record:
    """Return the record of a note."""
    asides = {"officer": Aside.of(actor.name), "note": Aside.of(text)}
    entry = NoteEntry(
        at_ns=at.at_ns,
        at_clock=at.clock,
        incident_id=incident_id,
        screen=actor.screen,
        officer=asides["officer"].hash,
        note=asides["note"].hash,
    )
    return Record(entry, asides)


def delivery_record(
    kind: DeliveryKind, incident_id: str, actor: Actor, at: Moment, *, key: str, painted_at_ns: int | None
) -> Record:
    """Return the record of how far a press came at a screen."""
    asides = {"officer": Aside.of(actor.name)} if kind == "seen" else {}
    entry = DeliveryEntry(
        kind=kind,
        at_ns=at.at_ns,
        at_clock=at.clock,
        incident_id=incident_id,
        screen=actor.screen,
        key=key,
        painted_at_ns=painted_at_ns,
        officer=_hash(asides, "officer"),
    )
    return Record(entry, asides)


def step_record(
    incident_id: str, step: int, rings: tuple[str, ...], at: Moment, *, since_ns: int, nobody: tuple[str, ...]
) -> Record:
    """Return the record of a step of an escalation of what nobody answered since `since_ns`."""
    entry = EscalatedEntry(
        at_ns=at.at_ns,
        at_clock=at.clock,
        incident_id=incident_id,
        step=step,
        rings=rings,
        unanswered_since_ns=since_ns,
        nobody=nobody or None,
    )
    return Record(entry)


def page_record(entry: PageEntry, who: str | None) -> Record:
    """Return the record of what became of a page to this account, None for a channel that is nobody's own."""
    if who is None:
        return Record(entry)
    aside = Aside.of(who)
    return Record(entry.model_copy(update={"who": aside.hash}), {"who": aside})


def _hash(asides: dict[str, Aside], name: str) -> str | None:
    aside = asides.get(name)
    return None if aside is None else aside.hash
