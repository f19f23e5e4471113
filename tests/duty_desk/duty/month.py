"""A month of duty in virtual time: rosters that end, people who fall ill, screens and channels that fail, phones that
die silently, a desk that is killed. Held to: no minute in which a press would reach nobody without a fault having rung.

`python -m tests.duty_desk.duty.month DAYS SEED COUNT` plays so many and prints what came.
"""

from __future__ import annotations

import logging
import random
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from contract.identity import new_event_id
from duty_desk.access.people import Account
from duty_desk.duty.duty import SETTLE_NS, Duty
from duty_desk.duty.faults import GRAVE, Fault, FaultKind
from duty_desk.duty.past import SPAN_NS
from duty_desk.duty.roster import Change, Roster, Row, followed_by
from duty_desk.duty.roster_disk import RosterDisk, save_roster
from duty_desk.duty.settings import DutySettings
from duty_desk.incidents.entries import DutyEntry, PageEntry, PageOutcome
from duty_desk.incidents.records import Aside, Record
from tests.duty_desk.duty.rosters import JAKARTA, account, ns

S: Final = 10**9
MINUTE: Final = 60 * S
TICK_S: Final = 30
OFFICERS: Final = tuple(f"petugas-{number}" for number in range(1, 61))
SUPERVISORS: Final = tuple(f"pengawas-{number}" for number in range(1, 4))
BUTTONS: Final = 2_000
CHANNELS: Final = ("push", "sms")
SCREENS: Final = 3
SHIFTS: Final = (("Pagi", 7, 15), ("Siang", 15, 23), ("Malam", 23, 7))
CONFIRM_NS: Final = 10 * MINUTE
AHEAD_NS: Final = 12 * 60 * MINUTE
START: Final = date(2026, 11, 30)


@dataclass
class Told:
    """What a month came to."""

    ticks: int = 0
    presses: int = 0
    buttons: set[int] = field(default_factory=set)
    unreached_ticks: int = 0
    restarts: int = 0
    imports: int = 0
    faults: Counter[FaultKind] = field(default_factory=Counter)
    unheard: int = 0
    """Ticks in which a press would have reached nobody under a fault that nobody could have heard."""
    alone: int = 0
    """Ticks in which the screens rang by themselves, as they were cut off from the desk."""
    broken: list[str] = field(default_factory=list)
    """Ticks against a rule."""


