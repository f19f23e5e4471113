"""Sends the pages: each attempt in a task of its own, so that a slow channel delays no other.

Rules:
- What is sent is decided by `attempts.py`, how long is waited for it by SEND_S: what has no answer by then has failed,
  and is left behind if it does not even end.
- Right before a page is sent it is looked whether the incident is still unanswered. A page whose outcome is not in the
  ledger when the desk dies is sent again: better twice than never.
- Each outcome is written down. What comes back later (it arrived, somebody answered) is written down too, and an answer
  is an act of that person.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Protocol

from contract.identity import new_event_id
from duty_desk.channels.attempts import Attempt, Attempts, Crew, Line, outlook
from duty_desk.channels.channel import SEND_S, Answer, Channel, Page, Report
from duty_desk.channels.hands import Gone, Hands
from duty_desk.channels.schedule import Fault, Schedule, Tested
from duty_desk.channels.sent import Sent, SentPages
from duty_desk.duty.on_duty import OnDuty
from duty_desk.errors import UnknownIncidentError
from duty_desk.incidents.board import Board
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import PageEntry, PageOutcome
from duty_desk.incidents.escalation import Outlook, Rung
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.making import page_record
from duty_desk.incidents.records import Record

MAX_TRIALS: Final = 4
"""Tests of one channel at once."""
EXPIRES_NS: Final = 600 * 10**9
"""A page about an incident that is older than this says nothing that is still true."""

_log = logging.getLogger("siaga.desk.pager")


class Host(Protocol):
    """What the pager needs of the desk."""

    @property
    def board(self) -> Board:
        """All incidents, as they are now."""

    def ladder(self, incident: Incident) -> tuple[Rung, ...]:
        """Return the steps of an incident."""

    def note(self, record: Record) -> None:
        """Write down, and let the board know."""

    def words(self, incident: Incident, round_: int) -> tuple[str, str]:
        """Return title and text of a page."""

    def trial_words(self, channel: str) -> tuple[str, str]:
        """Return title and text of a channel's test."""

    def display(self, who: str) -> str:
        """Return the name of an account as people see it."""

    def answered(self, incident_id: str, who: str, answer: Answer, channel: str) -> None:
        """Let somebody accept by a page; that they cannot come is known to the board by its record."""

    def paged(self, incident_id: str) -> None:
        """Take note that pages of an incident have news."""


