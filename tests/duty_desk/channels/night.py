"""A desk with its pager in virtual time: presses, people with phones, channels that fail, restarts.

What the ledger has is `log`; a restart keeps nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from contract.identity import new_event_id
from contract.messages import AlertStatus
from duty_desk.channels.channel import Answer, ChannelError, Handed, Page, Report, Tell
from duty_desk.channels.pager import Pager
from duty_desk.errors import DeskError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import EscalatedEntry, PageEntry
from duty_desk.incidents.escalation import Audience, Rung, Step
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.policies import DEFAULT_STEPS
from duty_desk.incidents.records import Record
from duty_desk.ringing import Policy, Ringing

S = 10**9
TICK_S = 0.25
MIDNIGHT_NS = 1_800_000_000 * S
EVERYBODY: frozenset[Audience] = frozenset({"officer", "everyone", "supervisor", "siren"})
Mode = Literal["works", "fails", "hangs", "deaf", "loses", "breaks", "gone"]
"""deaf: hangs, and does not end when it is cancelled; loses: hands over what never arrives; breaks: an unforeseen
error; gone: the address is not valid any more."""


@dataclass
class Shift:
    """Who is on duty."""

    on: tuple[str, ...] = ("petugas-1", "petugas-2")
    lead: tuple[str, ...] = ("penyelia-1",)
    others: tuple[str, ...] = ("petugas-3",)

    def officers(self, now_ns: int) -> tuple[str, ...]:
        return self.on

    def supervisors(self, now_ns: int) -> tuple[str, ...]:
        return self.lead

    def everyone(self) -> tuple[str, ...]:
        return (*self.on, *self.lead, *self.others)


@dataclass
class Sent:
    """A page as a channel was handed it."""

    at_s: float
    page: Page
    mode: Mode


@dataclass
class Fake:
    """A channel that can fail in each way there is. `modes` are those of the next pages, then `mode` holds."""

    name: str
    personal: bool = True
    mode: Mode = "works"
    takes_s: float = 0.05
    strangers: frozenset[str] = frozenset()
    modes: list[Mode] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    tell: Tell = lambda _report: None
    arrived: list[Page] = field(default_factory=list)

    def reaches(self, who: str) -> bool:
        return who not in self.strangers

    async def send(self, page: Page) -> Handed:
        mode = self.modes.pop(0) if self.modes else self.mode
        self.sent.append(Sent(asyncio.get_running_loop().time(), page, mode))
        match mode:
            case "fails":
                await asyncio.sleep(self.takes_s)
                raise ChannelError("no network")
            case "gone":
                raise ChannelError("no such subscription", gone=True)
            case "breaks":
                raise KeyError("unforeseen")
            case "hangs":
                await asyncio.Event().wait()
            case "deaf":
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(1_000)
                await asyncio.sleep(30)
            case "works":
                await asyncio.sleep(self.takes_s)
                self.arrived.append(page)
            case "loses":
                await asyncio.sleep(self.takes_s)
        return Handed()

    async def run(self, tell: Tell) -> None:
        self.tell = tell
        await asyncio.Event().wait()


class Night:
    """The desk, as far as it rings and pages. It is the pager's host."""

    def __init__(self, channels: Iterable[Fake], steps: tuple[Step, ...] = DEFAULT_STEPS) -> None:
        self.fakes = {fake.name: fake for fake in channels}
        self.shift = Shift()
        self.steps = steps
        self.log: list[Record] = []
        self.present = EVERYBODY
        self.wall_offset_ns = MIDNIGHT_NS
        self.news: list[str] = []
        self.accepted: list[tuple[str, str]] = []
        self.answered_at: dict[tuple[str, int], float] = {}
        self.ups: list[list[float]] = []
        self.up = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None
        self.board = Board()
        self.start()

    # Clocks

    def monotonic_ns(self) -> int:
        return round(self.now_s * S)

    def wall_ns(self) -> int:
        return self.monotonic_ns() + self.wall_offset_ns

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    # Its life

    def start(self) -> None:
        """Start with what the log has, and tick."""
        self.board = Board()
        for record in self.log:
            self.board.replay(record)
        assert self.board.misfits == 0
        self.ringing = Ringing(Policy(self.steps), self.wall_ns, self.monotonic_ns, channels=self.fakes)
        # What each step finds of screens is the test's to say, not the registry's.
        self.ringing.screens.present = lambda: self.present  # type: ignore[method-assign]
        self.pager = Pager(self.fakes.values(), self.shift, self, now_ns=self.wall_ns, monotonic_ns=self.monotonic_ns)
        self.ringing.outlook = self.pager.outlook
        self.pager.refresh()
        for name, fake in self.fakes.items():
            fake.tell = self.pager.tell(name)
        self.ups.append([self.now_s, float("inf")])
        self._ticking = asyncio.create_task(self._ticks())
        self.up.set()

    async def stop(self) -> None:
        """Die, in the middle of whatever it is doing."""
        assert self._ticking is not None
        self._ticking.cancel()
        self.up.clear()
        self.ups[-1][1] = self.now_s
        for fake in self.fakes.values():
            fake.tell = lambda _report: None
        await self.pager.close()

    async def restart(self, away_s: float = 0.5) -> None:
        """Die and come back."""
        await self.stop()
        await asyncio.sleep(away_s)
        self.start()

    async def _ticks(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    def tick(self) -> None:
        """Do what the desk does several times a second."""
        for record in self.ringing.tick(self.board).records:
            self.log.append(record)
        self.pager.tick()

    # What happens

    def press(self, button: str = "sos", status: AlertStatus = "Actual") -> Incident:
        """Let a button be pressed."""
        event_id = new_event_id()
        alarm = Alarm(
            device="box-1", key=event_id, event_id=event_id, button=button, cause="press", status=status, age_ms=0
        )
        record = self.board.press(alarm, "alarm", self.wall_ns())
        incident = self.board.apply(record)
        assert incident is not None
        self.log.append(record)
        reached = self.ringing.begin(self.board, incident)
        self.log += reached.records
        (incident,) = reached.incidents
        self.pager.look((incident,))
        return incident

    def act(self, incident_id: str, who: str = "petugas-9") -> bool:
        """Let somebody accept, or answer a press that joined; return whether that was possible."""
        with contextlib.suppress(DeskError):
            if not self.up.is_set():
                return False
            incident = self.board.find(incident_id)
            if incident.unanswered_since_ns is None:
                return False
            verb: Literal["accept", "answer"] = "accept" if incident.state == "open" else "answer"
            record = self.board.act(verb, incident_id, Actor(who, "officer", "Layar 1"), self.wall_ns())
            self.answered_at[incident_id, incident.unanswered_since_ns] = self.now_s
            self.board.apply(record)
            self.log.append(record)
            self.accepted.append((incident_id, who))
            return True
        return False

    # As the pager's host

    def ladder(self, incident: Incident) -> tuple[Rung, ...]:
        return self.ringing.escalation.ladder(incident)

    def note(self, record: Record) -> None:
        self.board.apply(record)
        self.log.append(record)

    def words(self, incident: Incident, round_: int) -> tuple[str, str]:
        return "Tombol darurat: Jl. Braga 10", f"{incident.id} {round_}"

    def trial_words(self, channel: str) -> tuple[str, str]:
        return f"UJI Saluran {channel}", "Uji berkala."

    def display(self, who: str) -> str:
        return who.replace("-", " ").capitalize()

    def answered(self, incident_id: str, who: str, answer: Answer, channel: str) -> None:
        if answer == "accept":
            self.act(incident_id, who)

    def paged(self, incident_id: str) -> None:
        self.news.append(incident_id)

    # What is looked at afterwards

    def pages(self, outcome: str | None = None, **wanted: object) -> list[PageEntry]:
        """Return what the log has of pages."""
        found = [each.entry for each in self.log if isinstance(each.entry, PageEntry)]
        return [
            each
            for each in found
            if outcome in (None, each.outcome) and all(getattr(each, key) == value for key, value in wanted.items())
        ]

    def reached(self, incident: Incident) -> list[tuple[int, float]]:
        """Return the steps of an incident with their times, in s after it was pressed."""
        found = [each.entry for each in self.log if isinstance(each.entry, EscalatedEntry)]
        return [
            (each.step, round((each.at_ns - each.unanswered_since_ns) / S, 2))
            for each in found
            if each.incident_id == incident.id
        ]

    def sent(self, channel: str) -> list[tuple[float, str | None]]:
        """Return what a channel was handed of incidents: when, to whom."""
        return [
            (round(each.at_s - 1_000, 2), each.page.who)
            for each in self.fakes[channel].sent
            if each.page.incident_id is not None
        ]


def answer(fake: Fake, page: Page, what: Answer) -> None:
    """Let somebody answer a page."""
    fake.tell(Report(page.id, "answered", what))


def modes_of(random: Random) -> list[Mode]:
    """Return what may come over a channel, the good more often than the bad."""
    return random.choices(
        ["works", "fails", "hangs", "deaf", "loses", "breaks", "gone"], [6, 3, 2, 1, 2, 1, 1], k=random.randrange(8)
    )
