"""`siaga desk roster …`: who is on duty, by the head of shift's own file, beside a running desk."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duty_desk.access.commands import Config, Lang, Language_

if TYPE_CHECKING:
    from duty_desk.access.people import Account
    from duty_desk.access.words import Language
    from duty_desk.duty.findings import Finding
    from duty_desk.duty.roster import Roster, Turn
    from duty_desk.settings import Desk

roster_app = typer.Typer(no_args_is_help=True, help="The roster: who is on duty, by week plan with exceptions.")

File = Annotated[Path, typer.Argument(help="CSV, as a spreadsheet saves it.", show_default=False)]
AllowGaps = Annotated[bool, typer.Option("--allow-gaps", help="Take it though nobody is on duty at times.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Say = Callable[..., str]


@roster_app.command("import", epilog="Example: siaga desk roster import jadwal.csv --config desk.toml")
def import_(
    file: File, config: Config, allow_gaps: AllowGaps = False, as_json: Json = False, lang: Language_ = None
) -> None:
    """Check a roster and put it in force. One that begins later leaves the one before in force until then."""
    with _told(config, lang) as (desk, say, language):
        roster, findings, last = _checked(desk, file, allow_gaps=allow_gaps)
        _print(findings, file, language, as_json)
        errors = sum(finding.level == "error" for finding in findings)
        if roster is None or errors:
            print(say("refused", count=errors), file=sys.stderr)
            raise typer.Exit(1)
        _save(desk, roster, say)
        if last is not None:
            print(say("imported_from", last=last), file=sys.stderr)
        print(say("imported", people=len(roster.people), rows=len(roster.rows)), file=sys.stderr)


@roster_app.command(epilog="Example: siaga desk roster check jadwal.csv --config desk.toml")
def check(
    file: File, config: Config, allow_gaps: AllowGaps = False, as_json: Json = False, lang: Language_ = None
) -> None:
    """Check a roster, and change nothing. Exit 1 when it would not be imported."""
    with _told(config, lang) as (desk, say, language):
        _, findings, _ = _checked(desk, file, allow_gaps=allow_gaps)
        _print(findings, file, language, as_json)
        if any(finding.level == "error" for finding in findings):
            raise typer.Exit(1)
        print(say("good", file=file), file=sys.stderr)


@roster_app.command(epilog="Example: siaga desk roster show --week 2026-12-07 --config desk.toml")
def show(
    config: Config,
    week: Annotated[str | None, typer.Option(help="A day of that week, as 2026-12-07; without it, this one.")] = None,
    as_json: Json = False,
    lang: Language_ = None,
) -> None:
    """Show who is on duty, day by day, from Monday to Sunday."""
    with _told(config, lang) as (desk, say, language):
        roster = _in_force(desk)
        if roster is None:
            print(say("no_roster"), file=sys.stderr)
            return
        now_ns = time.time_ns()
        try:
            day = roster.day_of(now_ns) if week is None else date.fromisoformat(week)
        except ValueError:
            raise typer.BadParameter("expected a day as 2026-12-07", param_hint="--week") from None
        monday = day - timedelta(day.weekday())
        for ahead in range(7):
            _print_day(roster, monday + timedelta(ahead), now_ns, say, language, as_json)


def _print_day(roster: Roster, day: date, now_ns: int, say: Say, language: Language, as_json: bool) -> None:
    from duty_desk.duty.roster_check import told_time
    from duty_desk.duty.roster_file import day_names

    turns = roster.of_day(day)
    if not as_json:
        print(f"{day_names([day.weekday()], english=language == 'en')} {day}")
        if not any(turn.part == "officer" for turn in turns):
            print(f"  {say('nobody')}")
    shifts: dict[tuple[int, int, str, str], list[Turn]] = {}
    for turn in turns:
        shifts.setdefault((turn.begin_ns, turn.end_ns, turn.shift, turn.part), []).append(turn)
    for (begin_ns, end_ns, shift, part), people in shifts.items():
        begin, end = told_time(roster, begin_ns), told_time(roster, end_ns)
        who = [turn.who for turn in people]
        now = people[0].covers(now_ns)
        row = {"shift": shift, "part": part, "begin": begin, "end": end, "who": who, "now": now}
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            mark = f"  ← {say('now')}" if now else ""
            what = shift if part == "officer" else f"{shift} ({say('supervisors')})"
            print(f"  {begin[11:]}–{end[11:]}  {what:<24}  {', '.join(who)}{mark}")


@contextmanager
def _told(config: Path, lang: Lang | None) -> Iterator[tuple[Desk, Say, Language]]:
    """Yield the desk's configuration and words, and tell what cannot be read in words and exit 1."""
    import functools

    from sqlalchemy.exc import SQLAlchemyError

    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.duty.words import default_language, say
    from duty_desk.settings import load_desk

    language = default_language() if lang is None else lang.value
    told = functools.partial(say, language)
    try:
        desk = load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    try:
        yield desk, told, language
    except OSError as error:
        print(told("cannot_read", path=error.filename, reason=error.strerror or error), file=sys.stderr)
        raise typer.Exit(1) from None
    except SQLAlchemyError as error:
        print(told("cannot_read", path=desk.accounts, reason=getattr(error, "orig", error)), file=sys.stderr)
        raise typer.Exit(1) from None


