"""Shifts, who takes over what, and who was woken: each rule by itself, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.identity import new_event_id
from duty_desk.duty.fatigue import Fatigue
from duty_desk.duty.records import duty_record
from duty_desk.duty.settings import DutySettings
from duty_desk.errors import NotOnDutyError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import PageOutcome
from tests.duty_desk.duty.night import Night, page
from tests.duty_desk.duty.rosters import ACCOUNTS, JAKARTA, WEEK, account, ns


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


def test_a_disabled_officer_is_not_on_duty(night: Night) -> None:
    night.duty.accounts = {**ACCOUNTS, "petugas-4": account("petugas-4", disabled=True)}
    night.until("2026-12-01 06:51")
    assert ("nobody", "") in night.faults()
    assert night.duty.officers(night.now_ns) == ()


def test_where_the_roster_names_no_supervisor_all_there_are_are_called(make: Callable[..., Night]) -> None:
    night = make(WEEK.partition("jaga;Pengawas")[0])
    assert night.duty.supervisors(night.now_ns) == ("pengawas-1",)


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


INCIDENTS = (new_event_id(), new_event_id())


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