class Month:
    """The world and the desk in it.

    Args:
        seed: Of everything that happens by chance.
        folder: For the roster's file.
        breaks: Called with each desk that is started, to break it on purpose.
    """

    def __init__(self, seed: int, folder: Path, breaks: Callable[[Duty], None] = lambda _duty: None) -> None:
        self.random = random.Random(seed)
        self.now_ns = ns(f"{START} 06:00")
        self.monotonic_ns = 0
        self.told = Told()
        self.accounts: dict[str, Account] = {
            **{name: account(name) for name in OFFICERS},
            **{name: account(name, "supervisor") for name in SUPERVISORS},
        }
        self.path = folder / "roster.csv"
        self.log: deque[Record] = deque()
        self.screens: dict[int, int] = dict.fromkeys(range(SCREENS), 0)
        """Until when each screen is dark."""
        self.providers: dict[str, int] = dict.fromkeys(CHANNELS, 0)
        self.phones: dict[str, int] = {}
        self.down_until_ns = 0
        self.cut_until_ns = 0
        self._dying: list[tuple[int, int, int]] = []
        self.started_ns = self.now_ns
        self._breaks = breaks
        self._lit: deque[int] = deque([SCREENS], maxlen=2)
        self._answers: list[tuple[int, str, str, str | None]] = []
        self._retests: dict[tuple[str, str], int] = {}
        self._heard: set[tuple[FaultKind, str]] = set()
        self._dark_ns = self._gone_ns = 0
        self._days = 0
        self._due_roster: list[tuple[int, Roster]] = []
        self._plan = self._make_roster(START)
        save_roster(self.path, self._plan)
        self._start()

    # The desk

    def _start(self) -> None:
        self.disk = RosterDisk(self.path, JAKARTA)
        self.disk.look()
        self.duty = Duty(
            self.disk,
            DutySettings(),
            now_ns=lambda: self.now_ns,
            monotonic_ns=lambda: self.monotonic_ns,
            note=self._note,
        )
        self.duty.accounts = self.accounts
        self.duty.consoles = lambda: self._lit[0]
        self.duty.ways = lambda who: () if who == "petugas-60" else CHANNELS
        self.duty.test = self._test
        self.duty.call = self._call
        self.duty.adopt(list(self.log))
        self._breaks(self.duty)
        self.started_ns = self.now_ns

    def _note(self, record: Record) -> None:
        self.log.append(record)
        while self.log and self.log[0].entry.at_ns < self.now_ns - SPAN_NS:
            self.log.popleft()
        if isinstance(record.entry, DutyEntry) and record.entry.what == "fault_began":
            kind = (record.entry.detail or "").partition(" ")[0]
            self.told.faults[kind] += 1  # type: ignore[index]
        self.duty.take(record)

    def _test(self, who: str) -> None:
        for channel in self.duty.ways(who) or ():
            self._send(who, channel, None)

    def _send(self, who: str, channel: str, incident_id: str | None) -> None:
        up = self.now_ns >= self.providers[channel]
        self._outcome(who, channel, "handed" if up else "failed", incident_id)
        if not up:
            self._retests[who, channel] = self.now_ns + 10 * MINUTE
        elif self.now_ns >= self.phones.get(who, 0) and self.random.random() < 0.9:
            after_ns = self.random.randrange(1, 8) * MINUTE
            self._answers.append((self.now_ns + after_ns, who, channel, incident_id))

    def _outcome(self, who: str, channel: str, outcome: PageOutcome, incident_id: str | None) -> None:
        aside = Aside.of(who)
        entry = PageEntry(
            at_ns=self.now_ns,
            page=new_event_id(),
            channel=channel,
            outcome=outcome,
            incident_id=incident_id,
            who=aside.hash,
        )
        self._note(Record(entry, {"who": aside}))

    def _call(self, fault: Fault) -> None:
        people = (*self.duty.officers(self.now_ns), *self.duty.supervisors(self.now_ns))
        for who in dict.fromkeys(people):
            for channel in self.duty.ways(who) or ():
                self._send(who, channel, None)
        if any(self.reached_by_phone(who) for who in people):
            self._heard.add((fault.kind, fault.who))

    # The truth

    def reached_by_phone(self, who: str) -> bool:
        """Return whether a page would come to somebody, whatever the desk believes."""
        ways = self.duty.ways(who) or ()
        return self.now_ns >= self.phones.get(who, 0) and any(self.now_ns >= self.providers[way] for way in ways)

    @property
    def lit(self) -> int:
        """Screens that would ring."""
        return 0 if self.cut else sum(self.now_ns >= until for until in self.screens.values())

    @property
    def cut(self) -> bool:
        """Whether the room is cut off; then its screens ring by themselves, as they do not hear the desk."""
        return self.now_ns < self.cut_until_ns

    # What happens

    def play(self, days: float) -> Told:
        """Let so many days pass."""
        for _ in range(round(days * 86_400 / TICK_S)):
            self.now_ns += TICK_S * S
            self.monotonic_ns += TICK_S * S
            self._happen()
            self._lit.append(self.lit)
            if self.now_ns < self.down_until_ns:
                continue
            if self.down_until_ns:
                self.down_until_ns = 0
                self.monotonic_ns = self.random.randrange(10**6) * S
                self.told.restarts += 1
                self._start()
            self._answer()
            self.duty.tick()
            self._judge()
        return self.told

    def _chance(self, per_day: float) -> bool:
        return self.random.random() < per_day * TICK_S / 86_400

    def _for(self, most_min: int) -> int:
        return self.now_ns + self.random.randrange(1, most_min) * MINUTE

    def _happen(self) -> None:
        for screen in self.screens:
            if self._chance(2):
                self.screens[screen] = self._for(240)
        if self._chance(0.4):
            # The room's power, for longer than the batteries last, which differ.
            until = self._for(240)
            lasts = self.random.sample(range(1, 30), SCREENS)
            self._dying = [(self.now_ns + lasts[screen] * MINUTE, screen, until) for screen in self.screens]
        for at_ns, screen, until in self._dying:
            if at_ns <= self.now_ns:
                self.screens[screen] = max(self.screens[screen], until)
        if self._chance(0.4):
            # The room's network: each screen finds that by itself within 8 s, and sounds.
            self.cut_until_ns = self._for(60)
        for channel in CHANNELS:
            if self._chance(0.5):
                self.providers[channel] = self._for(300)
        if self._chance(0.4):
            # The city's network, with everything that leaves the building.
            until = self._for(400)
            self.providers = {channel: max(until, was) for channel, was in self.providers.items()}
        if self._chance(12):
            self.phones[self.random.choice(OFFICERS + SUPERVISORS)] = self._for(600)
        if self._chance(0.2):
            name = self.random.choice(OFFICERS)
            self.accounts[name] = account(name, disabled=not self.accounts[name].disabled)
        if self._chance(3) and not self.down_until_ns:
            self.down_until_ns = self.now_ns + self.random.choice([1, 1, 5, 20]) * MINUTE
        if self._chance(70):
            self._press()
        self._keep_roster()

    def _press(self) -> None:
        self.told.presses += 1
        self.told.buttons.add(self.random.randrange(BUTTONS))
        incident_id = new_event_id()
        if self.now_ns >= self.down_until_ns:
            for who in self.duty.officers(self.now_ns):
                self._send(who, self.random.choice(CHANNELS), incident_id)

    def _answer(self) -> None:
        due = [each for each in self._answers if each[0] <= self.now_ns]
        self._answers = [each for each in self._answers if each[0] > self.now_ns]
        for _, who, channel, incident_id in due:
            self._outcome(who, channel, "answered", incident_id)
        for (who, channel), at_ns in list(self._retests.items()):
            if at_ns <= self.now_ns:
                del self._retests[who, channel]
                self._send(who, channel, None)

    # The roster: a week at a time, at times imported too late, or broken

    def _make_roster(self, monday: date) -> Roster:
        sunday = monday + timedelta(6)
        rows = []
        crowd = self.random.sample(OFFICERS, 30)
        for at, (name, begins, ends) in enumerate(SHIFTS):
            size = self.random.choice([1, 1, 2, 4])
            who = tuple(crowd[at * 5 : at * 5 + size])
            rows.append(Row(1, name, frozenset(range(7)), begins * 60, ends * 60, who, "officer", monday, sunday))
        if self.random.random() < 0.5:
            who = (self.random.choice(SUPERVISORS),)
            rows.append(Row(1, "Pengawas", frozenset(range(7)), 420, 420, who, "supervisor", monday, sunday))
        changes = []
        for _ in range(self.random.randrange(3)):
            row = self.random.choice(rows[:3])
            day = monday + timedelta(self.random.randrange(7))
            by = self.random.choice([None, self.random.choice(crowd[20:])])
            changes.append(Change(1, "sick", row.who[0], day, day, row.shift, by))
        return Roster(rows, changes, JAKARTA)

    def _keep_roster(self) -> None:
        days = (self.now_ns - ns(f"{START} 06:00")) // (86_400 * S)
        if days > self._days:
            self._days = days
            if days % 7 == 5:
                late_min = self.random.choice([0, 0, 0, 60, 3_000, 4_000])
                roster = self._make_roster(START + timedelta(days - 5 + 7))
                self._due_roster.append((self.now_ns + late_min * MINUTE, roster))
        if self._due_roster and self._due_roster[0][0] <= self.now_ns:
            _, new = self._due_roster.pop(0)
            self._plan = followed_by(self._plan, new, new.day_of(self.now_ns))
            save_roster(self.path, self._plan)
            self.told.imports += 1
        elif self._chance(0.3):
            self.path.write_text("jenis;shift\nrusak")
        elif self._chance(20) and self.path.stat().st_size < 30:
            save_roster(self.path, self._plan)
        if self.now_ns // MINUTE % 2 == 0:
            self.disk.look()

    # The rules

    def _judge(self) -> None:
        told = self.told
        told.ticks += 1
        standing = self.duty.shifts.faults.standing
        self._heard &= standing.keys()
        if self.lit or self.cut:
            self._heard |= standing.keys()
        officers = self.duty.officers(self.now_ns)
        people = (*officers, *self.duty.supervisors(self.now_ns))
        up_ns = self.now_ns - self.started_ns
        if self.disk.roster is None:
            self._dark_ns = self._gone_ns = self.now_ns
            return
        if not self.lit and not any(self.reached_by_phone(who) for who in people):
            told.unreached_ticks += 1
            grave = {key for key in standing if key[0] in GRAVE}
            alone = self.cut and any(self.now_ns >= until for until in self.screens.values())
            if alone:
                told.alone += 1
            elif not grave and up_ns > MINUTE:
                self._break("a press would reach nobody, and no fault rang")
            elif not grave & self._heard and up_ns > MINUTE:
                told.unheard += 1
        if self.lit >= 2:
            self._dark_ns = self.now_ns
        elif self.now_ns - self._dark_ns > 2 * MINUTE and up_ns > 2 * MINUTE and ("consoles", "") not in standing:
            self._break("fewer than two screens for two minutes, and no fault")
        if officers:
            self._gone_ns = self.now_ns
        elif up_ns > MINUTE and ("nobody", "") not in standing:
            self._break("nobody on duty, and no fault")
        self._judge_people(people, up_ns)

    def _judge_people(self, people: tuple[str, ...], up_ns: int) -> None:
        shifts, standing = self.duty.shifts, self.duty.shifts.faults.standing
        roster = self.duty.roster
        assert roster is not None
        on = {turn.who: turn for turn in roster.at(self.now_ns)}
        for who in people:
            turn = on.get(who)
            if turn is None or up_ns <= MINUTE:
                continue
            late = self.now_ns - max(turn.begin_ns, shifts.began.get(who, self.now_ns)) > CONFIRM_NS + MINUTE
            if late and not shifts.is_confirmed(who) and ("unconfirmed", who) not in standing:
                self._break(f"{who} has not confirmed, and no fault")
            if late and who == "petugas-60" and ("channel", who) not in standing:
                self._break(f"{who} has no channel, and no fault")

    def _break(self, what: str) -> None:
        if len(self.told.broken) < 20:
            local = self.duty.shifts.faults.standing.keys()
            self.told.broken.append(f"{self.now_ns // S}: {what}; standing: {sorted(local)}")


def play(days: float, seed: int, breaks: Callable[[Duty], None] = lambda _duty: None) -> Told:
    """Return what a number of days came to."""
    with tempfile.TemporaryDirectory(prefix="siaga-month-") as folder:
        return Month(seed, Path(folder), breaks).play(days)


assert SETTLE_NS < MINUTE

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    days, first, count = (int(each) for each in [*sys.argv[1:], *("30", "1", "1")[len(sys.argv) - 1 :]])
    bad = 0
    for seed in range(first, first + count):
        told = play(days, seed)
        bad += bool(told.broken)
        faults = ", ".join(f"{kind} {number}" for kind, number in sorted(told.faults.items()))
        print(
            f"seed {seed}: {told.ticks} looks, {told.presses} presses from {len(told.buttons)} of {BUTTONS} buttons, "
            f"{told.restarts} restarts, {told.imports} imports; a press would have reached nobody in "
            f"{told.unreached_ticks} looks, in {told.alone} of them the screens rang by themselves, in {told.unheard} "
            f"nobody could hear the fault; faults: {faults}; against the rules: {len(told.broken)}",
            flush=True,
        )
        print("\n".join(told.broken), end="")
    sys.exit(bool(bad))
