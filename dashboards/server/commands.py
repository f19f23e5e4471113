"""`siaga wall serve`: the wall server until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dashboards.server.settings import Server

Config = Annotated[Path, typer.Option("--config", help="The wall server's configuration file.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add `serve` to the walls' command line."""
    app.command(epilog="Example: siaga wall serve --config /etc/siaga/wall-server.toml")(serve)


def serve(
    config: Config,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve the screens' pages until it is told to stop."""
    import logging

    import uvloop

    from contract.errors import EX_CONFIG, ConfigError
    from dashboards.server.settings import load_server

    try:
        server = load_server(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    http = server.settings.http
    try:
        uvloop.run(_run(server))
    except OSError as error:
        print(f"cannot serve the walls on {http.host}:{http.port}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from None


async def _run(server: Server) -> None:
    import asyncio
    import os
    import signal

    from dashboards.server.service import Service
    from link.notify import Notifier

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Service(server, Notifier(os.environ)).run(stop, lambda: print("ready", flush=True))
