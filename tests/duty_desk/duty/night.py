"""A desk's duty in virtual time: what happens in a night, and what it has written down of it."""

from __future__ import annotations

from pathlib import Path

from contract.identity import new_event_id
from duty_desk.duty.duty import Duty
from duty_desk.duty.roster_disk import RosterDisk
from duty_desk.duty.settings import DutySettings
from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import DutyEntry, PageEntry, PageOutcome
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Aside, Record
from tests.duty_desk.duty.rosters import ACCOUNTS, JAKARTA, WEEK, ns

S = 10**9
MINUTE = 60 * S
START = "2026-12-01 06:50"


def page(
    who: str,
    channel: str,
    outcome: PageOutcome,
    at_ns: int,
    *,
    incident_id: str | None = None,
    detail: str | None = None,
) -> Record:
    """Return the outcome of a page."""
    aside = Aside.of(who)
    entry = PageEntry(
        at_ns=at_ns, page=new_event_id(), channel=channel, outcome=outcome, incident_id=incident_id, who=aside.hash,
        detail=detail,
    )  # fmt: skip
    return Record(entry, {"who": aside})


class Night:
    """A desk's duty with both clocks in hand. `log` is its ledger."""

    def __init__(self, folder: Path, text: str = WEEK, *, settings: DutySettings | None = None) -> None:
        self.now_ns = ns(START)
        self.monotonic_ns = 0
        self.log: list[Record] = []
        self.tested: list[str] = []
        self.called: list[str] = []
        self.screens = 2
        self.channels: tuple[str, ...] | None = ("push", "sms")
        self.board = Board()
        self.settings = settings or DutySettings()
        self.path = folder / "roster.csv"
        self.path.write_text(text)
        self.start()

    def start(self) -> None:
        """Start the desk, or start it again."""
        disk = RosterDisk(self.path, JAKARTA)
        disk.look()
        self.disk = disk
        self.duty = Duty(
            disk, self.settings, now_ns=lambda: self.now_ns, monotonic_ns=lambda: self.monotonic_ns, note=self.note
        )
        self.duty.accounts = ACCOUNTS
        self.duty.consoles = lambda: self.screens
        self.duty.ways = lambda _who: self.channels
        self.duty.test = self.tested.append
        self.duty.call = lambda fault: self.called.append(fault.kind)
        self.duty.adopt(self.log)

    def note(self, record: Record) -> None:
        """Keep a record, as the desk does."""
        self.log.append(record)
        self.duty.take(record)

    def restart(self, away_s: int = 5) -> None:
        """Kill the desk, and start it again."""
        self.now_ns += away_s * S
        self.monotonic_ns = 10**15
        self.start()

    def until(self, text: str) -> None:
        """Let time pass until a local time, with a tick every 15 s, and every 5 minutes as long as it is far off."""
        until_ns = ns(text)
        while self.now_ns < until_ns:
            step_s = 300 if until_ns - self.now_ns > 30 * MINUTE else 15
            self.now_ns += step_s * S
            self.monotonic_ns += step_s * S
            self.duty.tick()

    def seconds(self, count: int) -> None:
        """Let seconds pass, with a tick in each."""
        for _ in range(count):
            self.now_ns += S
            self.monotonic_ns += S
            self.duty.tick()

    def answer(self, who: str, channel: str = "push") -> None:
        """Let somebody answer a test."""
        self.note(page(who, channel, "answered", self.now_ns))

    def handed(self, *people: str) -> None:
        """Let a test go out to people by all channels."""
        for who in people:
            for channel in self.channels or ():
                self.note(page(who, channel, "handed", self.now_ns))

    def faults(self) -> list[tuple[str, str]]:
        """Return the faults that stand."""
        return sorted(self.duty.shifts.faults.standing)

    def told(self, *what: str) -> list[tuple[str, str | None]]:
        """Return what was written down: what, and whom it is about or which fault."""
        entries = [(each.entry, each.text("subject")) for each in self.log if isinstance(each.entry, DutyEntry)]
        return [
            (entry.what, entry.detail if entry.what.startswith("fault") else who)
            for entry, who in entries
            if entry.what in what
        ]

    def press(self, minutes_ago: int = 0, button: str = "sos") -> Incident:
        """Let a button be pressed some time ago."""
        event_id = new_event_id()
        alarm = Alarm(
            device="box-1", key=event_id, event_id=event_id, button=button, cause="press", status="Actual",
            age_ms=minutes_ago * 60_000,
        )  # fmt: skip
        made = self.board.apply(self.board.press(alarm, "alarm", self.now_ns))
        assert made is not None
        return made
