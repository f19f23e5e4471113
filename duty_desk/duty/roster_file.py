"""The roster as a file: CSV as a spreadsheet writes it, read with every mistake told, and written again. Pure.

Columns, in Indonesian or English, in any order: jenis/kind, shift, hari/days, mulai/begins, selesai/ends, siapa/who,
peran/role, dari/from, sampai/until, pengganti/by, keterangan/note. Between them semicolons, commas or tabs; UTF-8 with
a mark or without, or UTF-16 as "Unicode text" is saved. Lines that are empty or begin with # are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final, TypeVar, get_args
from zoneinfo import ZoneInfo

from duty_desk.duty.findings import MAX_FINDINGS, Finding, error
from duty_desk.duty.roster import DAY_MIN, Change, Kind, Part, Roster, Row

MAX_BYTES: Final = 1_000_000
MAX_ROWS: Final = 2_000
MAX_SHIFT: Final = 40

COLUMNS: Final = {
    "kind": ("jenis", "kind"),
    "shift": ("shift", "giliran"),
    "days": ("hari", "days"),
    "begins": ("mulai", "begins"),
    "ends": ("selesai", "ends"),
    "who": ("siapa", "who"),
    "role": ("peran", "role"),
    "from": ("dari", "from"),
    "until": ("sampai", "until"),
    "by": ("pengganti", "by"),
    "note": ("keterangan", "note"),
}
_NEEDED: Final = ("shift", "begins", "ends", "who")
_KINDS: Final[dict[str, Kind | None]] = {
    "": None, "shift": None, "jaga": None,
    "sakit": "sick", "sick": "sick", "cuti": "leave", "leave": "leave", "izin": "leave",
    "tukar": "swap", "swap": "swap", "tambah": "extra", "extra": "extra",
}  # fmt: skip
_PARTS: Final[dict[str, Part]] = {
    "": "officer", "petugas": "officer", "officer": "officer", "pengawas": "supervisor", "supervisor": "supervisor",
}  # fmt: skip
_DAYS: Final = (
    ("senin", "sen", "monday", "mon"), ("selasa", "sel", "tuesday", "tue"), ("rabu", "rab", "wednesday", "wed"),
    ("kamis", "kam", "thursday", "thu"), ("jumat", "jum", "jum'at", "friday", "fri"),
    ("sabtu", "sab", "saturday", "sat"), ("minggu", "min", "ahad", "sunday", "sun"),
)  # fmt: skip
_EVERY: Final = frozenset({"", "setiap hari", "tiap hari", "every day", "daily", "semua", "all"})
_TIME: Final = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.]00)?")
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_LOCAL: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
T = TypeVar("T")


def read_roster(data: bytes, zone: ZoneInfo) -> tuple[Roster | None, list[Finding]]:
    """Return the roster of a file, and what is wrong with it; None when there is an error.

    Args:
        data: The file.
        zone: Whose local time it is written in.
    """
    if len(data) > MAX_BYTES:
        return None, [error("too_large", most=MAX_BYTES)]
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        return None, [error("not_utf8")]
    if "\0" in text:
        return None, [error("not_csv")]
    return _Reader(text, zone).read()


class _WrongError(Exception):
    """A mistake in one cell."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


