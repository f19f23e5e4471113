"""Faults of duty, and what is known of channels: each rule by itself, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from duty_desk.duty.duty import SETTLE_NS
from duty_desk.duty.faults import QUIET_NS, Faults
from duty_desk.duty.settings import DutySettings
from duty_desk.incidents.entries import PageOutcome
from tests.duty_desk.duty.night import Night, S, page
from tests.duty_desk.duty.rosters import WEEK


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
