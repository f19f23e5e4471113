"""`siaga collector quarantine`: list, show, replay and purge what was refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collector.quarantine import Row
    from collector.quarantine_pick import Pick
    from store import Store

app = typer.Typer(help="Bodies that were refused.", no_args_is_help=True)

_EX_FAILURE: Final = 1
_EX_UNAVAILABLE: Final = 69
_EX_IOERR: Final = 74
_SHOWN_BYTES: Final = 80
_DAY_NS: Final = 86_400 * 10**9

Config = Annotated[Path, typer.Option("--config", help="The collector's configuration file.")]
Hash = Annotated[str | None, typer.Argument(help="The start of a body's hash, as `list` prints it.")]
Device = Annotated[str | None, typer.Option(help="Only of this device.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason, such as `unknown kind`.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a body.")]
All = Annotated[bool, typer.Option("--all", help="All there are.")]


@app.command("list")
def list_quarantine(
    config: Config,
    device: Device = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Print the bodies that were refused, oldest first, and why; then how many were refused by reason.

    Example: siaga collector quarantine list --config collector.toml --reason "unknown kind" --json
    """
    from collector.quarantine_pick import Pick, rows
    from collector.quarantine_read import read_counts

    path = _file(config)
    with _told():
        for row in rows(path, Pick(device=device, reason=reason), limit=limit):
            typer.echo(json.dumps(_as_dict(row)) if as_json else _as_line(row))
        counts = {} if as_json else read_counts(path)
    if not as_json:
        typer.echo("".join(f"{number} {why}\n" for why, number in counts.items()) or "empty", nl=not counts)


@app.command()
def show(config: Config, sha256: Hash = None, as_json: AsJson = False) -> None:
    """Print everything about one body, and what today's rules say of it.

    Example: siaga collector quarantine show 3fa9c1 --config collector.toml
    """
    from collector.quarantine_pick import judge
    from collector.roster import Roster

    path = _file(config)
    pick = _pick(sha256, None, None, everything=False)
    with _told():
        row = _only(path, pick)
    trial = judge(row, Roster(), time.time_ns())
    told = _as_dict(row) | {"good_readings_now": trial.count, "still_refused": trial.why_not}
    if as_json:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        typer.echo(f"{name:18} {_printable(str(value))}")


