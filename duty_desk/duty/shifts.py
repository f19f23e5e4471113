"""Shifts: who came on duty, whose channels are confirmed, who took over what, and what is wrong with it. Pure.

Rules:
- A turn begins with the first tick in it: the ledger gets `shift_began`, and the person's channels are tested. It ends
  with the first tick after it.
- It is confirmed by an answer to a page, or a click, from EARLY_NS before its begin on.
- Each incident that was open when a shift changed is taken over by name, by somebody who is on duty now: by a click, or
  by accepting it. Who stays on duty keeps what is theirs.
- All of it is rebuilt from the ledger: `take` is the same for what happens now and for what it tells after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from duty_desk.access.people import Account
from duty_desk.duty.faults import KINDS, Fault, FaultKind, Faults, Key
from duty_desk.duty.reach import Reach
from duty_desk.duty.records import duty_record
from duty_desk.duty.roster import Roster, Turn
from duty_desk.incidents.entries import DutyEntry, DutyWhat, PageEntry
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.records import Record

EARLY_NS: Final = 60 * 60 * 10**9
"""So long before a turn somebody may confirm it and take over."""
MAX_TAKEN: Final = 5_000
"""Incidents that were taken over, remembered; the latest."""
_MINUTE_NS: Final = 60 * 10**9
_NEVER: Final = 2**63

Ways = Callable[[str], tuple[str, ...] | None]
"""The channels that have an address of an account; None where the desk has no channel that goes to people."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there at a moment. `consoles` is how many screens can ring, None while that is not known yet."""

    roster: Roster | None
    roster_fault: str | None
    accounts: Mapping[str, Account]
    ways: Ways
    consoles: int | None


