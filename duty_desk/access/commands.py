"""`siaga desk user …` and `siaga desk token …`: who may come to the desk. They work beside a running desk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from duty_desk.access.changes import Changes
    from duty_desk.access.words import Language
    from duty_desk.incidents.records import Record
    from duty_desk.ledger.place import Place
    from duty_desk.settings import Desk

user_app = typer.Typer(no_args_is_help=True, help="Accounts: who may log in at the desk, in which role.")
token_app = typer.Typer(no_args_is_help=True, help="Tokens: by which other systems may read, and only read.")


class Lang(StrEnum):
    """A language of the words."""

    INDONESIAN = "id"
    ENGLISH = "en"


Config = Annotated[Path, typer.Option("--config", help="The desk's configuration file.", show_default=False)]
Language_ = Annotated[Lang | None, typer.Option("--lang", help="The language; without it, the terminal's.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Name = Annotated[str, typer.Argument(help="The name to log in with, such as petugas-1.", show_default=False)]
TokenName = Annotated[str, typer.Argument(help="The other system's name, such as walls.", show_default=False)]
Role_ = Annotated[str, typer.Option("--role", help="viewer, officer, call_taker, supervisor or admin.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="Its first line is the password; without it, it is asked for twice."),
]


@user_app.command(epilog="Example: siaga desk user add petugas-1 --display 'Petugas 1' --config desk.toml")
def add(
    name: Name,
    config: Config,
    role: Role_ = "officer",
    display: Annotated[str | None, typer.Option(help="The name that others see; without it, the same.")] = None,
    password_file: PasswordFile = None,
    lang: Language_ = None,
) -> None:
    """Add an account. The first one: siaga desk user add NAME --role admin."""
    with _changes(config, lang) as (changes, say):
        account = changes.add(name, role, _password(password_file, say), display)
        print(say("added", name=name, role=account.role))


@user_app.command("list", epilog="Example: siaga desk user list --config desk.toml --json")
def list_users(config: Config, as_json: Json = False, lang: Language_ = None) -> None:
    """List the accounts."""
    with _changes(config, lang) as (changes, say):
        for each in changes.accounts():
            row = {"name": each.name, "display": each.display, "role": each.role, "disabled": each.disabled}
            state = say("off" if each.disabled else "active")
            words = f"{each.name:<20}  {each.role:<10}  {state:<8}  {each.display}"
            _row(row | {"created_ns": each.created_ns}, words, as_json)


@user_app.command("set-password", epilog="Example: siaga desk user set-password petugas-1 --config desk.toml")
def set_password(name: Name, config: Config, password_file: PasswordFile = None, lang: Language_ = None) -> None:
    """Give an account another password. Its sessions end at once."""
    with _changes(config, lang) as (changes, say):
        changes.set_password(name, _password(password_file, say))
        print(say("password_set", name=name))


@user_app.command("set-role", epilog="Example: siaga desk user set-role petugas-1 supervisor --config desk.toml")
def set_role(
    name: Name,
    role: Annotated[str, typer.Argument(help="viewer, officer, call_taker, supervisor or admin.", show_default=False)],
    config: Config,
    lang: Language_ = None,
) -> None:
    """Give an account another role. Its sessions end at once."""
    with _changes(config, lang) as (changes, say):
        changes.set_role(name, role)
        print(say("role_set", name=name, role=role))


@user_app.command(epilog="Example: siaga desk user disable petugas-1 --config desk.toml")
def disable(name: Name, config: Config, lang: Language_ = None) -> None:
    """Let nobody in by an account any more. Its sessions end at once; its name stays in the records."""
    with _changes(config, lang) as (changes, say):
        changes.disable(name)
        print(say("disabled", name=name))


@user_app.command(epilog="Example: siaga desk user enable petugas-1 --config desk.toml")
def enable(name: Name, config: Config, lang: Language_ = None) -> None:
    """Let an account in again."""
    with _changes(config, lang) as (changes, say):
        changes.enable(name)
        print(say("enabled", name=name))


@user_app.command(epilog="Example: siaga desk user sessions petugas-1 --end --config desk.toml")
def sessions(
    config: Config,
    name: Annotated[str | None, typer.Argument(help="Of this account; without it, of all.", show_default=False)] = None,
    end: Annotated[bool, typer.Option("--end", help="End all sessions of the account.")] = False,
    as_json: Json = False,
    lang: Language_ = None,
) -> None:
    """List the sessions: who is logged in, since when, at which screen; the use is at most 30 s old."""
    if end and name is None:
        raise typer.BadParameter("--end needs the name of an account")
    with _changes(config, lang) as (changes, say):
        if end and name is not None:
            changes.end_sessions(name)
            print(say("sessions_ended", name=name))
            return
        for each in changes.sessions(name):
            row = {"id": each.id, "account": each.account, "screen": each.screen}
            used, since = say("used", time=_time(each.used_ns)), say("since", time=_time(each.created_ns))
            words = f"{each.account:<20}  {each.screen or '-':<12}  {since}  {used}"
            _row(row | {"created_ns": each.created_ns, "used_ns": each.used_ns}, words, as_json)


@token_app.command("add", epilog="Example: siaga desk token add walls --config desk.toml")
def add_token(name: TokenName, config: Config, lang: Language_ = None) -> None:
    """Add a token and show it, this once. Another system sends it as `Authorization: Bearer …`."""
    with _changes(config, lang) as (changes, say):
        token = changes.add_token(name)
        print(say("token_added", name=name), file=sys.stderr)
        print(token)


@token_app.command("list", epilog="Example: siaga desk token list --config desk.toml --json")
def list_tokens(config: Config, as_json: Json = False, lang: Language_ = None) -> None:
    """List the tokens' names."""
    with _changes(config, lang) as (changes, say):
        for each in changes.tokens():
            words = f"{each.name:<20}  {say('since', time=_time(each.created_ns))}"
            _row({"name": each.name, "created_ns": each.created_ns}, words, as_json)


