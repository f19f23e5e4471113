"""`siaga collector books`: what the devices say they produced against what the store has."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from collector.books import Verdict
    from collector.config import Folders
    from store import Store

_EX_FAILURE: Final = 1
_EX_UNAVAILABLE: Final = 69
_EX_IOERR: Final = 74
_HOUR_NS: Final = 3_600 * 10**9


def books(
    config: Annotated[Path, typer.Option("--config", help="The collector's configuration file.")],
    device: Annotated[str | None, typer.Argument(help="One device; without it all.")] = None,
    hours: Annotated[int, typer.Option(min=1, max=960, help="How many hours back.")] = 24,
    faults: Annotated[bool, typer.Option("--faults", help="Only what is short or too much.")] = False,
    username: Annotated[
        str | None, typer.Option(help="An account of the store that may read; without it that of [books].")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Its password, one line, mode 0600.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a device and hour.")] = False,
) -> None:
    """Hold each device's reports against the store's count, hour by hour; exits 1 when readings are lost or too many.

    The collector notes the reports when its configuration has [books].

    Example: siaga collector books box-1 --config collector.toml
    """
    from collector.books import FAULTS
    from collector.books_file import BooksError
    from collector.quarantine import QuarantineError
    from store import StoreDeniedError, StoreError

    folders, store, keeps = _opened(config, username, password_file)
    since_ns = time.time_ns() - hours * _HOUR_NS
    try:
        found = asyncio.run(_all(folders, store, device, since_ns))
    except StoreError as error:
        hint = "; to count needs an account that may read: store_username in [books], or --username"
        typer.echo(f"store: {error}{hint if isinstance(error, StoreDeniedError) else ''}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
    except (BooksError, QuarantineError) as error:
        typer.echo(f"collector: {error}", err=True)
        raise typer.Exit(_EX_IOERR) from None
    wrong = [one for one in found if one[1].state in FAULTS]
    for name, verdict in wrong if faults else found:
        told = _as_dict(name, verdict)
        typer.echo(json.dumps(told) if as_json else _as_line(told))
    if not found:
        hint = "a box reports each minute, and it takes two reports" if keeps else "the configuration has no [books]"
        typer.echo(f"nothing to judge of {device or 'any device'} in that time: {hint}", err=True)
    if wrong:
        raise typer.Exit(_EX_FAILURE)


async def _all(folders: Folders, store: Store, device: str | None, since_ns: int) -> list[tuple[str, Verdict]]:
    from collector.books_check import check

    async with store:
        return [one async for one in check(folders, store, device, since_ns)]


def _opened(config: Path, username: str | None, password_file: Path | None) -> tuple[Folders, Store, bool]:
    """Return the collectors' folders, the store as an account sees it that reads, and whether it keeps books."""
    from collector.config import books_account, books_folders, load
    from contract.errors import EX_CONFIG, ConfigError, PrivateFileError
    from store import Account, open_store

    if (username is None) != (password_file is None):
        raise typer.BadParameter("they belong together", param_hint="--username, --password-file")
    try:
        settings = load(config)
        if username is None or password_file is None:
            account = books_account(settings, config) or settings.store.account(config)
        else:
            account = Account(username, password_file)
    except (ConfigError, PrivateFileError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None
    return books_folders(settings), open_store(settings.store, account), settings.books is not None


def _as_dict(device: str, verdict: Verdict) -> dict[str, Any]:
    window = verdict.window
    stored = verdict.stored
    middle = min(max(verdict.expected, stored.narrow), stored.wide)
    return {
        "device": device,
        "from": _time(window.begin_ns),
        "to": _time(window.end_ns),
        "produced": window.produced,
        "dropped": window.dropped,
        "waiting": window.backlog,
        "refused": verdict.refused,
        "expected": verdict.expected,
        "stored": middle,
        "stored_within": [stored.narrow, stored.wide],
        "restarts": window.restarts,
        "difference": verdict.difference,
        "state": verdict.state,
        "why": verdict.why,
    }


def _as_line(told: dict[str, Any]) -> str:
    return (
        f"{told['device']}  {told['from']} to {told['to']}  produced {told['produced']} - dropped {told['dropped']} "
        f"- refused {told['refused']} = {told['expected']}; stored {told['stored']}; waiting {told['waiting']}  "
        f"{told['state']}{': ' + told['why'] if told['why'] else ''}"
    )


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
