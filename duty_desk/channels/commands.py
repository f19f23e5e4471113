"""`siaga desk contact …` and `siaga desk channel …`: where people are reached, and whether that works."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from duty_desk.access.commands import Config

if TYPE_CHECKING:
    from duty_desk.settings import Desk

contact_app = typer.Typer(no_args_is_help=True, help="Numbers and addresses of people, for the channels.")
channel_app = typer.Typer(no_args_is_help=True, help="The channels by which people are paged.")

NO_DESK: Final = 3
_ANSWER_S: Final = 10.0
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@contact_app.command("set", epilog="Example: siaga desk contact set petugas-1 sms +628115550110 --config desk.toml")
def set_(account: str, channel: str, address: str, config: Config, as_json: Json = False) -> None:
    """Set where an account is reached through a channel; a running desk sees it within a second."""
    import time

    from duty_desk.channels.sms.words import phone_number
    from duty_desk.errors import ContactError

    desk = _load(config)
    names = desk.settings.channels.names() - {"push"}
    if channel not in names:
        _refuse(f"no channel {channel} with addresses is set up in desk.toml: {', '.join(sorted(names)) or 'none is'}")
    if account not in _accounts(desk):
        _refuse(f"no account {account}; siaga desk user list shows those there are")
    try:
        if channel == "sms" and desk.settings.channels.sms is not None:
            address = phone_number(address, desk.settings.channels.sms.country)
        with _contacts(desk) as file:
            file.set(account, channel, address, time.time_ns())
    except ContactError as error:
        _refuse(str(error))
    print(
        json.dumps({"account": account, "channel": channel, "address": address})
        if as_json
        else f"{account} {channel} {address}"
    )


@contact_app.command("list", epilog="Example: siaga desk contact list --config desk.toml --json")
def list_(config: Config, as_json: Json = False) -> None:
    """List all addresses, and of accounts that are gone too."""
    desk = _load(config)
    known = _accounts(desk)
    with _contacts(desk) as file:
        found = [
            {"account": each.account, "channel": each.channel, "address": each.address, "known": each.account in known}
            for each in file.addresses()
        ]
    if as_json:
        print(json.dumps({"contacts": found}, ensure_ascii=False))
        return
    for row in found:
        gone = "" if row["known"] else "  (no such account: siaga desk contact remove)"
        print(f"{row['account']:<20}  {row['channel']:<10}  {row['address']}{gone}")


@contact_app.command(epilog="Example: siaga desk contact remove petugas-1 sms --config desk.toml")
def remove(account: str, channel: str, config: Config, as_json: Json = False) -> None:
    """Remove an address."""
    with _contacts(_load(config)) as file:
        if not file.remove(account, channel):
            _refuse(f"{account} has no address for {channel}")
    print(
        json.dumps({"account": account, "channel": channel, "removed": True})
        if as_json
        else f"{account} {channel} removed"
    )


@channel_app.command("test", epilog="Example: siaga desk channel test sms --to petugas-1 --config desk.toml")
def try_channel(
    name: str,
    config: Config,
    to: Annotated[str | None, typer.Option(help="The account, for a channel that goes to people.")] = None,
    as_json: Json = False,
) -> None:
    """Send a test by a channel, through the running desk; it stands in the ledger. Its first word says that it is one.

    Exit status: 0 it was handed over, 1 it was not, 3 no desk runs, 78 the configuration cannot be used.
    """
    from duty_desk.control import ask

    desk = _load(config)
    try:
        told = ask(desk.contacts.parent, {"channel_test": {"name": name, "to": to}}, _ANSWER_S)
    except (OSError, ValueError) as error:
        _refuse(f"the desk gives no answer: {error}")
    if told is None:
        _refuse("no desk runs; start it: siaga desk run", NO_DESK)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    elif told.get("outcome") == "handed":
        print(f"{name}: handed over in {told.get('took_ms')} ms{_detail(told)}")
    if told.get("outcome") != "handed":
        _refuse(f"{name}: {told.get('error') or 'not handed over'}{_detail(told)}")


@channel_app.command(epilog="Example: siaga desk channel inbox --config desk.toml --json")
def inbox(
    config: Config, most: Annotated[int, typer.Option(min=1, max=5_000, help="How many.")] = 50, as_json: Json = False
) -> None:
    """Show the SMS that came, the latest first, and what the desk made of each: only answers are obeyed."""
    from datetime import datetime

    from duty_desk.channels.sms.settings import DATABASE
    from duty_desk.channels.sms.spool import Spool

    path = _load(config).contacts.parent / DATABASE
    found = Spool(path).replies(most) if path.exists() else []
    for each in found:
        # Whoever sent it chose the text: nothing in it may steer a terminal.
        text = "".join(letter if letter.isprintable() else " " for letter in each.text)
        at = datetime.fromtimestamp(each.at_ns / 1e9).astimezone()
        if as_json:
            print(json.dumps({"at_ns": each.at_ns, "from": each.number, "text": text, "verdict": each.verdict}))
        else:
            print(f"{at:%F %T}  {each.number}  [{each.verdict}]  {text}")


@channel_app.command("smsd-config", epilog="Example: siaga desk channel smsd-config --config desk.toml")
def smsd_config_(config: Config) -> None:
    """Print gammu-smsd's configuration for [channels.sms], and make the file that it and the desk share."""
    from duty_desk.channels.sms.settings import DATABASE, smsd_config
    from duty_desk.channels.sms.spool import Spool

    desk = _load(config)
    if desk.settings.channels.sms is None:
        _refuse("desk.toml has no [channels.sms]")
    path = (desk.contacts.parent / DATABASE).resolve()
    Spool(path).close()
    print(smsd_config(desk.settings.channels.sms, path), end="")


class _Closing:
    """contacts.db, closed at the end."""

    def __init__(self, path: Path) -> None:
        from duty_desk.channels.contacts import ContactsFile

        self._file = ContactsFile(path)

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _contacts(desk: Desk) -> _Closing:
    return _Closing(desk.contacts)


def _accounts(desk: Desk) -> set[str]:
    from duty_desk.access.store import open_accounts, read_accounts

    with open_accounts(desk.accounts).connect() as connection:
        return {each.name for each in read_accounts(connection)}


def _detail(told: dict[str, Any]) -> str:
    return f": {told['detail']}" if told.get("detail") else ""


def _load(config: Path) -> Desk:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.settings import load_desk

    try:
        return load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


def _refuse(words: str, status: int = 1) -> NoReturn:
    print(words, file=sys.stderr)
    raise typer.Exit(status)
