"""Duty at the desk: roster, shifts, faults and fatigue brought together, once a second. It is the desk's OnDuty.

Without a roster everybody who may accept counts as on duty, and of the faults only that of the screens can come, where
`[duty] consoles` asks for some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from contract.time_quality import ClockSource
from duty_desk.access.people import Account
from duty_desk.duty.fatigue import Fatigue
from duty_desk.duty.faults import GRAVE, Fault
from duty_desk.duty.reach import CONSOLE
from duty_desk.duty.records import duty_record
from duty_desk.duty.roster import Part, Roster
from duty_desk.duty.roster_disk import RosterDisk
from duty_desk.duty.settings import DutySettings
from duty_desk.duty.shifts import Happened, Limits, Seen, Shifts, Ways, enabled
from duty_desk.errors import NotOnDutyError
from duty_desk.incidents.clock import Now
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.records import Record

SETTLE_NS: Final = 30 * 10**9
"""After the desk's start screens need a moment to come back; until then nothing is said of their number."""


class Duty:
    """Who is on duty, and whether a press would reach them.

    Args:
        disk: The roster.
        settings: What is asked.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
        note: Takes what is to be recorded, and hands it back to `take`.
    """

    def __init__(
        self,
        disk: RosterDisk,
        settings: DutySettings,
        *,
        now_ns: Now,
        monotonic_ns: Callable[[], int],
        note: Callable[[Record], None],
    ) -> None:
        limits = Limits(settings.consoles, round(settings.confirm_min * 60e9), round(settings.ahead_h * 3_600e9))
        self.shifts = Shifts(limits)
        self.zone = settings.zone
        """The city's."""
        self.fatigue = Fatigue(settings.zone)
        self.accounts: Mapping[str, Account] = {}
        self.consoles: Callable[[], int] = lambda: 0
        self.ways: Ways = lambda _who: None
        self.test: Callable[[str], None] = lambda _who: None
        self.call: Callable[[Fault], None] = lambda _fault: None
        self.clock: Callable[[], ClockSource] = lambda: "none"
        self.loaded = False
        """Whether the past is known; before that nothing begins that may have begun before."""
        self._disk = disk
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._began_ns = monotonic_ns()
        self._note = note

    @property
    def roster(self) -> Roster | None:
        """The roster in force."""
        return self._disk.roster

    @property
    def settled(self) -> bool:
        """Whether the desk has run for long enough to say what is missing."""
        return self._monotonic_ns() - self._began_ns >= SETTLE_NS

    # What happens

    def adopt(self, past: Iterable[Record]) -> None:
        """Take over what the ledger tells of the last days. What happened since the start stands on top of it."""
        began, self.shifts = self.shifts, Shifts(self.shifts.limits)
        for record in past:
            self.take(record)
        for who, at_ns in began.confirmed.items():
            self.shifts.confirmed[who] = at_ns
        self.loaded = True

    def take(self, record: Record) -> None:
        """Take a record of duty or of a page; others say nothing."""
        self.shifts.take(record)
        self.fatigue.take(record)

    def tick(self) -> Happened:
        """Let time pass; return what happened. Past and accounts are waited for as long as for the screens."""
        if not (self.settled or (self.loaded and self.accounts)):
            return Happened()
        happened = self.shifts.tick(self.seen(), now_ns=self._now_ns(), monotonic_ns=self._monotonic_ns())
        for record in happened.records:
            self._record(record)
        for who in happened.tests:
            self.test(who)
        for fault in happened.began:
            self.call(fault)
        return happened

    def seen(self) -> Seen:
        """Return what is there now."""
        consoles = self.consoles() if self.settled else None
        return Seen(self._disk.roster, self._disk.fault, self.accounts, self.ways, consoles)

    def confirm(self, login: str, name: str, channel: str, screen: str) -> None:
        """Write down that somebody said that a channel reached them, or that they are there (`console`).

        Raises:
            NotOnDutyError: They are not on duty, nor within the hour.
        """
        self._check(login)
        known = (*(self.ways(login) or ()), CONSOLE)
        detail = channel if channel in known else CONSOLE
        self._record(self._made("channel_confirmed", login, name, screen, detail=detail))

    def take_over(self, login: str, name: str, incident_ids: Iterable[str], screen: str) -> None:
        """Write down that somebody took over incidents by name, and so confirmed their shift.

        Raises:
            NotOnDutyError: They are not on duty, nor within the hour.
        """
        self.confirm(login, name, CONSOLE, screen)
        for incident_id in incident_ids:
            self._record(self._made("incident_taken", login, name, screen, incident_id=incident_id))

    def saw(self) -> int:
        """Let the faults that ring be quiet; return how many that were."""
        return self.shifts.faults.seen(self._now_ns())

    def untaken(self, incidents: Iterable[Incident]) -> list[Incident]:
        """Return the incidents that nobody who is on duty has taken over."""
        return self.shifts.untaken(self.seen(), incidents, self._now_ns())

    def _check(self, login: str) -> None:
        if not self.shifts.may_take(self.seen(), login, self._now_ns()):
            raise NotOnDutyError(login)

    def _made(
        self,
        what: Any,
        login: str,
        name: str,
        screen: str,
        *,
        incident_id: str | None = None,
        detail: str | None = None,
    ) -> Record:
        return duty_record(
            what,
            at_ns=self._now_ns(),
            at_clock=self.clock(),
            who=name,
            subject=login,
            screen=screen,
            incident_id=incident_id,
            detail=detail,
        )

    def _record(self, record: Record) -> None:
        self._note(record)

    # OnDuty

    def officers(self, now_ns: int) -> tuple[str, ...]:
        """Return the officers on duty at a moment; without a roster all there are."""
        if self.roster is None:
            return self._of_role("officer")
        return self._on(now_ns, "officer")

    def supervisors(self, now_ns: int) -> tuple[str, ...]:
        """Return the supervisors on duty at a moment; all there are, where the roster names none for it."""
        return (() if self.roster is None else self._on(now_ns, "supervisor")) or self._of_role("supervisor")

    def everyone(self) -> tuple[str, ...]:
        """Return everybody who may accept."""
        return self._of_role("officer") + self._of_role("supervisor")

    def _on(self, now_ns: int, part: Part) -> tuple[str, ...]:
        assert self.roster is not None
        turns = enabled(self.roster.at(now_ns), self.accounts)
        return tuple(dict.fromkeys(turn.who for turn in turns if turn.part == part))

    def _of_role(self, role: Part) -> tuple[str, ...]:
        return tuple(name for name, each in self.accounts.items() if each.role == role and not each.disabled)

    # What pages show

    def beat(self) -> dict[str, Any]:
        """Return the faults that stand, for every page; names as people see them."""
        now_ns = self._now_ns()
        faults = sorted(
            self.shifts.faults.standing.values(), key=lambda fault: (fault.kind not in GRAVE, fault.since_ns)
        )
        return {
            "rings": self.shifts.faults.ring(now_ns),
            "faults": [
                {
                    "kind": fault.kind,
                    "who": self.display(fault.who),
                    "detail": fault.detail,
                    "since_ms": fault.since_ns // 1_000_000,
                    "rings": fault.rings(now_ns),
                }
                for fault in faults
            ],
        }

    def display(self, who: str) -> str:
        """Return the name of an account as people see it."""
        account = self.accounts.get(who)
        return who if account is None else account.display
