"""`siaga wall`: the plan of the screens, Grafana's walls, and the wall server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dashboards.server.commands import register

if TYPE_CHECKING:
    from dashboards.grafana.client import Client
    from dashboards.grafana.settings import Grafana
    from dashboards.grafana.wanted import Change, Thing

app = typer.Typer(help="The walls of the command centre.", no_args_is_help=True)
register(app)

_EX_UNAVAILABLE = 69
_EX_NOPERM = 77
Config = Annotated[Path, typer.Option("--config", help="grafana.toml: which Grafana, and who asks the store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Language = Annotated[str, typer.Option(help="Of the alert rules: id or en. Dashboards come in both.")]


@app.command(epilog="Example: siaga wall plan --plan wall.toml")
def plan(
    file: Annotated[Path | None, typer.Option("--plan", help="wall.toml; the sample of 24 screens without.")] = None,
    inventory: Annotated[Path | None, typer.Option(help="Check its boxes and sensors too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check wall.toml and say what each screen shows."""
    from contract.inventory import parse_inventory
    from dashboards.plan import SAMPLE, load_plan

    with _told():
        wall = load_plan(file or SAMPLE)
        told = []
        if inventory is not None:
            try:
                known = parse_inventory(inventory.read_text(encoding="utf-8"), source=str(inventory))
            except OSError as error:
                _fail(f"{inventory} cannot be read: {error.strerror}")
            told = wall.unknown_names(known)
    if as_json:
        from dataclasses import asdict

        print(json.dumps({**asdict(wall), "unknown": told}, ensure_ascii=False))
    else:
        for screen in wall.screens:
            shown = ", ".join(f"{show.uid} {show.seconds} s" for show in screen.rotation)
            marks = [screen.language, screen.theme, screen.source, *(["takeover"] if screen.takeover else [])]
            print(f"{screen.number:>2}  {shown}  ({', '.join(marks)})")
        for line in told:
            print(line, file=sys.stderr)
    raise typer.Exit(bool(told))


@app.command(epilog="Example: siaga wall build --provisioning /etc/grafana/provisioning --config grafana.toml")
def build(
    provisioning: Annotated[Path, typer.Option(help="Grafana's provisioning folder, or one to copy there.")],
    config: Config,
    dashboards: Annotated[
        str | None, typer.Option(help="Where the folder siaga/ will be on Grafana's machine, if elsewhere.")
    ] = None,
    language: Language = "id",
) -> None:
    """Write provisioning files, for a Grafana whose API nobody may use. No secret is in them."""
    from dashboards.grafana.files import provisioning as texts
    from dashboards.grafana.settings import load_inventory, load_settings

    _known_language(language)
    with _told():
        settings = load_settings(config)
        path = dashboards or str((provisioning / "siaga").resolve())
        made = texts(
            settings.store,
            folder=settings.folder,
            dashboards_path=path,
            language=language,
            inventory=load_inventory(settings, config),
            time_zone=settings.time_zone,
        )
        try:
            for name, text in made.items():
                file = provisioning / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        except OSError as error:
            _fail(f"{error.filename or provisioning} cannot be written: {error.strerror}")
    print(f"{len(made)} files in {provisioning}; give Grafana the reader's secret as SIAGA_STORE_SECRET and restart it")


@app.command(epilog="Example: siaga wall diff --config grafana.toml")
def diff(config: Config, language: Language = "id", as_json: AsJson = False) -> None:
    """Say what a push would change, and change nothing. Exits 1 when there is something."""
    _known_language(language)
    with _told():
        _, client, things = _open(config, language)
        planned = _changes(client, things)
    _print(planned, as_json, done=False)
    raise typer.Exit(bool(planned))


