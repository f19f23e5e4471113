"""Who is on duty when: midnight, the month's change, clocks that are set twice a year, and exceptions."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from duty_desk.duty.roster import followed_by
from tests.duty_desk.duty.rosters import HEAD, WEEK, ns, roster

HOUR = 3_600 * 10**9


def on(text: str, now: str) -> list[str]:
    return sorted(turn.who for turn in roster(text).at(ns(now)) if turn.part == "officer")


@pytest.mark.parametrize(
    ("now", "who"),
    [
        ("2026-12-01 06:59:59", ["petugas-4"]),
        ("2026-12-01 07:00", ["petugas-1", "petugas-2"]),
        ("2026-12-01 22:59:59", ["petugas-3"]),
        ("2026-12-01 23:00", ["petugas-4"]),
        ("2026-12-02 00:00", ["petugas-4"]),
        ("2026-12-31 23:59:59", ["petugas-4"]),
        ("2027-01-01 06:59", ["petugas-4"]),
    ],
)
def test_a_shift_holds_from_its_first_second_to_the_last_over_midnight_and_the_year(now: str, who: list[str]) -> None:
    assert on(WEEK, now) == who


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    text = HEAD + "jaga;Malam;Jumat;22:00;06:00;petugas-1;;;2026-12-04\n"
    assert on(text, "2026-12-05 05:59") == ["petugas-1"]
    assert on(text, "2026-12-05 06:00") == []
    assert on(text, "2026-12-05 22:00") == []
    assert on(text, "2026-12-11 22:00") == []


@pytest.mark.parametrize(("begins", "ends"), [("08:00", "08:00"), ("00:00", "24:00"), ("00:00", "00:00")])
def test_a_shift_may_last_a_whole_day(begins: str, ends: str) -> None:
    made = roster(HEAD + f"jaga;Piket;;{begins};{ends};petugas-1\n")
    (turn,) = made.of_day(date(2026, 12, 1))
    assert turn.end_ns - turn.begin_ns == 24 * HOUR
    assert made.gaps(ns("2026-12-01 08:00"), ns("2027-02-01 08:00")) == []


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 7), ("2026-10-25", 9), ("2026-06-01", 8)], ids=["spring", "autumn", "summer"]
)
def test_where_clocks_are_set_a_shift_still_ends_where_the_next_begins(day: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    text = HEAD + "".join(
        f"jaga;{name};;{begins};{ends};petugas-{number}\n"
        for number, (name, begins, ends) in enumerate(
            [("A", "02:30", "10:30"), ("B", "10:30", "18:30"), ("C", "18:30", "02:30")], 1
        )
    )
    made = roster(text, berlin)
    assert made.gaps(ns("2026-01-01 00:00", berlin), ns("2026-12-31 00:00", berlin)) == []
    lengths = [turn.end_ns - turn.begin_ns for turn in made.of_day(date.fromisoformat(day))]
    before = [
        turn.end_ns - turn.begin_ns for turn in made.of_day(date.fromordinal(date.fromisoformat(day).toordinal() - 1))
    ]
    assert sum(lengths[:1] + before[2:]) == (8 + hours) * HOUR
    for now in range(ns(f"{day} 00:00", berlin), ns(f"{day} 06:00", berlin), HOUR // 4):
        assert len(made.at(now)) == 1


def test_sick_with_and_without_a_replacement() -> None:
    text = WEEK + "sakit;Pagi;;;;petugas-1;;2026-12-03;2026-12-04;petugas-5\ncuti;;;;;petugas-2;;2026-12-03;;\n"
    assert on(text, "2026-12-03 08:00") == ["petugas-5"]
    assert on(text, "2026-12-04 08:00") == ["petugas-2", "petugas-5"]
    assert on(text, "2026-12-05 08:00") == ["petugas-1", "petugas-2"]


def test_two_who_swap_a_day_each_have_the_others_shift() -> None:
    text = WEEK + "tukar;;;;;petugas-3;;2026-12-03;;petugas-4\ntukar;;;;;petugas-4;;2026-12-03;;petugas-3\n"
    assert on(text, "2026-12-03 16:00") == ["petugas-4"]
    assert on(text, "2026-12-03 23:30") == ["petugas-3"]
    assert on(text, "2026-12-04 06:30") == ["petugas-3"]
    assert on(text, "2026-12-04 16:00") == ["petugas-3"]


def test_who_took_a_shift_over_and_falls_ill_is_replaced_too() -> None:
    text = (
        WEEK
        + "tukar;Malam;;;;petugas-4;;2026-12-03;;petugas-5\nsakit;;;;;petugas-5;;2026-12-03;;petugas-6\n"
        + "sakit;;;;;petugas-6;;2026-12-03;;petugas-5\n"
    )
    assert on(text, "2026-12-03 23:30") == []  # two who stand in for one another are nobody
    assert on(text.replace("sakit;;;;;petugas-6;;2026-12-03;;petugas-5\n", ""), "2026-12-03 23:30") == ["petugas-6"]


def test_extra_people_work_the_shift_of_the_plan() -> None:
    text = WEEK + "tambah;Malam;;;;petugas-5, petugas-6;;2026-12-31;;\n"
    assert on(text, "2027-01-01 03:00") == ["petugas-4", "petugas-5", "petugas-6"]
    assert on(text, "2027-01-02 03:00") == ["petugas-4"]


def test_who_comes_next_comes_together() -> None:
    made = roster(WEEK)
    assert [turn.who for turn in made.after(ns("2026-12-01 23:30"))] == ["petugas-1", "petugas-2", "pengawas-1"]
    assert made.after(ns("2026-12-01 07:00"))[0].who == "petugas-3"
    ended = roster(HEAD + "jaga;Pagi;;07:00;15:00;petugas-1;;;2026-12-01\n")
    assert ended.after(ns("2026-12-01 08:00")) == ()


def test_gaps_are_found_to_the_minute_and_only_of_those_who_count() -> None:
    text = HEAD + "jaga;Pagi;;07:00;15:00;petugas-1\njaga;Malam;;15:30;07:00;petugas-2\n"
    made = roster(text)
    (gap,) = made.gaps(ns("2026-12-01 08:00"), ns("2026-12-02 08:00"))
    assert (gap.begin_ns, gap.end_ns) == (ns("2026-12-01 15:00"), ns("2026-12-01 15:30"))
    night = made.gaps(ns("2026-12-01 08:00"), ns("2026-12-02 08:00"), known=frozenset({"petugas-1"}))
    assert (night[0].begin_ns, night[-1].end_ns) == (ns("2026-12-01 15:00"), ns("2026-12-02 07:00"))


def test_a_short_shift_within_a_long_one_leaves_no_gap_behind_it() -> None:
    made = roster(HEAD + "jaga;Piket;;08:00;08:00;petugas-1\njaga;Bantuan;;09:00;11:00;petugas-2\n")
    assert made.gaps(ns("2026-12-01 08:00"), ns("2026-12-08 08:00")) == []


def test_the_next_months_roster_holds_from_its_first_day_and_the_night_before_ends_by_the_old_one() -> None:
    old = roster(HEAD + "jaga;Malam;;19:00;07:00;petugas-1;;2026-11-01;2026-11-30\njaga;Siang;;07:00;19:00;petugas-2\n")
    new = roster(
        HEAD + "jaga;Malam;;19:00;07:00;petugas-3;;2026-12-01\njaga;Siang;;07:00;19:00;petugas-4;;2026-12-01\n"
    )
    both = followed_by(old, new, date(2026, 11, 20))
    at = {
        now: [turn.who for turn in both.at(ns(now))]
        for now in ("2026-11-30 12:00", "2026-12-01 06:59", "2026-12-01 07:00")
    }
    assert at == {
        "2026-11-30 12:00": ["petugas-2"],
        "2026-12-01 06:59": ["petugas-1"],
        "2026-12-01 07:00": ["petugas-4"],
    }
    assert both.gaps(ns("2026-11-20 08:00"), ns("2027-01-31 08:00")) == []
    assert [row.old for row in both.rows] == [True, True, False, False]
    assert followed_by(old, new, date(2026, 12, 1)) is new
