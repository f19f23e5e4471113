"""Whether a roster can be relied on: rows that overlap, leave gaps, name nobody, end with the month."""

from __future__ import annotations

import time

import pytest

from duty_desk.duty.roster_check import check_roster
from tests.duty_desk.duty.rosters import ACCOUNTS, HEAD, WEEK, findings, ns, roster, told


def test_a_good_roster_has_nothing_to_tell() -> None:
    assert told(WEEK) == []


def test_a_gap_is_an_error_unless_it_is_allowed() -> None:
    text = WEEK.replace("15:00;23:00", "15:30;23:00")
    found = findings(text)
    assert {(each.level, each.code) for each in found} == {("error", "gap"), ("warning", "gaps_more")}
    assert found[0].values == {"begin": "2026-12-01 15:00", "end": "2026-12-01 15:30"}
    assert "--allow-gaps" in found[0].told("jadwal.csv", "id")
    assert {level for level, _, _ in told(text, allow_gaps=True)} == {"warning"}


def test_a_sick_officer_without_a_replacement_leaves_a_gap() -> None:
    (gap,) = findings(WEEK + "sakit;;;;;petugas-4;;2026-12-24;;\n")
    assert gap.values == {"begin": "2026-12-24 23:00", "end": "2026-12-25 07:00"}


def test_a_gap_that_an_exception_makes_months_ahead_is_found() -> None:
    (gap,) = findings(WEEK + "cuti;;;;;petugas-3;;2027-06-24;;\n")
    assert gap.values == {"begin": "2027-06-24 15:00", "end": "2027-06-24 23:00"}


def test_who_is_at_two_places_at_once_is_told_with_both_lines_once() -> None:
    text = WEEK.replace("23:00;07:00;petugas-4", "22:00;07:00;petugas-3")
    (found,) = findings(text)
    assert (found.level, found.code, found.line, found.values["row"]) == ("error", "overlap", 4, 3)


def test_a_shift_may_overlap_the_next_for_the_hand_over_and_one_person_may_work_two() -> None:
    assert told(WEEK.replace("15:00;23:00", "14:30;23:30")) == []
    assert told(WEEK.replace("petugas-4", "petugas-3")) == []


def test_an_overlap_that_a_swap_makes_is_found() -> None:
    text = WEEK.replace("15:00;23:00", "14:30;23:30") + "tukar;Siang;;;;petugas-3;;2026-12-05;;petugas-4\n"
    (found,) = findings(text)
    assert (found.code, str(found.values["day"])) == ("overlap", "2026-12-05")


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("petugas-44", "no_account_near"),
        ("xyz", "no_account"),
        ("petugas-9", "account_disabled"),
        ("tamu-1", "role_officer"),
    ],
)
def test_who_cannot_be_on_duty_is_told_with_the_line(who: str, code: str) -> None:
    assert ("error", code, 4) in told(WEEK.replace("petugas-4", who))
    assert ("error", code, 6) in told(WEEK + f"tukar;Malam;;;;petugas-4;;2026-12-05;;{who}\n")


def test_a_supervisor_is_one_by_the_account_too() -> None:
    assert told(WEEK.replace("pengawas-1;pengawas", "petugas-5;pengawas")) == [("error", "role_supervisor", 5)]
    assert told(WEEK.replace("petugas-4", "pengawas-1").replace("Pengawas;;07:00;07:00", "Pengawas;;07:00;23:00")) == [
        ("warning", "gap_supervisor", None)
    ]


def test_a_disabled_officer_leaves_a_gap_as_nobody_else_is_there() -> None:
    codes = {code for _, code, _ in told(WEEK.replace("petugas-4", "petugas-9"))}
    assert {"account_disabled", "gap"} <= codes


def test_a_roster_that_ends_with_the_month_says_when_and_one_that_is_over_is_refused() -> None:
    text = WEEK.replace(";;;\n", ";;2026-12-31;\n")
    (found,) = findings(text)
    assert (found.level, found.code, found.values) == ("warning", "ends", {"end": "2027-01-01 07:00"})
    assert told(text, "2027-01-02 08:00") == [("error", "over", None)]


def test_an_exception_that_meets_no_shift_is_to_be_looked_at() -> None:
    assert told(WEEK + "sakit;Malam;;;;petugas-1;;2026-12-05;;\n") == [("warning", "change_idle", 6)]
    assert told(WEEK + "tambah;Subuh;;;;petugas-1;;2026-12-05;;\n") == [("warning", "change_idle", 6)]


@pytest.mark.slow
def test_the_largest_roster_is_checked_in_a_moment() -> None:
    people = [f"petugas-{number}" for number in range(1, 7)]
    lines = "".join(
        f"jaga;S{number};;{number % 6 * 4:02}:00;{(number % 6 + 1) * 4:02}:00;{people[number % 6]};;"
        f"{2_000 + number}-01-01;{2_000 + number}-12-31\n"
        for number in range(1_900)
    )
    began = time.process_time()
    check_roster(roster(HEAD + "jaga;Piket;;00:00;24:00;petugas-1\n" + lines), ACCOUNTS, ns("2026-12-01 08:00"))
    assert time.process_time() - began < 3