@token_app.command("remove", epilog="Example: siaga desk token remove walls --config desk.toml")
def remove_token(name: TokenName, config: Config, lang: Language_ = None) -> None:
    """Take a token back; what reads by it is cut off."""
    with _changes(config, lang) as (changes, say):
        changes.remove_token(name)
        print(say("token_removed", name=name))


Say = Callable[..., str]


@contextmanager
def _changes(config: Path, lang: Lang | None) -> Iterator[tuple[Changes, Say]]:
    """Open accounts.db, and tell an error in words and exit 1."""
    import functools
    import getpass

    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.access.changes import Changes
    from duty_desk.access.errors import AccountError
    from duty_desk.access.words import default_language, say

    language: Language = default_language() if lang is None else lang.value
    told = functools.partial(say, language)
    desk = _load(config)
    unrecorded: list[str] = []

    def record(entry: Record) -> None:
        reason = _append(desk.ledger, entry)
        if reason is not None:
            unrecorded.append(told("not_recorded", path=desk.ledger, reason=reason))

    try:
        with Changes(desk.accounts, f"command line: {getpass.getuser()}", record) as changes:
            yield changes, told
    except AccountError as error:
        print(told(error.code, **error.values), file=sys.stderr)
        raise typer.Exit(1) from None
    except (SQLAlchemyError, OSError, ValueError) as error:
        print(told("cannot_open", path=desk.accounts, reason=getattr(error, "orig", None) or error), file=sys.stderr)
        raise typer.Exit(1) from None
    if unrecorded:
        print("\n".join(unrecorded), file=sys.stderr)
        raise typer.Exit(1)


def _load(config: Path) -> Desk:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.settings import load_desk

    try:
        return load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


def _append(ledger: Place, record: Record) -> str | None:
    """Append to the ledger beside the desk; return why that did not work, or None."""
    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.ledger.writer import append_now

    try:
        append_now(ledger, record)
    except (SQLAlchemyError, OSError) as error:
        return str(getattr(error, "orig", None) or error)
    return None


def _password(file: Path | None, say: Say) -> str:
    """Return a password from a file, or typed twice without being shown."""
    import getpass

    if file is not None:
        try:
            return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            print(say("cannot_read", path=file, reason=getattr(error, "strerror", None) or error), file=sys.stderr)
            raise typer.Exit(1) from None
    if not sys.stdin.isatty():
        print(say("no_terminal"), file=sys.stderr)
        raise typer.Exit(1)
    password = getpass.getpass(say("password"))
    if getpass.getpass(say("again")) != password:
        print(say("differ"), file=sys.stderr)
        raise typer.Exit(1)
    return password


def _row(row: dict[str, Any], words: str, as_json: bool) -> None:
    import json

    print(json.dumps(row, ensure_ascii=False) if as_json else words)


def _time(time_ns: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")
