"""A desk's life made up from a seed: presses, calls, what officers do, deliveries, escalations, erasures."""

from __future__ import annotations

import random
from collections.abc import Iterator

from contract.identity import new_event_id
from duty_desk.errors import DeskError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board, DeliveryKind, Report, Verb
from duty_desk.incidents.entries import AuditEntry, CancelReason, StartedEntry
from duty_desk.incidents.records import Aside, Record
from duty_desk.ledger.place import Place
from duty_desk.ledger.writer import append_now
from tests.duty_desk.test_incident import NOW, alarm

SECOND = 1_000_000_000
PEOPLE = [
    Actor("Petugas 1", "officer", "Layar 1"),
    Actor("Petugas 2", "officer", "Layar 2"),
    Actor("Operator 112", "call_taker", "Layar 3"),
]
_VERBS: list[Verb] = ["accept", "accept", "answer", "depart", "resolve", "close"]
_KINDS: list[DeliveryKind] = ["delivered", "shown", "seen"]
_REASONS: list[CancelReason] = ["false_alarm", "test", "duplicate", "caller"]


def life(board: Board, steps: int, seed: int) -> Iterator[Record]:
    """Yield the records of a life of a desk, each of which the board has had applied to it."""
    rand = random.Random(seed)
    now_ns = NOW
    yield Record(StartedEntry(at_ns=now_ns, desk="desk", software="0"))
    while steps > 0:
        now_ns += rand.randrange(30) * SECOND
        try:
            record = _step(board, rand, now_ns)
        except DeskError:
            continue
        if record is None:
            continue
        board.apply(record)
        steps -= 1
        yield record


def write(path: Place, records: Iterator[Record], together: int = 7) -> None:
    """Write records as a command does, some in one transaction."""
    waiting: list[Record] = []
    for record in records:
        waiting.append(record)
        if len(waiting) == together:
            append_now(path, *waiting)
            waiting = []
    append_now(path, *waiting)


def _step(board: Board, rand: random.Random, now_ns: int) -> Record | None:
    actor = rand.choice(PEOPLE)
    active = board.active()
    what = rand.random()
    if not active or what < 0.2:
        whole = rand.random() < 0.9
        status = rand.choice(["Actual", "Actual", "Exercise"])
        key = None
        if active and rand.random() < 0.3:
            key = rand.choice(active).rows[-1].key  # a repeat, which says more than the broken body before
        fault = None if whole else "invalid: clock"
        one = alarm(rand.choice(["sos", "utara", "unknown"]), status, key=key, fault=fault)
        return board.press(one, "alarm", now_ns) if board.seen(one) is None else None
    incident = rand.choice(active)
    if what < 0.25:
        report = Report(
            key=new_event_id(),
            origin=rand.choice(["call", "citizen"]),
            category="accident",
            address=rand.choice([None, "Jl. Braga 10"]),
            caller=rand.choice([None, "0812"]),
            text=rand.choice([None, "dua motor"]),
        )
        return board.report(report, actor, now_ns)
    if what < 0.55:
        note = rand.choice([None, None, "aman"])
        return board.act(rand.choice(_VERBS), incident.id, actor, now_ns, note=note)
    if what < 0.6:
        return board.act("cancel", incident.id, actor, now_ns, reason=rand.choice(_REASONS))
    if what < 0.7:
        return board.note(rand.choice(active + board.ended()).id, actor, "saksi ditemukan", now_ns)
    if what < 0.75:
        return board.escalate(incident.id, rand.randrange(4), ("supervisor",), now_ns)
    if what < 0.77:
        who = Aside.of(actor.name)
        return Record(AuditEntry(at_ns=now_ns, what="login", who=who.hash), {"who": who})
    return board.delivery(rand.choice(_KINDS), incident.id, actor, now_ns, key=incident.rows[0].key)