@app.command(epilog="Example: siaga wall push --config grafana.toml")
def push(
    config: Config,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    language: Language = "id",
    as_json: AsJson = False,
) -> None:
    """Bring Grafana's folder, data source, dashboards and alert rules to what they should be; nothing of others."""
    from dashboards.push import push as push_changes

    _known_language(language)
    with _told():
        _, client, things = _open(config, language)
        planned = _changes(client, things)
        if not dry_run:
            push_changes(client, planned)
    _print(planned, as_json, done=not dry_run)


@app.command(epilog="Example: siaga wall check --config grafana.toml")
def check(config: Config, language: Language = "id", as_json: AsJson = False) -> None:
    """Check that Grafana is as it should be, that the store answers it, and that a stranger can change nothing.

    A stranger's attempts are real: they name only a database and a measurement of their own, and drop them again.
    """
    from dashboards.grafana.probe import newest
    from dashboards.grafana.stranger import try_all

    _known_language(language)
    with _told():
        grafana, client, things = _open(config, language)
        planned = _changes(client, things)
        store = grafana.settings.store
        answer = newest(client, store.database, time.time() * 1_000)
        try:
            outcomes = try_all(grafana.url, store.database, store.org or "", grafana.settings.timeout_s)
        except OSError as error:
            _fail(f"{grafana.url} cannot be reached: {error}", _EX_UNAVAILABLE)
    went = [outcome for outcome in outcomes if outcome.open]
    if as_json:
        print(
            json.dumps(
                {
                    "changes": [str(change) for change in planned],
                    "store": answer.said,
                    "store_answers": answer.good,
                    "stranger": [{"attempt": o.attempt.name, "open": o.open, "said": o.said} for o in outcomes],
                },
                ensure_ascii=False,
            )
        )
    else:
        for change in planned:
            print(f"differs: {change}; siaga wall push --config {config}")
        print(f"store through Grafana: {answer.said}")
        print(f"a stranger's {len(outcomes)} attempts to change the store: {len(outcomes) - len(went)} refused")
    for outcome in went:
        print(
            f"OPEN TO EVERYBODY: without a log-in one could {outcome.attempt.name} through Grafana ({outcome.said});"
            " give Grafana's data source an account that may only read (docs/walls-grafana.md)",
            file=sys.stderr,
        )
    if went:
        raise typer.Exit(_EX_NOPERM)
    raise typer.Exit(bool(planned) or not answer.good)


def _open(config: Path, language: str) -> tuple[Grafana, Client, list[Thing]]:
    from dashboards.grafana.client import Client
    from dashboards.grafana.settings import load_grafana
    from dashboards.grafana.wanted import wanted

    grafana = load_grafana(config)
    client = Client(grafana.url, grafana.token, grafana.settings.timeout_s)
    client.version()
    things = wanted(
        grafana.settings.store,
        grafana.account.secret,
        folder=grafana.settings.folder,
        token=grafana.token,
        language=language,
        inventory=grafana.inventory,
        time_zone=grafana.settings.time_zone,
    )
    return grafana, client, things


def _changes(client: Client, things: list[Thing]) -> list[Change]:
    from dashboards.push import changes

    return changes(client, things)


def _print(planned: list[Change], as_json: bool, *, done: bool) -> None:
    if as_json:
        told: list[dict[str, Any]] = [
            {"act": change.act, "kind": change.thing.kind, "uid": change.thing.uid, "keys": list(change.keys)}
            for change in planned
        ]
        print(json.dumps({"done": done, "changes": told}))
        return
    for change in planned:
        print(change)
    print(f"{len(planned)} changed" if done else f"{len(planned)} to change")


def _known_language(language: str) -> None:
    if language not in ("id", "en"):
        _fail(f"--language {language}: expected id or en", 2)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong in one line, and leave with the exit status that fits."""
    from contract.errors import EX_CONFIG, ConfigError, SiagaError

    try:
        yield
    except ConfigError as error:
        _fail(str(error), EX_CONFIG)
    except SiagaError as error:
        _fail(str(error), _EX_UNAVAILABLE)


def _fail(text: str, status: int = 1) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(status)