class Pager:
    """The channels, and all pages on their way.

    Args:
        channels: Those that are set up, in the order in which pages show them.
        on_duty: Whom a step means.
        host: The desk.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
        send_s: What an attempt may take.
        on_fault: Hears of what the pager did not foresee.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        on_duty: OnDuty,
        host: Host,
        *,
        now_ns: Now,
        monotonic_ns: Callable[[], int],
        send_s: float = SEND_S,
        on_fault: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        self.channels = {channel.name: channel for channel in channels}
        self.on_duty = on_duty
        self.attempts = Attempts(host.ladder)
        self.schedule = Schedule(monotonic_ns())
        self.confirmed: Callable[[str, str], None] = lambda _channel, _who: None
        """Called with channel and account when somebody answered a test."""
        self._host = host
        self._on_fault = on_fault
        self._told_fault = ""
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._flying: dict[Attempt, asyncio.Task[None]] = {}
        self._trials: dict[Tested, asyncio.Task[Gone]] = {}
        self._hands = Hands(monotonic_ns, send_s)
        self._sent = SentPages()
        self.crew = Crew({}, {})

    # What the desk asks and tells

    def outlook(self, incident: Incident, rung: Rung) -> Outlook:
        """Return what the pages of a step may still do."""
        with self._aside():
            return outlook(incident, rung, self.crew)
        return "nobody"

    def look(self, incidents: Iterable[Incident]) -> None:
        """Begin to send what is due for these: they have just reached a step."""
        with self._aside():
            self._look(incidents)

    def tick(self) -> None:
        """Let time pass, several times a second."""
        with self._aside():
            active = self._host.board.active()
            self.attempts.forget(active)
            unanswered = [incident for incident in active if incident.unanswered]
            self._refresh()
            if unanswered:
                self._look(unanswered)
            else:
                self._try_channels()

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep a fault of the pager to the pager: presses ring and steps come whatever happens here."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as above: what was not foreseen here must not silence a screen
            if self._told_fault != repr(error):
                _log.exception("the pager failed")
            self._told_fault = repr(error)
            self._on_fault(error)

    def _look(self, incidents: Iterable[Incident]) -> None:
        room = {name: self._hands.room(name) for name in self.channels}
        due = self.attempts.due(
            incidents, self.crew, room, self._flying, wall_ns=self._now_ns(), monotonic_ns=self._monotonic_ns()
        )
        for attempt in due:
            if attempt.skip is not None:
                self._note(attempt.channel, attempt.who, attempt, new_event_id(), "skipped", detail=attempt.skip)
            else:
                self._hands.take(attempt.channel)
                name = f"desk-page-{attempt.channel}"
                self._flying[attempt] = asyncio.create_task(self._send(attempt), name=name)

    def refresh(self) -> None:
        """Look who is on duty now, and by what they are reached."""
        with self._aside():
            self._refresh()

    def _refresh(self) -> None:
        now_ns = self._now_ns()
        officers, supervisors = self.on_duty.officers(now_ns), self.on_duty.supervisors(now_ns)
        everyone = self.on_duty.everyone()
        people = dict.fromkeys((*officers, *supervisors, *everyone))
        lines = {
            name: Line(
                name,
                channel.personal,
                frozenset(who for who in people if channel.reaches(who)) if channel.personal else frozenset(),
                self.schedule.down(name),
            )
            for name, channel in self.channels.items()
        }
        crew = Crew({"officer": officers, "supervisor": supervisors, "everyone": everyone}, lines)
        if crew != self.crew:
            self.crew = crew

    def remember(self, records: Iterable[Record]) -> None:
        """Take over what the ledger tells of the latest tests, in order."""
        for record in records:
            entry = record.entry
            if isinstance(entry, PageEntry) and entry.channel in self.channels:
                who = record.text("who")
                if entry.outcome in ("handed", "failed") and (entry.who is None) == (who is None):
                    fault = (entry.detail or "failed") if entry.outcome == "failed" else None
                    self.schedule.tried(entry.channel, who, entry.at_ns, fault)

    def tell(self, channel: str) -> Callable[[Report], None]:
        """Return what a channel calls with what came back."""
        return partial(self._hear, channel)

    def faults(self) -> dict[str, Fault]:
        """Return each channel in use that cannot be counted on, and why."""
        return {name: fault for name in self.channels if (fault := self.fault(name)) not in (None, "unused")}

    def fault(self, channel: str) -> Fault | None:
        """Return what is wrong with a channel, None when it can be counted on."""
        return self.schedule.fault(channel, self._reached(channel), self.people_on_duty(), self._now_ns())

    def ways(self, who: str) -> tuple[str, ...] | None:
        """Return the channels that have an address of an account; None where none goes to people."""
        personal = [channel for channel in self.channels.values() if channel.personal]
        return tuple(channel.name for channel in personal if channel.reaches(who)) if personal else None

    def test(self, who: str) -> None:
        """Test all channels of somebody now, beside what the schedule does."""
        for channel in self.ways(who) or ():
            self._begin_trial((channel, who))

    async def try_now(self, channel: str, who: str | None) -> Gone | None:
        """Test a channel now and return how that went; None when it has no place for a test."""
        tested = (channel, who)
        self._begin_trial(tested)
        task = self._trials.get(tested)
        return None if task is None else await asyncio.shield(task)

    def people_on_duty(self) -> tuple[str, ...]:
        """Return the officers and supervisors on duty, each once."""
        return tuple(dict.fromkeys((*self.crew.people.get("officer", ()), *self.crew.people.get("supervisor", ()))))

    def sending(self, incident_id: str) -> list[Attempt]:
        """Return the pages of an incident that are being sent."""
        return [attempt for attempt in self._flying if attempt.incident_id == incident_id]

    async def close(self) -> None:
        """End all tasks; what they were sending may arrive or not."""
        tasks = [*self._flying.values(), *self._trials.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Sending

    async def _send(self, attempt: Attempt) -> None:
        try:
            incident = self._unanswered(attempt)
            if incident is None:
                self._hands.give_back(attempt.channel)
                return
            try:
                page = self._page(incident, attempt)
            except Exception as error:  # noqa: BLE001 - words that cannot be made must not be tried for ever, nor stop others
                _log.exception("no page could be made of incident %s", incident.id)
                self._hands.give_back(attempt.channel)
                self._note(attempt.channel, attempt.who, attempt, new_event_id(), "failed", detail=type(error).__name__)
                return
            self._sent.keep(page.id, Sent(attempt.channel, attempt.who, attempt))
            await self._hand(page, attempt.channel, attempt)
        finally:
            self._flying.pop(attempt, None)

    async def _try(self, tested: Tested) -> Gone:
        channel, who = tested
        title, text = self._host.trial_words(channel)
        page = Page(
            id=new_event_id(),
            who=who,
            display="" if who is None else self._host.display(who),
            status="Test",
            title=title,
            text=text,
            incident_id=None,
            path="/",
            expires_ns=self._now_ns() + EXPIRES_NS,
        )
        try:
            self._sent.keep(page.id, Sent(channel, who, None))
            return await self._hand(page, channel, None)
        finally:
            self._trials.pop(tested, None)

    async def _hand(self, page: Page, channel: str, attempt: Attempt | None) -> Gone:
        """Hand a page over, and write down how that went."""
        gone = await self._hands.hand(page, self.channels[channel])
        fault = (gone.detail or "failed") if gone.outcome == "failed" else None
        self.schedule.tried(channel, page.who, self._now_ns(), fault, theirs=gone.theirs)
        self._note(channel, page.who, attempt, page.id, gone.outcome, took_ms=gone.took_ms, detail=gone.detail)
        return gone

    def _unanswered(self, attempt: Attempt) -> Incident | None:
        """Return the incident of an attempt; None once it was answered, or the person said that they cannot come."""
        with contextlib.suppress(UnknownIncidentError):
            incident = self._host.board.find(attempt.incident_id)
            gone = incident.unanswered_since_ns != attempt.since_ns or attempt.who in incident.declined
            return None if gone else incident
        return None

    def _page(self, incident: Incident, attempt: Attempt) -> Page:
        title, text = self._host.words(incident, attempt.round)
        return Page(
            id=new_event_id(),
            who=attempt.who,
            display="" if attempt.who is None else self._host.display(attempt.who),
            status=incident.status,
            title=title,
            text=text,
            incident_id=incident.id,
            path=f"/?incident={incident.id}",
            expires_ns=self._now_ns() + EXPIRES_NS,
        )

    def _try_channels(self) -> None:
        channels = {name: self._reached(name) for name in self.channels}
        due = self.schedule.due(
            channels, self.people_on_duty(), wall_ns=self._now_ns(), monotonic_ns=self._monotonic_ns()
        )
        for tested in due:
            if sum(channel == tested[0] for channel, _ in self._trials) < MAX_TRIALS:
                self._begin_trial(tested)

    def _begin_trial(self, tested: Tested) -> None:
        if tested not in self._trials and self._hands.room(tested[0]) > 0:
            self._hands.take(tested[0])
            self._trials[tested] = asyncio.create_task(self._try(tested), name=f"desk-try-{tested[0]}")

    def _reached(self, channel: str) -> frozenset[str] | None:
        line = self.crew.lines.get(channel)
        return line.reached if line is not None and line.personal else None

    # What comes back

    def _hear(self, channel: str, report: Report) -> None:
        """Take what came back of a page; the same again changes nothing."""
        sent = self._sent.find(channel, report.page, self._host.board.active())
        if sent is None:
            _log.info("%s: a report of a page that is not known", channel)
            return
        if not sent.takes(report):
            return
        at_ns = self._now_ns()
        if sent.attempt is None and report.outcome == "answered" and sent.who is not None:
            self.schedule.confirmed(channel, sent.who, at_ns)
            self.confirmed(channel, sent.who)
        if report.outcome == "failed":
            self.schedule.tried(channel, sent.who, at_ns, report.detail or "failed", theirs=True)
        detail = report.answer if report.outcome == "answered" else report.detail
        self._note(channel, sent.who, sent.attempt, report.page, report.outcome, detail=detail)
        if sent.attempt is not None and sent.who is not None and report.answer is not None:
            self._host.answered(sent.attempt.incident_id, sent.who, report.answer, channel)

    def _note(
        self,
        channel: str,
        who: str | None,
        attempt: Attempt | None,
        page: str,
        outcome: PageOutcome,
        *,
        took_ms: int | None = None,
        detail: str | None = None,
    ) -> None:
        entry = PageEntry(
            at_ns=self._now_ns(),
            at_clock=self._host.board.clock,
            page=page,
            channel=channel,
            outcome=outcome,
            took_ms=took_ms,
            detail=None if detail is None else detail[:120],
        )
        if attempt is not None:
            entry = entry.model_copy(
                update={
                    "incident_id": attempt.incident_id,
                    "step": attempt.step,
                    "round": attempt.round,
                    "unanswered_since_ns": attempt.since_ns,
                }
            )
        self._host.note(page_record(entry, who))
        if attempt is not None:
            self._host.paged(attempt.incident_id)
