"""What happened with an incident, entry by entry, as pages read it. Pure.

What stands beside the chain is told where it is; `—` where it was erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from duty_desk.incidents.entries import (
    ActionEntry,
    CallEntry,
    DeliveryEntry,
    DutyEntry,
    Entry,
    ErasedEntry,
    EscalatedEntry,
    NoteEntry,
    PageEntry,
    PressEntry,
    canonical,
)
from duty_desk.incidents.incident import ERASED, Incident
from duty_desk.incidents.records import Record
from duty_desk.ledger.archive_query import Line

_MS: Final = 1_000_000

Kind = Literal[
    "press", "call", "accept", "answer", "depart", "resolve", "close", "cancel", "note", "delivered", "shown", "seen",
    "escalated", "page", "duty", "erased", "unknown",
]  # fmt: skip


class LineView(BaseModel):
    """An entry. `sequence` is its row in the ledger, null while it is not recorded yet; then `hash` is null too.

    Times are ms since 1970 by the centre's clock, which `at_clock` kept. `who` did it, at the screen `screen`, and
    wrote `text`. What follows those stands only where the kind of entry has it:

    - press: `key`, `cause`, `status`, `pressed_at_ms`, `device_clock` and `age_ms` by the box, `lane`, `attempt`,
      `position`, `incomplete`, `fault`, `detail`; `hop_ms` from the press to the desk.
    - call: `key`, `origin`, `category`, `status`, `address`, `caller`, `position`.
    - cancel: `reason`.
    - delivered, shown, seen: `key`, `painted_at_ms` by the screen's clock; `hop_ms` from the desk until it told so.
    - escalated: `step`, `rings`, `nobody` (who was to ring before, and was not there); `hop_ms` since nobody answered.
    - page: `channel`, `outcome`, `step`, `round`, `took_ms`, `detail`; `who` it went to.
    - duty: `what`, `subject`, `detail`.
    - erased: `fields`; `text` says why.
    """

    sequence: int | None = Field(examples=[17])
    hash: str | None = None
    at_ms: int = Field(examples=[1_760_000_000_000])
    at_clock: str | None = Field(examples=["ntp"])
    kind: Kind
    who: str | None = Field(examples=["Petugas 1"])
    screen: str | None = Field(examples=["Layar 1"])
    text: str | None = None
    key: str | None = None
    cause: str | None = None
    status: str | None = None
    origin: str | None = None
    category: str | None = None
    pressed_at_ms: int | None = None
    device_clock: str | None = None
    age_ms: int | None = None
    hop_ms: int | None = None
    lane: str | None = None
    attempt: int | None = None
    position: tuple[float, float] | None = None
    incomplete: bool | None = None
    fault: str | None = None
    detail: str | None = None
    address: str | None = None
    caller: str | None = None
    reason: str | None = None
    painted_at_ms: int | None = None
    step: int | None = None
    rings: list[str] | None = None
    nobody: list[str] | None = None
    fields: list[str] | None = None
    channel: str | None = None
    outcome: str | None = None
    round: int | None = None
    took_ms: int | None = None
    what: str | None = None
    subject: str | None = None


def recorded(lines: Iterable[Line], incident: Incident | None) -> list[LineView]:
    """Return the rows of the ledger as pages read them.

    Args:
        lines: The rows.
        incident: The incident in memory, whose presses time the deliveries of a later part of a long timeline.
    """
    arrived = {} if incident is None else {row.key: row.at_ns for row in incident.rows}
    return [_view(line.entry, line.texts, arrived, line.sequence, line.hash) for line in lines]


def pending(
    lines: Iterable[Line], waiting: Iterable[Record], incident: Incident | None, incident_id: str
) -> list[LineView]:
    """Return what is not recorded yet: what waits for the ledger, and what it had no room for.

    Args:
        lines: The rows that were read, after `waiting` was asked for: one that was committed meanwhile is in both.
        waiting: The records that wait.
        incident: The incident in memory, if it is there.
        incident_id: Its id.
    """
    known = {canonical(line.entry) for line in lines if line.entry is not None}
    ours = [record for record in waiting if getattr(record.entry, "incident_id", None) == incident_id]
    ours += _in_memory(incident)
    arrived = {} if incident is None else {row.key: row.at_ns for row in incident.rows}
    views: list[LineView] = []
    for record in ours:
        body = canonical(record.entry)
        if body not in known:
            known.add(body)
            texts = {name: aside.text for name, aside in record.asides.items()}
            views.append(_view(record.entry, texts or _texts(record.entry, incident), arrived, None, None))
    return sorted(views, key=lambda view: view.at_ms)


def _in_memory(incident: Incident | None) -> Iterator[Record]:
    for row in () if incident is None else incident.rows:
        yield Record(row)


def _texts(entry: Entry, incident: Incident | None) -> dict[str, str]:
    """Return the texts of a report that memory has."""
    call = None if incident is None else incident.call
    if call is None or not isinstance(entry, CallEntry):
        return {}
    texts = {"officer": call.taken_by, "address": call.address, "caller": call.caller, "note": call.text}
    return {name: text for name, text in texts.items() if text}


def _view(
    entry: Entry | None, texts: Mapping[str, str], arrived: dict[str, int], sequence: int | None, hash_: str | None
) -> LineView:
    row = {"sequence": sequence, "hash": hash_, "who": None, "screen": None, "text": None}
    if entry is None:
        return LineView(**row, at_ms=0, at_clock=None, kind="unknown")
    more: dict[str, Any] = {"at_ms": entry.at_ns // _MS, "at_clock": entry.at_clock, "kind": entry.kind}
    match entry:
        case PressEntry():
            arrived[entry.key] = entry.at_ns
            more |= _press(entry)
        case CallEntry():
            arrived[entry.key] = entry.at_ns
            more |= _call(entry, texts)
        case ActionEntry() | NoteEntry():
            more |= {"who": _text(texts, "officer"), "screen": entry.screen}
            more["text"] = None if entry.note is None else _text(texts, "note")
            if isinstance(entry, ActionEntry) and entry.reason is not None:
                more["reason"] = entry.reason
        case DeliveryEntry():
            more |= _delivery(entry, texts, arrived)
        case EscalatedEntry():
            hop_ms = (entry.at_ns - entry.unanswered_since_ns) // _MS
            more |= {"step": entry.step, "rings": list(entry.rings), "hop_ms": hop_ms}
            if entry.nobody is not None:
                more["nobody"] = list(entry.nobody)
        case PageEntry():
            more |= entry.model_dump(include={"channel", "outcome", "step", "round", "took_ms", "detail"})
            more["who"] = None if entry.who is None else _text(texts, "who")
        case DutyEntry():
            more |= entry.model_dump(include={"what", "detail", "screen"})
            more |= {name: _text(texts, name) for name in ("who", "subject") if getattr(entry, name) is not None}
        case ErasedEntry():
            more |= {"who": _text(texts, "who"), "text": _text(texts, "why"), "fields": list(entry.fields)}
        case _:
            more["kind"] = "unknown"
    return LineView(**row | more)


def _press(entry: PressEntry) -> dict[str, Any]:
    alarm = entry.alarm
    more: dict[str, Any] = {
        "key": entry.key,
        "cause": alarm.cause,
        "status": alarm.status,
        "pressed_at_ms": entry.happened_ns // _MS,
        "device_clock": alarm.clock,
        "age_ms": alarm.age_ms,
        "hop_ms": (entry.at_ns - entry.happened_ns) // _MS,
        "lane": entry.lane,
        "attempt": alarm.attempt,
        "incomplete": alarm.incomplete,
        "fault": alarm.fault,
        "detail": alarm.detail,
    }
    if alarm.position is not None:
        more["position"] = (alarm.position.latitude, alarm.position.longitude)
    return more


def _call(entry: CallEntry, texts: Mapping[str, str]) -> dict[str, Any]:
    more: dict[str, Any] = {
        "key": entry.key,
        "origin": entry.origin,
        "category": entry.category,
        "status": entry.status,
        "who": _text(texts, "officer"),
        "screen": entry.screen,
        "text": None if entry.note is None else _text(texts, "note"),
        "address": None if entry.address is None else _text(texts, "address"),
        "caller": None if entry.caller is None else _text(texts, "caller"),
    }
    if entry.latitude is not None and entry.longitude is not None:
        more["position"] = (entry.latitude, entry.longitude)
    return more


def _delivery(entry: DeliveryEntry, texts: Mapping[str, str], arrived: Mapping[str, int]) -> dict[str, Any]:
    more: dict[str, Any] = {"key": entry.key, "screen": entry.screen}
    if entry.officer is not None:
        more["who"] = _text(texts, "officer")
    if entry.painted_at_ns is not None:
        more["painted_at_ms"] = entry.painted_at_ns // _MS
    if entry.key in arrived:
        more["hop_ms"] = (entry.at_ns - arrived[entry.key]) // _MS
    return more


def _text(texts: Mapping[str, str], name: str) -> str:
    return texts.get(name) or ERASED