def _checked(desk: Desk, file: Path, *, allow_gaps: bool) -> tuple[Roster | None, list[Finding], date | None]:
    """Return the roster that would be in force, what is wrong with it, and the last day of the one before, if it stays
    in force until then."""
    from duty_desk.duty.roster import followed_by
    from duty_desk.duty.roster_check import check_roster
    from duty_desk.duty.roster_disk import read_file
    from duty_desk.duty.roster_file import read_roster

    roster, findings = read_roster(read_file(file), desk.settings.duty.zone)
    if roster is None:
        return None, findings, None
    now_ns = time.time_ns()
    before = _in_force(desk)
    whole = roster if before is None else followed_by(before, roster, roster.day_of(now_ns))
    last = None if whole is roster else min(row.first for row in roster.rows if row.first) - timedelta(1)
    return whole, check_roster(whole, _accounts(desk), now_ns, allow_gaps=allow_gaps), last


def _in_force(desk: Desk) -> Roster | None:
    """Return the roster in force; None without one, or when it cannot be read."""
    from duty_desk.duty.roster_disk import RosterDisk

    disk = RosterDisk(desk.roster, desk.settings.duty.zone)
    disk.look()
    return disk.roster


def _accounts(desk: Desk) -> dict[str, Account]:
    from duty_desk.access.store import open_accounts, read_accounts

    engine = open_accounts(desk.accounts)
    try:
        with engine.connect() as connection:
            return {account.name: account for account in read_accounts(connection)}
    finally:
        engine.dispose()


def _save(desk: Desk, roster: Roster, say: Say) -> None:
    import getpass

    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.duty.records import duty_record
    from duty_desk.duty.roster_disk import save_roster
    from duty_desk.ledger.writer import append_now

    try:
        save_roster(desk.roster, roster)
    except OSError as error:
        print(say("cannot_write", path=desk.roster, reason=error.strerror or error), file=sys.stderr)
        raise typer.Exit(1) from None
    detail = f"{len(roster.people)} people, {len(roster.rows)} lines, {len(roster.changes)} exceptions"
    record = duty_record(
        "roster_changed", at_ns=time.time_ns(), who=f"command line: {getpass.getuser()}", detail=detail
    )
    try:
        append_now(desk.ledger, record)
    except (SQLAlchemyError, OSError) as error:
        print(say("not_recorded", path=desk.ledger, reason=getattr(error, "orig", None) or error), file=sys.stderr)
        raise typer.Exit(1) from None


def _print(findings: list[Finding], file: Path, language: Language, as_json: bool) -> None:
    for finding in findings:
        text = finding.told(str(file), language)
        row = {"level": finding.level, "code": finding.code, "file": str(file), "line": finding.line, "text": text}
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(text, file=sys.stderr)