class _Reader:
    def __init__(self, text: str, zone: ZoneInfo) -> None:
        self._text = text
        self._zone = zone
        self._findings: list[Finding] = []
        self._rows: list[Row] = []
        self._changes: list[Change] = []
        self._seen: dict[tuple[object, ...], int] = {}

    def read(self) -> tuple[Roster | None, list[Finding]]:
        try:
            self._read_lines()
        except csv.Error as found:
            self._findings.append(error("not_csv_line", reason=found))
        if not self._findings and not self._rows:
            self._findings.append(error("empty"))
        if self._findings:
            return None, self._findings[:MAX_FINDINGS]
        return Roster(self._rows, self._changes, self._zone), []

    def _read_lines(self) -> None:
        lines = self._text.splitlines(keepends=True)
        between: str | None = None
        skipped = 0
        if lines and (told := re.fullmatch(r"sep=(.)\s*", lines[0], flags=re.I)):
            between, skipped = told[1], 1
        head = next((line for line in lines[skipped:] if line.strip(" ;,\t\r\n") and not line.startswith("#")), "")
        between = between or max(";\t,", key=head.count)
        reader = csv.reader(lines[skipped:], delimiter=between, strict=True)
        columns: dict[str, int] | None = None
        for cells in reader:
            line = reader.line_num + skipped
            cells = [cell.strip() for cell in cells]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if columns is None:
                columns = self._head(line, cells)
                if columns is None:
                    return
                continue
            if len(self._rows) + len(self._changes) >= MAX_ROWS:
                self._findings.append(error("too_many_rows", line, most=MAX_ROWS))
                return
            known = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
            self._line(line, known)

    def _head(self, line: int, cells: list[str]) -> dict[str, int] | None:
        names = {name: column for column, both in COLUMNS.items() for name in both}
        columns: dict[str, int] = {}
        for at, cell in enumerate(cells):
            name = cell.lower()
            if not name:
                continue
            if name not in names:
                known = ", ".join(both[0] for both in COLUMNS.values())
                self._findings.append(error("bad_column", line, column=cell, known=known))
            elif names[name] in columns:
                self._findings.append(error("column_twice", line, column=cell))
            else:
                columns[names[name]] = at
        missing = [" / ".join(COLUMNS[name]) for name in _NEEDED if name not in columns]
        if missing and not self._findings:
            self._findings.append(error("no_column", line, columns=", ".join(missing)))
        return None if self._findings else columns

    def _line(self, line: int, cells: dict[str, str]) -> None:
        before = len(self._findings)
        kind = self._take(line, lambda: _one(_KINDS, cells.get("kind", ""), "bad_kind"))
        who = self._take(line, lambda: _names(cells["who"]))
        first = self._take(line, lambda: _date(cells.get("from", "")))
        last = self._take(line, lambda: _date(cells.get("until", "")))
        if first is not None and last is not None and last < first:
            self._findings.append(error("until_before_from", line, first=first, last=last))
        shift = " ".join(cells["shift"].split())
        if len(shift) > MAX_SHIFT:
            self._findings.append(error("long_shift", line, most=MAX_SHIFT))
        if len(self._findings) > before:
            return
        assert who is not None
        if kind is None:
            self._shift(line, cells, shift, who, first, last)
        else:
            self._exception(line, cells, kind, shift, who, first, last)

    def _shift(
        self, line: int, cells: dict[str, str], shift: str, who: tuple[str, ...], first: date | None, last: date | None
    ) -> None:
        before = len(self._findings)
        days = self._take(line, lambda: _days(cells.get("days", "")))
        begins = self._take(line, lambda: _time(cells["begins"]))
        ends = self._take(line, lambda: _time(cells["ends"], end=True))
        part = self._take(line, lambda: _one(_PARTS, cells.get("role", ""), "bad_role"))
        if not shift:
            self._findings.append(error("no_shift", line))
        if cells.get("by"):
            self._findings.append(error("by_in_plan", line, by=cells["by"]))
        if len(self._findings) > before:
            return
        assert days is not None
        assert begins is not None
        assert ends is not None
        assert part is not None
        row = Row(line, shift, days, begins, ends, who, part, first, last)
        if self._once(line, shift, days, begins, ends, who, part, first, last):
            self._rows.append(row)

    def _exception(
        self,
        line: int,
        cells: dict[str, str],
        kind: Kind,
        shift: str,
        who: tuple[str, ...],
        first: date | None,
        last: date | None,
    ) -> None:
        by = cells.get("by", "").lower()
        if first is None:
            self._findings.append(error("no_date", line))
        elif kind == "swap" and not by:
            self._findings.append(error("no_by", line))
        elif kind == "extra" and not shift:
            self._findings.append(error("extra_no_shift", line))
        elif kind == "extra" and by:
            self._findings.append(error("extra_by", line, by=by))
        elif by in who:
            self._findings.append(error("by_self", line, who=by))
        else:
            for each in who:
                made = Change(line, kind, each, first, last or first, shift or None, by or None)
                if self._once(line, "exception", each, made.first, made.last, made.shift):
                    self._changes.append(made)

    def _once(self, line: int, *key: object) -> bool:
        before = self._seen.setdefault(key, line)
        if before != line:
            self._findings.append(error("twice", line, before=before))
        return before == line

    def _take(self, line: int, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except _WrongError as wrong:
            self._findings.append(Finding("error", wrong.code, line, values=wrong.values))
            return None


def _one(known: dict[str, T], text: str, code: str) -> T:
    if text.lower() not in known:
        raise _WrongError(code, text=text, known=", ".join(name for name in known if name))
    return known[text.lower()]


def _names(text: str) -> tuple[str, ...]:
    names = [name.lower() for name in re.split(r"[\s,;+&/]+", text) if name]
    if not names:
        raise _WrongError("nobody_named")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _WrongError("named_twice", who=twice)
    return tuple(names)


def _time(text: str, *, end: bool = False) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise _WrongError("bad_time", text=text)
    minutes = int(found[1]) * 60 + int(found[2])
    if int(found[2]) > 59 or minutes > DAY_MIN:
        raise _WrongError("bad_time", text=text)
    if minutes == DAY_MIN and not end:
        raise _WrongError("begins_24")
    return minutes


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _LOCAL.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        raise _WrongError("no_such_date", text=text) from None
    raise _WrongError("bad_date", text=text)


def _days(text: str) -> frozenset[int]:
    told = " ".join(text.lower().split()).replace("s/d", "-")
    if told in _EVERY:
        return frozenset(range(7))
    days: set[int] = set()
    for part in re.split(r"\s*[,;+&/]\s*", told):
        ends = [_day(name.strip(), text) for name in re.split(r"\s*(?:-|–|sampai|to)\s*", part)]
        if len(ends) > 2:
            raise _WrongError("bad_days", text=text)
        days |= {(ends[0] + ahead) % 7 for ahead in range((ends[-1] - ends[0]) % 7 + 1)}
    return frozenset(days)


def _day(name: str, text: str) -> int:
    for number, names in enumerate(_DAYS):
        if name in names:
            return number
    raise _WrongError("bad_days", text=text)


# Writing


def write_roster(roster: Roster) -> str:
    """Return a roster as the file that is kept: every column, dates as ISO, who by commas."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow([both[0] for name, both in COLUMNS.items() if name != "note"])
    for row in roster.rows:
        days = ", ".join(_DAYS[day][0] for day in sorted(row.days)) if len(row.days) < 7 else ""
        part = "pengawas" if row.part == "supervisor" else "petugas"
        span = (_iso(row.first), _iso(row.last))
        writer.writerow(
            ["jaga", row.shift, days, _clock(row.begins_min), _clock(row.ends_min), ", ".join(row.who), part, *span, ""]
        )
    words = {"sick": "sakit", "leave": "cuti", "swap": "tukar", "extra": "tambah"}
    for each in roster.changes:
        span = (_iso(each.first), _iso(each.last))
        writer.writerow([words[each.kind], each.shift or "", "", "", "", each.who, "", *span, each.by or ""])
    return out.getvalue()


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day_names(days: Iterable[int], *, english: bool) -> str:
    """Return days of the week as people write them."""
    return ", ".join(_DAYS[day][2 if english else 0].capitalize() for day in sorted(days))


assert set(_KINDS.values()) - {None} == set(get_args(Kind))
