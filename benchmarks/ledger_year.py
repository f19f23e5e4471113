"""A ledger as of a year: ROWS rows, of which about every tenth opens an incident; all but the last few have ended."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contract.identity import new_event_id
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board, DeliveryKind, Report
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Record
from duty_desk.ledger.append import append
from duty_desk.ledger.derived import mend
from duty_desk.ledger.tables import open_engine, upgrade

OPEN: Final = 50
"""Incidents that have not ended when it ends."""
_YEAR_NS: Final = 365 * 86_400 * 1_000_000_000
_TOGETHER: Final = 1_000
_OFFICERS: Final = [Actor(f"Petugas {number}", "officer", f"Layar {number}") for number in range(1, 5)]
_KINDS: Final[list[DeliveryKind]] = ["delivered", "shown", "seen"]
_NOTES: Final = ["saksi ditemukan", "aman", "diserahkan ke Polsek", "tidak ada siapa-siapa", "dua motor, satu luka"]


def make_ledger(path: Path, rows: int, seed: int = 1) -> None:
    """Make the file, and tell how far it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(path)
    with engine.begin() as connection:
        upgrade(connection)
    mend(engine)
    records, done, started = _year(rows, seed), 0, time.monotonic()
    while batch := list(itertools.islice(records, _TOGETHER)):
        with engine.begin() as connection:
            append(connection, batch)
        done += len(batch)
        if done % 100_000 == 0:
            print(f"{done} rows, {time.monotonic() - started:.0f} s", flush=True)


def _year(rows: int, seed: int) -> Iterator[Record]:
    rand = random.Random(seed)
    board = Board()
    step_ns = _YEAR_NS // rows
    now_ns = time.time_ns() - _YEAR_NS - 86_400 * 1_000_000_000
    for _ in range(rows):
        now_ns += step_ns
        record = _step(board, rand, now_ns)
        board.apply(record)
        yield record


def _step(board: Board, rand: random.Random, now_ns: int) -> Record:
    """Return what happens next: each incident goes through its states, and the oldest of over 50 goes on first."""
    active = board.active()
    officer = rand.choice(_OFFICERS)
    if len(active) < OPEN or rand.random() < 0.11:
        return _opening(board, rand, now_ns)
    incident = active[0]
    what = rand.random()
    if what < 0.5:
        kind = rand.choice(_KINDS)
        later = rand.choice(active)
        shown = board.delivery(kind, later.id, officer, now_ns, key=later.rows[-1].key)
        if shown is not None:
            return shown
    if what < 0.55:
        return board.note(incident.id, officer, f"{rand.choice(_NOTES)} {rand.randrange(100_000)}", now_ns)
    match incident.state:
        case "open":
            return board.act("accept", incident.id, officer, now_ns)
        case "accepted":
            return board.act("depart", incident.id, officer, now_ns)
        case "on_the_way" if rand.random() < 0.1:
            return board.act("cancel", incident.id, officer, now_ns, reason="false_alarm")
        case "on_the_way":
            return board.act("resolve", incident.id, officer, now_ns)
        case _:
            return board.act("close", incident.id, officer, now_ns, note="selesai")


def _opening(board: Board, rand: random.Random, now_ns: int) -> Record:
    if rand.random() < 0.1:
        report = Report(
            key=new_event_id(),
            origin="call",
            category="accident",
            address=f"Jl. Braga {rand.randrange(1, 200)}",
            caller=f"0812{rand.randrange(10**8):08d}",
        )
        return board.report(report, rand.choice(_OFFICERS), now_ns)
    event_id = new_event_id()
    alarm = Alarm(
        device=f"box-{rand.randrange(1, 301)}",
        key=event_id,
        event_id=event_id,
        button="sos",
        cause="press",
        status="Exercise" if rand.random() < 0.02 else "Actual",
        pressed_at_ns=now_ns,
        clock="ntp",
        age_ms=40,
    )
    return board.press(alarm, "alarm", now_ns)