@app.command()
def replay(
    config: Config,
    sha256: Hash = None,
    device: Device = None,
    reason: Reason = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Write refused bodies to the store as today's rules and the store itself take them; what is stored leaves.

    A body of which anything is still refused stays. Exits 1 when some stayed, 69 when the store does not answer.

    Example: siaga collector quarantine replay --config collector.toml --reason "field type conflict"
    """
    from collector.config import load
    from collector.quarantine_pick import rows
    from contract.errors import EX_CONFIG, ConfigError
    from store import StoreError, open_store

    path = _file(config)
    pick = _pick(sha256, device, reason, everything=everything)
    try:
        settings = load(config).store
        store = open_store(settings, settings.account(config), others=True)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None
    with _told():
        try:
            stored, stayed = asyncio.run(_replay(path, store, rows(path, pick), as_json=as_json))
        except StoreError as error:
            typer.echo(f"store: {error}", err=True)
            raise typer.Exit(_EX_UNAVAILABLE) from None
    if not as_json:
        typer.echo(f"{stored} stored, {stayed} stayed")
    if stayed:
        raise typer.Exit(_EX_FAILURE)


@app.command()
def purge(
    config: Config,
    sha256: Hash = None,
    device: Device = None,
    reason: Reason = None,
    older_than_days: Annotated[float | None, typer.Option(min=0, help="Only what was last seen before that.")] = None,
    everything: All = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take bodies away for good. The counts by reason stay.

    Example: siaga collector quarantine purge --config collector.toml --older-than-days 30
    """
    from collector.quarantine_pick import remove, rows

    path = _file(config)
    before_ns = None if older_than_days is None else time.time_ns() - int(older_than_days * _DAY_NS)
    pick = _pick(sha256, device, reason, before_ns=before_ns, everything=everything)
    with _told():
        removed = sum(remove(path, [row], stored=False) for row in rows(path, pick))
    typer.echo(json.dumps({"purged": removed}) if as_json else f"{removed} purged")


async def _replay(path: Path, store: Store, found: Iterator[Row], *, as_json: bool) -> tuple[int, int]:
    from collector.quarantine_pick import judge, remove
    from collector.roster import Roster
    from store import StoreRefusedError, StoreTooLargeError

    stored = stayed = 0
    roster = Roster()
    async with store:
        for row in found:
            trial = judge(row, roster, time.time_ns())
            why = trial.why_not
            if trial.count:
                try:
                    await store.write(trial.lines)
                except (StoreRefusedError, StoreTooLargeError) as error:
                    why = str(error)
            if why is None:
                remove(path, [row], stored=True)
                stored += 1
            else:
                stayed += 1
            told = {"sha256": row.sha256, "device": row.device, "readings": trial.count, "still_refused": why}
            words = "stored" if why is None else f"stays: {why}"
            typer.echo(
                json.dumps(told) if as_json else _printable(f"{row.sha256[:12]}  {row.device or row.topic}  {words}")
            )
    return stored, stayed


def _file(config: Path) -> Path:
    from collector.config import load
    from collector.quarantine import FILE
    from contract.errors import EX_CONFIG, ConfigError

    try:
        return load(config).data_dir / FILE
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None


def _pick(
    sha256: str | None,
    device: str | None,
    reason: str | None,
    *,
    everything: bool,
    before_ns: int | None = None,
) -> Pick:
    from collector.quarantine_pick import LEAST_PREFIX, Pick

    if sha256 is not None and len(sha256) < LEAST_PREFIX:
        raise typer.BadParameter(f"at least {LEAST_PREFIX} characters of it", param_hint="SHA256")
    if (sha256, device, reason, before_ns) == (None, None, None, None) and not everything:
        raise typer.BadParameter("say which: the start of a hash, or an option; see --help")
    return Pick(sha256, device, reason, before_ns)


def _only(path: Path, pick: Pick) -> Row:
    from collector.quarantine_pick import rows

    found = list(rows(path, pick, limit=2))
    if len(found) != 1:
        typer.echo("no such body" if not found else "more than one begins so; give more of the hash", err=True)
        raise typer.Exit(_EX_FAILURE)
    return found[0]


@contextmanager
def _told() -> Iterator[None]:
    """End with a line and a status when the quarantine's file cannot be used."""
    from collector.quarantine import QuarantineError

    try:
        yield
    except QuarantineError as error:
        typer.echo(f"collector: quarantine: {error}", err=True)
        raise typer.Exit(_EX_IOERR) from None


def _as_dict(row: Row) -> dict[str, object]:
    return {
        "sha256": row.sha256,
        "reason": row.reason,
        "detail": row.detail,
        "device": row.device,
        "topic": row.topic,
        "readings": row.readings,
        "size_bytes": row.size_bytes,
        "first_seen_ns": row.first_seen_ns,
        "last_seen_ns": row.last_seen_ns,
        "count": row.count,
        "body": row.body.decode("utf-8", "backslashreplace"),
    }


def _as_line(row: Row) -> str:
    from datetime import UTC, datetime

    seen = datetime.fromtimestamp(row.first_seen_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = row.body[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    why = f"{row.reason}: {row.detail}" if row.detail else row.reason
    return _printable(f"{seen}  {row.sha256[:12]}  {row.count}x  {row.device or row.topic}  {why}  {body}")


def _printable(text: str) -> str:
    # Much of it comes from outside: nothing may reach the terminal as a control sequence.
    return "".join(one if one.isprintable() else "·" for one in text)
