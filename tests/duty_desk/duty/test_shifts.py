"""Shifts, faults, what is known of channels, and who was woken: each rule by itself, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.identity import new_event_id
from duty_desk.duty.duty import SETTLE_NS, Duty
from duty_desk.duty.fatigue import Fatigue
from duty_desk.duty.faults import QUIET_NS, Faults
from duty_desk.duty.records import duty_record
from duty_desk.duty.roster_disk import RosterDisk
from duty_desk.duty.settings import DutySettings
from duty_desk.errors import NotOnDutyError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import DutyEntry, PageEntry, PageOutcome
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Aside, Record
from tests.duty_desk.duty.rosters import ACCOUNTS, JAKARTA, WEEK, account, ns

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


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Night]:
    return lambda text=WEEK, **more: Night(tmp_path, text, **more)


def test_at_the_start_of_a_shift_each_who_comes_is_tested_once_and_written_down(night: Night) -> None:
    night.until("2026-12-01 07:30")
    assert night.told("shift_began", "shift_ended") == [
        ("shift_began", "pengawas-1"),
        ("shift_began", "petugas-4"),
        ("shift_ended", "petugas-4"),
        ("shift_began", "petugas-1"),
        ("shift_began", "petugas-2"),
        ("shift_began", "pengawas-1"),
    ]
    assert night.tested == ["pengawas-1", "petugas-4", "petugas-1", "petugas-2", "pengawas-1"]


def test_a_restart_begins_no_shift_again_and_knows_who_confirmed(night: Night) -> None:
    night.until("2026-12-01 07:02")
    night.answer("petugas-1")
    before = night.told("shift_began", "shift_ended")
    night.restart()
    night.until("2026-12-01 07:09")
    assert night.told("shift_began", "shift_ended") == before
    assert night.duty.shifts.is_confirmed("petugas-1")
    assert not night.duty.shifts.is_confirmed("petugas-2")


def test_who_went_while_the_desk_was_down_is_written_down_when_it_is_back(night: Night) -> None:
    night.until("2026-12-01 06:55")
    night.restart(600)
    night.until("2026-12-01 07:10")
    assert ("shift_ended", "petugas-4") in night.told("shift_ended")
    assert ("shift_began", "petugas-1") in night.told("shift_began")


def test_a_shift_that_is_not_confirmed_in_time_is_a_fault_until_it_is(night: Night) -> None:
    night.until("2026-12-01 07:01")
    night.handed("petugas-1", "petugas-2", "pengawas-1")
    night.answer("petugas-2", "sms")
    night.duty.confirm("pengawas-1", "Pengawas 1", "console", "Layar 1")
    night.until("2026-12-01 07:09:45")
    assert night.faults() == []
    night.until("2026-12-01 07:10")
    assert night.faults() == [("unconfirmed", "petugas-1")]
    night.answer("petugas-1")
    night.until("2026-12-01 07:13")
    assert night.faults() == []
    assert night.told("fault_began", "fault_ended") == [("fault_began", "unconfirmed"), ("fault_ended", "unconfirmed")]


def test_somebody_who_confirms_early_has_confirmed_and_yesterdays_answer_is_none(night: Night) -> None:
    night.answer("petugas-2")
    night.until("2026-12-01 06:55")
    night.duty.confirm("petugas-1", "Petugas 1", "push", "Layar 1")
    night.until("2026-12-02 07:00")
    night.handed("petugas-1", "petugas-2", "pengawas-1")
    night.until("2026-12-02 07:12")
    assert {("unconfirmed", "petugas-1"), ("unconfirmed", "petugas-2")} <= set(night.faults())


def test_nobody_takes_over_who_is_not_on_duty_nor_within_the_hour(night: Night) -> None:
    night.duty.confirm("petugas-1", "Petugas 1", "console", "Layar 1")
    with pytest.raises(NotOnDutyError, match="petugas-3"):
        night.duty.take_over("petugas-3", "Petugas 3", [], "Layar 1")


@pytest.mark.parametrize(
    ("outcomes", "fault_at_once", "fault_late"),
    [
        ({"push": "failed", "sms": "failed"}, True, True),
        ({"push": "failed", "sms": "handed"}, False, False),
        ({"push": "failed"}, False, True),
        ({}, False, True),
        ({"push": "skipped", "sms": "skipped"}, False, True),
        ({"push": "answered", "sms": "failed"}, False, False),
    ],
)
def test_somebody_on_duty_without_a_channel_that_works_is_a_fault(
    night: Night, outcomes: dict[str, PageOutcome], fault_at_once: bool, fault_late: bool
) -> None:
    night.until("2026-12-01 07:01")
    for channel, outcome in outcomes.items():
        night.note(page("petugas-1", channel, outcome, night.now_ns))
    night.until("2026-12-01 07:02")
    assert (("channel", "petugas-1") in night.faults()) == fault_at_once
    night.until("2026-12-01 07:12")
    assert (("channel", "petugas-1") in night.faults()) == fault_late


def test_a_channel_that_worked_yesterday_has_to_be_tested_again_and_one_that_fails_later_is_a_fault(
    night: Night,
) -> None:
    night.until("2026-12-01 07:01")
    night.handed("petugas-1")
    night.until("2026-12-01 07:15")
    assert ("channel", "petugas-1") not in night.faults()
    night.note(page("petugas-1", "push", "failed", night.now_ns))
    night.note(page("petugas-1", "sms", "failed", night.now_ns, detail="no modem"))
    night.until("2026-12-01 07:16")
    assert ("channel", "petugas-1") in night.faults()
    night.handed("petugas-1")
    night.until("2026-12-01 07:17")
    assert ("channel", "petugas-1") not in night.faults()
    night.until("2026-12-02 07:12")
    assert ("channel", "petugas-1") in night.faults()


def test_somebody_without_an_address_is_a_fault_at_once_and_without_any_channel_at_the_desk_nobody_is(
    make: Callable[..., Night],
) -> None:
    night = make()
    night.channels = ()
    night.until("2026-12-01 07:01")
    assert ("channel", "petugas-1") in night.faults()
    other = make()
    other.channels = None
    other.until("2026-12-01 07:15")
    assert {kind for kind, _ in other.faults()} == {"unconfirmed"}


def test_nobody_on_duty_rings_and_so_does_the_gap_twelve_hours_before(make: Callable[..., Night]) -> None:
    night = make(WEEK + "sakit;Malam;;;;petugas-4;;2026-12-01;;\n")
    night.until("2026-12-01 10:59")
    assert ("gap", "") not in night.faults()
    night.until("2026-12-01 11:01")
    assert ("gap", "") in night.faults()
    assert night.duty.shifts.faults.standing["gap", ""].detail == "2026-12-01 23:00"
    night.until("2026-12-01 22:59")
    assert ("nobody", "") not in night.faults()
    night.until("2026-12-01 23:01")
    assert ("nobody", "") in night.faults()
    assert night.duty.officers(night.now_ns) == ()
    assert night.duty.supervisors(night.now_ns) == ("pengawas-1",)
    assert night.called.count("nobody") == 1
    night.until("2026-12-02 07:01")
    assert ("nobody", "") not in night.faults()


def test_a_disabled_officer_is_not_on_duty(night: Night) -> None:
    night.duty.accounts = {**ACCOUNTS, "petugas-4": account("petugas-4", disabled=True)}
    night.until("2026-12-01 06:51")
    assert ("nobody", "") in night.faults()
    assert night.duty.officers(night.now_ns) == ()


def test_where_the_roster_names_no_supervisor_all_there_are_are_called(make: Callable[..., Night]) -> None:
    night = make(WEEK.partition("jaga;Pengawas")[0])
    assert night.duty.supervisors(night.now_ns) == ("pengawas-1",)


def test_a_fault_that_goes_for_three_seconds_is_the_same_one(night: Night) -> None:
    night.screens = 1
    night.seconds(60)
    night.screens = 2
    night.seconds(3)
    night.screens = 1
    night.seconds(20)
    assert night.told("fault_began", "fault_ended") == [("fault_began", "consoles 1/2")]
    night.screens = 2
    night.seconds(7)
    assert night.told("fault_ended") == [("fault_ended", "consoles 1/2")]


def test_too_few_screens_are_a_fault_after_ten_seconds_and_not_before_the_desk_has_settled(night: Night) -> None:
    night.screens = 1
    for seconds in range(70):
        night.duty.tick()
        began = SETTLE_NS // S + 10
        assert (("consoles", "") in night.faults()) == (seconds >= began), seconds
        night.now_ns += S
        night.monotonic_ns += S
    assert night.duty.shifts.faults.standing["consoles", ""].detail == "1/2"
    night.screens = 2
    for _ in range(7):
        night.duty.tick()
        night.now_ns += S
        night.monotonic_ns += S
    assert ("consoles", "") not in night.faults()


def test_a_screen_that_loads_its_page_again_is_no_fault(night: Night) -> None:
    night.monotonic_ns = SETTLE_NS
    for second in range(60):
        night.screens = 1 if second % 15 < 8 else 2
        night.duty.tick()
        night.now_ns += S
        night.monotonic_ns += S
    assert night.faults() == []


def test_the_number_of_screens_is_as_it_is_set(make: Callable[..., Night]) -> None:
    night = make(settings=DutySettings(consoles=0))
    night.screens = 0
    night.until("2026-12-01 06:55")
    assert ("consoles", "") not in night.faults()


def test_without_a_roster_every_officer_is_on_duty_and_nothing_is_asked(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.path.unlink()
    night.start()
    night.screens = 0
    night.until("2026-12-01 07:30")
    assert (night.faults(), night.log) == ([], [])
    assert night.duty.officers(night.now_ns) == tuple(f"petugas-{number}" for number in range(1, 7))
    assert night.duty.supervisors(night.now_ns) == ("pengawas-1",)
    assert "tamu-1" not in night.duty.everyone()
    assert "petugas-9" not in night.duty.everyone()


def test_a_fault_stands_over_a_restart_and_is_not_written_down_again(night: Night) -> None:
    night.screens = 0
    night.until("2026-12-01 06:55")
    night.restart()
    assert ("consoles", "") in night.faults()
    night.seconds(60)
    assert night.told("fault_began") == [("fault_began", "consoles 0/2")]


def test_a_roster_that_cannot_be_read_any_more_is_a_fault_and_stays_in_force(night: Night) -> None:
    night.path.write_text("rusak")
    night.disk.look()
    night.until("2026-12-01 07:01")
    assert ("roster", "") in night.faults()
    assert night.duty.officers(night.now_ns) == ("petugas-1", "petugas-2")


def test_what_somebody_has_seen_is_quiet_for_half_an_hour_or_until_it_ends() -> None:
    faults = Faults()
    faults.settle({("nobody", ""): "", ("gap", ""): "x"}, now_ns=0, monotonic_ns=0)
    assert faults.ring(0)
    assert faults.seen(0) == 2
    assert not faults.ring(QUIET_NS - 1)
    assert faults.ring(QUIET_NS)
    assert not faults.standing["gap", ""].rings(QUIET_NS)
    faults.settle({}, now_ns=1, monotonic_ns=1)
    faults.settle({}, now_ns=2, monotonic_ns=6 * S)
    assert faults.standing == {}
    faults.settle({("gap", ""): "x"}, now_ns=3, monotonic_ns=7 * S)
    assert faults.ring(3)


def test_each_incident_from_before_the_shift_is_to_be_taken_by_name(night: Night) -> None:
    old, other = night.press(60), None
    night.until("2026-12-01 06:59")
    assert [each.id for each in night.duty.untaken(night.board.active())] == []
    night.until("2026-12-01 07:01")
    other = night.press()
    assert [each.id for each in night.duty.untaken(night.board.active())] == [old.id]
    night.duty.take_over("petugas-2", "Petugas 2", [old.id], "Layar 1")
    assert night.duty.untaken(night.board.active()) == []
    assert night.told("incident_taken", "channel_confirmed") == [
        ("channel_confirmed", "petugas-2"), ("incident_taken", "petugas-2"),
    ]  # fmt: skip
    night.restart()
    assert night.duty.untaken(night.board.active()) == []
    night.until("2026-12-01 15:01")
    assert {each.id for each in night.duty.untaken(night.board.active())} == {old.id, other.id}
    # A day later the same people are on duty again: what they took yesterday is not taken today.
    night.until("2026-12-02 07:01")
    assert {each.id for each in night.duty.untaken(night.board.active())} == {old.id, other.id}


def test_what_was_accepted_before_the_shift_is_to_be_taken_and_what_is_accepted_in_it_is_not(night: Night) -> None:
    before, later = night.press(60), night.press(50, "pos")
    night.board.apply(night.board.act("accept", before.id, Actor("Petugas 4", "officer", "Layar 1"), night.now_ns))
    night.until("2026-12-01 07:01")
    night.board.apply(night.board.act("accept", later.id, Actor("Petugas 1", "officer", "Layar 1"), night.now_ns))
    assert [each.id for each in night.duty.untaken(night.board.active())] == [before.id]


def test_who_stays_on_duty_does_not_take_over_from_themselves(make: Callable[..., Night]) -> None:
    night = make(WEEK.replace("petugas-3", "petugas-1"))
    night.press(60)
    night.until("2026-12-01 07:01")
    night.duty.take_over("petugas-1", "Petugas 1", [each.id for each in night.board.active()], "Layar 1")
    night.press()
    night.until("2026-12-01 15:01")
    assert night.duty.untaken(night.board.active()) == []


def test_who_was_woken_is_counted_by_night_and_incident_for_seven_days() -> None:
    fatigue = Fatigue(JAKARTA)

    def paged(who: str, outcome: PageOutcome, at: str, incident: str | None = "a") -> None:
        known = {"a": INCIDENTS[0], "b": INCIDENTS[1]}
        fatigue.take(page(who, "sms", outcome, ns(at), incident_id=None if incident is None else known[incident]))

    paged("petugas-1", "handed", "2026-12-01 22:00")
    paged("petugas-1", "answered", "2026-12-01 22:01")
    paged("petugas-1", "answered", "2026-12-02 05:59", "b")
    paged("petugas-1", "answered", "2026-12-02 06:00", "b")  # morning
    paged("petugas-1", "answered", "2026-12-02 21:59", "b")  # evening
    paged("petugas-2", "handed", "2026-12-03 01:00")
    paged("petugas-2", "failed", "2026-12-04 01:00", "b")
    paged("petugas-2", "answered", "2026-12-04 01:00", None)  # a test
    found = [(each.who, each.paged, each.answered, each.nights) for each in fatigue.woken(ns("2026-12-05 12:00"))]
    assert found == [("petugas-1", 2, 2, 1), ("petugas-2", 1, 0, 1)]
    assert [each.who for each in fatigue.woken(ns("2026-12-09 12:00"))] == ["petugas-2"]


INCIDENTS = (new_event_id(), new_event_id())


def test_names_stand_beside_the_chain_alone() -> None:
    record = duty_record("incident_taken", at_ns=1, who="Petugas 1", subject="petugas-1", detail="x" * 200)
    assert "etugas" not in record.entry.model_dump_json()
    assert (record.text("who"), record.text("subject")) == ("Petugas 1", "petugas-1")


@pytest.mark.parametrize("name", ["Asia/Jayapura", "UTC"])
def test_a_time_zone_of_this_machine_is_taken(name: str) -> None:
    assert DutySettings(time_zone=name).zone.key == name


@pytest.mark.parametrize("name", ["Asia/Bandung", "../etc/passwd", "", "WIB"])
def test_another_time_zone_is_refused_with_examples(name: str) -> None:
    with pytest.raises(ValueError, match="Asia/Jakarta"):
        DutySettings(time_zone=name)
