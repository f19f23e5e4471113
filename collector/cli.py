"""`siaga collector`: run it, watch it, and look into its quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.books_cli import books
from collector.quarantine_cli import app as quarantine_app

if TYPE_CHECKING:
    from collector.config import CollectorSettings
    from link import Endpoint
    from store import Account

app = typer.Typer(help="Readings from the broker into the store.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
app.command()(books)

_EX_UNAVAILABLE = 69
_EX_IOERR = 74
Config = Annotated[Path, typer.Option("--config", help="The configuration file.")]


@app.callback()
def _room() -> None:
    """Readings from the broker into the store."""


@app.command()
def run(
    config: Config,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[str, typer.Option(help="text, or json: one object a line.")] = "text",
) -> None:
    """Collect until SIGTERM or SIGINT; prints `ready` once subscribed and the store answered.

    Example: siaga collector run --config collector.toml
    """
    from collector.main import serve
    from collector.quarantine import QuarantineError
    from collector.web import ListenError

    settings = _settings(config)
    broker, account, topics = _identities(settings, config)
    books = _books(settings, config)
    _log_to_stderr(log_level, log_format)
    try:
        serve(settings, broker, account, topics, books)
    except QuarantineError as error:
        typer.echo(f"collector: quarantine: {error}", err=True)
        raise typer.Exit(_EX_IOERR) from None
    except ListenError as error:
        typer.echo(f"collector: {error}", err=True)
        raise typer.Exit(_EX_IOERR) from None


@app.command()
def top(
    url: Annotated[str, typer.Option(help="Where its [metrics] are answered.")] = "http://127.0.0.1:9469",
    interval: Annotated[float, typer.Option(min=0.1, max=60.0, help="Seconds between two looks.")] = 1.0,
    looks: Annotated[int | None, typer.Option(min=1, help="How many looks; without it until Ctrl-C.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a look.")] = False,
) -> None:
    """Show what a running collector does now: rates, what it holds, what it refuses, what it costs.

    Example: siaga collector top --url http://127.0.0.1:9469
    """
    from collector.top import TopError, show

    try:
        show(url, interval_s=interval, looks=looks, as_json=as_json)
    except TopError as error:
        typer.echo(f"collector: {error}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
    except KeyboardInterrupt:
        return


def _settings(config: Path) -> CollectorSettings:
    from collector.config import load
    from contract.errors import EX_CONFIG, ConfigError

    try:
        return load(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None


def _identities(settings: CollectorSettings, config: Path) -> tuple[Endpoint, Account | None, str]:
    """Return whom to dial, who we are to the store, and what to subscribe to."""
    from collector.config import broker_endpoint, topic_filter
    from contract.errors import EX_CONFIG, ConfigError

    try:
        return broker_endpoint(settings, config), settings.store.account(config), topic_filter(settings, config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None


def _books(settings: CollectorSettings, config: Path) -> tuple[Endpoint, Account | None] | None:
    """Return the broker as the books see it, and who looks at them in the store; None when none are kept."""
    from collector.config import books_account, books_endpoint
    from contract.errors import EX_CONFIG, ConfigError

    try:
        endpoint = books_endpoint(settings, config)
        return None if endpoint is None else (endpoint, books_account(settings, config))
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None


def _log_to_stderr(level: str, form: str) -> None:
    import logging

    from collector.log import log_to_stderr

    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise typer.BadParameter(f"{level}: one of debug, info, warning, error", param_hint="--log-level")
    if form not in ("text", "json"):
        raise typer.BadParameter(f"{form}: text or json", param_hint="--log-format")
    log_to_stderr(known[level.upper()], "json" if form == "json" else "text")
