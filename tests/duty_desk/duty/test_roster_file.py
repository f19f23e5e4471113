"""The roster's file, as a spreadsheet writes it, and every mistake in it by line."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duty_desk.duty import roster_file
from duty_desk.duty.findings import Finding
from duty_desk.duty.roster_file import read_roster, write_roster
from duty_desk.duty.words import TEXTS
from tests.duty_desk.duty.rosters import HEAD, JAKARTA, WEEK, roster

ENGLISH = "kind;Shift;Days;begins;ends;who;role;from;until;by\n"


def line_of(text: str) -> list[tuple[str, int | None]]:
    made, found = read_roster(text.encode(), JAKARTA)
    assert made is None or not found
    return [(each.code, each.line) for each in found]


@pytest.mark.parametrize(
    "data",
    [
        WEEK.encode(),
        WEEK.encode("utf-8-sig"),
        WEEK.replace("\n", "\r\n").encode("utf-8-sig"),
        WEEK.replace(";", "\t").encode("utf-16"),
        ("sep=;\r\n" + WEEK).encode(),
        WEEK.replace("petugas-1, petugas-2", '"petugas-1, petugas-2"').replace(";", ",").encode(),
        (WEEK + ";;;;;;;;;\n# catatan\n\n").encode(),
        WEEK.replace("07:00", "7.00").replace("15:00", "15:00:00").encode(),
        (ENGLISH + WEEK.removeprefix(HEAD)).encode(),
    ],
    ids=["plain", "mark", "windows", "utf-16 and tabs", "sep", "commas", "empty lines", "dots and seconds", "english"],
)  # fmt: skip
def test_each_way_in_which_a_spreadsheet_writes_it_is_the_same_roster(data: bytes) -> None:
    made, found = read_roster(data, JAKARTA)
    assert found == []
    assert made is not None
    first = date(2026, 12, 1)
    assert [(turn.shift, turn.who) for turn in made.of_day(first)] == [
        (turn.shift, turn.who) for turn in roster(WEEK).of_day(first)
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("jaga;Pagi;;7;15:00;petugas-1", "bad_time"),
        ("jaga;Pagi;;07:60;15:00;petugas-1", "bad_time"),
        ("jaga;Pagi;;07:00;24:01;petugas-1", "bad_time"),
        ("jaga;Pagi;;24:00;08:00;petugas-1", "begins_24"),
        ("jaga;Pagi;Senen;07:00;15:00;petugas-1", "bad_days"),
        ("jaga;Pagi;Sen-Rab-Jum;07:00;15:00;petugas-1", "bad_days"),
        ("jaga;Pagi;;07:00;15:00;", "nobody_named"),
        ("jaga;Pagi;;07:00;15:00;petugas-1, Petugas-1", "named_twice"),
        ("jaga;;;07:00;15:00;petugas-1", "no_shift"),
        ("jaga;" + "P" * 41 + ";;07:00;15:00;petugas-1", "long_shift"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;;2026-02-30", "no_such_date"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;;12/31/2026", "no_such_date"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;;1-Des-26", "bad_date"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;;2026-12-02;2026-12-01", "until_before_from"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;komandan", "bad_role"),
        ("libur;Pagi;;07:00;15:00;petugas-1", "bad_kind"),
        ("jaga;Pagi;;07:00;15:00;petugas-1;;;;petugas-2", "by_in_plan"),
        ("sakit;Pagi;;;;petugas-1", "no_date"),
        ("tukar;Pagi;;;;petugas-1;;2026-12-01", "no_by"),
        ("tambah;;;;;petugas-1;;2026-12-01", "extra_no_shift"),
        ("tambah;Pagi;;;;petugas-1;;2026-12-01;;petugas-2", "extra_by"),
        ("sakit;Pagi;;;;petugas-1;;2026-12-01;;petugas-1", "by_self"),
        ('jaga;"Pagi;;07:00;15:00;petugas-1', "not_csv_line"),
    ],
)
def test_a_mistake_is_told_with_its_line(line: str, code: str) -> None:
    assert (code, None if code == "not_csv_line" else 6) in line_of(WEEK + line + "\n")


def test_each_mistake_of_a_file_is_told_at_once_and_at_most_fifty() -> None:
    assert line_of(HEAD + "jaga;Pagi;X;Y;Z;\n" + "sakit;;;;;petugas-1\n") == [
        ("nobody_named", 2), ("no_date", 3),
    ]  # fmt: skip
    assert line_of(HEAD + "jaga;Pagi;X;Y;Z;petugas-1\n") == [("bad_days", 2), ("bad_time", 2), ("bad_time", 2)]
    assert len(line_of(HEAD + "jaga;Pagi;;7;15:00;petugas-1\n" * 80)) == 50


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (HEAD.encode(), "empty"),
        (b"PK\x03\x04\x00\x00", "not_csv"),
        (b"\xd0\xcf\x11\xe0", "not_utf8"),
        (b"jenis;shift;hari\n", "no_column"),
        (b"shift;mulai;selesai;siapa;telepon\n", "bad_column"),
        (b"shift;mulai;begins;selesai;siapa\n", "column_twice"),
        (b"x" * 1_000_001, "too_large"),
    ],
)
def test_what_is_no_roster_is_said_to_be_none(data: bytes, code: str) -> None:
    made, found = read_roster(data, JAKARTA)
    assert (made, [each.code for each in found]) == (None, [code])


def test_a_line_that_is_there_twice_names_the_other() -> None:
    text = WEEK + "jaga;Siang;setiap hari;15.00;23.00;petugas-3;petugas;;;\n"
    (found,) = read_roster(text.encode(), JAKARTA)[1]
    assert (found.code, found.line, found.values) == ("twice", 6, {"before": 3})
    assert found.told("jadwal.csv", "id") == "jadwal.csv:6: salah: sama dengan baris 3; hapus satu"
    assert found.told("jadwal.csv", "en") == "jadwal.csv:6: error: the same as line 3; remove one"


def test_there_are_at_most_two_thousand_lines() -> None:
    lines = "".join(f"jaga;S{number};;07:00;15:00;petugas-1\n" for number in range(2_001))
    assert line_of(HEAD + lines) == [("too_many_rows", 2_002)]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Senin-Jumat", {0, 1, 2, 3, 4}),
        ("Sab, Min", {5, 6}),
        ("Jum-Sen", {4, 5, 6, 0}),
        ("mon; wed; fri", {0, 2, 4}),
        ("Senin s/d Rabu", {0, 1, 2}),
        ("", set(range(7))),
        ("Setiap hari", set(range(7))),
        ("jum'at", {4}),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: set[int]) -> None:
    made = roster(HEAD + f'jaga;Pagi;"{text}";07:00;15:00;petugas-1\n')
    assert made.rows[0].days == days


def test_what_is_written_is_read_as_the_same_roster() -> None:
    text = (
        WEEK
        + "jaga;Akhir pekan;Sabtu, Minggu;00:00;24:00;petugas-5;;01/12/2026;31/12/2026;\n"
        + "sakit;Pagi;;;;petugas-1;;2026-12-03;2026-12-05;petugas-6\n"
        + "cuti;;;;;petugas-3;;2026-12-24;;\ntukar;Malam;;;;petugas-4;;2026-12-06;;petugas-2\n"
        + "tambah;Malam;;;;petugas-6;;2026-12-31;;\n"
    )
    first, again = roster(text), roster(write_roster(roster(text)))
    assert again.rows == first.rows
    assert again.changes == first.changes


def test_each_finding_has_words_in_both_languages() -> None:
    source = "".join(
        (roster_file.__spec__.loader.get_source(name) or "")  # type: ignore[union-attr]
        for name in [roster_file.__name__]
    )
    codes = set(re.findall(r'(?:error|warning|_WrongError)\("(\w+)"', source))
    assert codes
    assert codes <= TEXTS.keys()
    for ours, english in TEXTS.values():
        assert set(re.findall(r"\{(\w+)", ours)) == set(re.findall(r"\{(\w+)", english))
        assert ours != english


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_is_in_a_file_it_is_a_roster_or_its_mistakes_are_told(data: bytes) -> None:
    made, found = read_roster(HEAD.encode() + data, JAKARTA)
    assert (made is None) == bool(found)
    for each in found:
        assert isinstance(each, Finding)
        assert each.told("jadwal.csv", "id")
        assert each.told("jadwal.csv", "en")
