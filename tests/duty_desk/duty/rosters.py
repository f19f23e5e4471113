"""Rosters for the tests, written as a head of shift writes them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from duty_desk.access.people import Account
from duty_desk.duty.findings import Finding
from duty_desk.duty.roster import Roster
from duty_desk.duty.roster_check import check_roster
from duty_desk.duty.roster_file import read_roster
from duty_desk.incidents.actor import Role

JAKARTA = ZoneInfo("Asia/Jakarta")
HEAD = "jenis;shift;hari;mulai;selesai;siapa;peran;dari;sampai;pengganti\n"
WEEK = (
    HEAD
    + """jaga;Pagi;;07:00;15:00;petugas-1, petugas-2;;;;
jaga;Siang;;15:00;23:00;petugas-3;;;;
jaga;Malam;;23:00;07:00;petugas-4;;;;
jaga;Pengawas;;07:00;07:00;pengawas-1;pengawas;;;
"""
)


def account(name: str, role: Role = "officer", *, disabled: bool = False) -> Account:
    """Return an account."""
    return Account(name, name.replace("-", " ").capitalize(), role, "", disabled, 1, 0)


ACCOUNTS = {
    each.name: each
    for each in [
        *(account(f"petugas-{number}") for number in range(1, 7)),
        account("petugas-9", disabled=True),
        account("pengawas-1", "supervisor"),
        account("tamu-1", "viewer"),
    ]
}


def ns(text: str, zone: ZoneInfo = JAKARTA) -> int:
    """Return a local time, such as `2026-12-01 07:00`, by the centre's clock."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 10**9


def roster(text: str, zone: ZoneInfo = JAKARTA) -> Roster:
    """Return the roster of a file that is good."""
    made, findings = read_roster(text.encode(), zone)
    assert made is not None, findings
    return made


def findings(text: str, now: str = "2026-12-01 08:00", *, allow_gaps: bool = False) -> list[Finding]:
    """Return what is wrong with a file, read and checked."""
    made, found = read_roster(text.encode(), JAKARTA)
    return found if made is None else check_roster(made, ACCOUNTS, ns(now), allow_gaps=allow_gaps)


def told(text: str, now: str = "2026-12-01 08:00", *, allow_gaps: bool = False) -> list[tuple[str, str, int | None]]:
    """Return level, code and line of each finding."""
    return [(each.level, each.code, each.line) for each in findings(text, now, allow_gaps=allow_gaps)]