@dataclass(slots=True)
class Happened:
    """What a tick brought: what is to be recorded, whose channels are to be tested, which faults are new."""

    records: list[Record] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    began: list[Fault] = field(default_factory=list)
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked: screens that can ring (None: 2 where there is a roster, else 0), and two times in ns."""

    consoles: int | None = None
    confirm_ns: int = 10 * _MINUTE_NS
    ahead_ns: int = 12 * 60 * _MINUTE_NS

    def needed(self, roster: Roster | None) -> int:
        """Return how many screens must be able to ring."""
        if self.consoles is not None:
            return self.consoles
        return 0 if roster is None else 2


class Shifts:
    """The shifts.

    Args:
        limits: What is asked.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.faults = Faults()
        self.reach = Reach()
        self.began: dict[str, int] = {}
        """Since when, by the tick that saw it, who is on duty is."""
        self.confirmed: dict[str, int] = {}
        self.taken: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._gap: tuple[int, Roster | None, str | None] = (-1, None, None)

    def take(self, record: Record) -> None:
        """Take a record: of duty, or of a page."""
        self.reach.take(record)
        entry = record.entry
        if isinstance(entry, PageEntry) and entry.outcome == "answered":
            who = record.text("who")
            if who is not None:
                self.confirmed[who] = entry.at_ns
        if not isinstance(entry, DutyEntry):
            return
        who = record.text("subject") or ""
        match entry.what:
            case "shift_began":
                self.began[who] = entry.at_ns
            case "shift_ended":
                self.began.pop(who, None)
            case "channel_confirmed":
                self.confirmed[who] = entry.at_ns
            case "incident_taken" if entry.incident_id is not None:
                self._took(entry.incident_id, who, entry.at_ns)
            case "fault_began" | "fault_ended":
                self._replay_fault(entry, who)

    def _replay_fault(self, entry: DutyEntry, who: str) -> None:
        name, _, detail = (entry.detail or "").partition(" ")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None:
            return
        if entry.what == "fault_ended":
            self.faults.over(kind, who)
        else:
            self.faults.adopt(kind, who, entry.at_ns, detail)

    # Once a second

    def tick(self, seen: Seen, *, now_ns: int, monotonic_ns: int) -> Happened:
        """Let time pass; return what is to be done."""
        happened = Happened()
        on = self.on_duty(seen, now_ns)
        self._begin_and_end(on, now_ns, happened)
        unknown: frozenset[FaultKind] = frozenset({"consoles"}) if seen.consoles is None else frozenset()
        began, ended = self.faults.settle(
            self._wrong(seen, on, now_ns), now_ns=now_ns, monotonic_ns=monotonic_ns, unknown=unknown
        )
        happened.began = began
        for fault in began:
            happened.records.append(_fault_record(fault, now_ns, began=True))
        for fault in ended:
            happened.records.append(_fault_record(fault, now_ns, began=False))
        happened.changed = bool(happened.records)
        return happened

    def on_duty(self, seen: Seen, now_ns: int) -> tuple[Turn, ...]:
        """Return the turns that are under way, of people who may log in."""
        return () if seen.roster is None else tuple(enabled(seen.roster.at(now_ns), seen.accounts))

    def _begin_and_end(self, on: tuple[Turn, ...], now_ns: int, happened: Happened) -> None:
        people: dict[str, Turn] = {}
        for turn in on:
            people.setdefault(turn.who, turn)
        for who in [who for who in self.began if who not in people]:
            del self.began[who]
            happened.records.append(duty_record("shift_ended", at_ns=now_ns, subject=who))
        for who, turn in people.items():
            if self.began.get(who, -1) < turn.begin_ns:
                self.began[who] = now_ns
                happened.records.append(duty_record("shift_began", at_ns=now_ns, subject=who, detail=turn.shift))
                happened.tests.append(who)

    def _wrong(self, seen: Seen, on: tuple[Turn, ...], now_ns: int) -> dict[Key, str]:
        found: dict[Key, str] = {}
        if seen.roster_fault is not None:
            found["roster", ""] = seen.roster_fault
        needed = self.limits.needed(seen.roster)
        if seen.consoles is not None and seen.consoles < needed:
            found["consoles", ""] = f"{seen.consoles}/{needed}"
        if seen.roster is None:
            return found
        if not any(turn.part == "officer" for turn in on):
            found["nobody", ""] = ""
        else:
            gap = self._gap_ahead(seen, now_ns)
            if gap is not None:
                found["gap", ""] = gap
        for turn in on:
            found |= self._wrong_of(turn.who, seen.ways(turn.who), now_ns)
        return found

    def _wrong_of(self, who: str, ways: tuple[str, ...] | None, now_ns: int) -> dict[Key, str]:
        late = now_ns - self.began[who] >= self.limits.confirm_ns
        found: dict[Key, str] = {}
        if late and not self.is_confirmed(who):
            found["unconfirmed", who] = ""
        if ways is not None:
            works = self.reach.works(who, ways, self.began[who] - EARLY_NS)
            if works is False or (works is None and late):
                found["channel", who] = ",".join(ways)
        return found

    def is_confirmed(self, who: str) -> bool:
        """Return whether somebody on duty has confirmed it."""
        return self.confirmed.get(who, 0) >= self.began.get(who, _NEVER) - EARLY_NS

    def _gap_ahead(self, seen: Seen, now_ns: int) -> str | None:
        """Return when the next time without an officer begins, by the local clock; looked for once a minute."""
        assert seen.roster is not None
        minute = now_ns // _MINUTE_NS
        if self._gap[:2] != (minute, seen.roster):
            known = frozenset(name for name, account in seen.accounts.items() if not account.disabled)
            gaps = seen.roster.gaps(now_ns, now_ns + self.limits.ahead_ns, known=known)
            begin = None
            if gaps:
                local = datetime.fromtimestamp(gaps[0].begin_ns // 10**9, seen.roster.zone)
                begin = local.strftime("%Y-%m-%d %H:%M")
            self._gap = (minute, seen.roster, begin)
        return self._gap[2]

    # Hand-over

    def untaken(self, seen: Seen, incidents: Iterable[Incident], now_ns: int) -> list[Incident]:
        """Return the incidents from before the last change of shift that nobody on duty has taken over."""
        on = [turn for turn in self.on_duty(seen, now_ns) if turn.part == "officer"]
        change_ns = self._changed_ns(seen, on)
        if change_ns is None:
            return []
        people = {turn.who for turn in on}
        found = []
        for incident in incidents:
            who, at_ns = self.taken.get(incident.id, ("", 0))
            mine = who in people and at_ns >= change_ns - EARLY_NS
            accepted = incident.accepted_at_ns is not None and incident.accepted_at_ns >= change_ns
            if incident.active and incident.opened_at_ns < change_ns and not mine and not accepted:
                found.append(incident)
        return found

    def _changed_ns(self, seen: Seen, on: Iterable[Turn]) -> int | None:
        """Return when the last who is on duty now came, unless they were on duty before."""
        assert seen.roster is not None or not on
        fresh = [
            turn.begin_ns
            for turn in on
            if seen.roster is not None and turn.who not in {each.who for each in seen.roster.at(turn.begin_ns - 1)}
        ]
        return max(fresh, default=None)

    def may_take(self, seen: Seen, who: str, now_ns: int) -> bool:
        """Return whether somebody is on duty, or will be soon."""
        if seen.roster is None:
            return False
        soon = (*seen.roster.at(now_ns), *seen.roster.at(now_ns + EARLY_NS))
        return any(turn.who == who for turn in soon)

    def _took(self, incident_id: str, who: str, at_ns: int) -> None:
        self.taken[incident_id] = (who, at_ns)
        self.taken.move_to_end(incident_id)
        while len(self.taken) > MAX_TAKEN:
            self.taken.popitem(last=False)


def enabled(turns: Iterable[Turn], accounts: Mapping[str, Account]) -> list[Turn]:
    """Return the turns of people who may log in."""
    return [turn for turn in turns if (found := accounts.get(turn.who)) is not None and not found.disabled]


def _fault_record(fault: Fault, now_ns: int, *, began: bool) -> Record:
    what: DutyWhat = "fault_began" if began else "fault_ended"
    detail = f"{fault.kind} {fault.detail}".strip()
    return duty_record(what, at_ns=now_ns, subject=fault.who or None, detail=detail)
