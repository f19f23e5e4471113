"""`siaga simulator …`: hardware for boxes that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Simulated boards and GPS receivers, for demo, load and drills.")


@app.callback()
def _simulator() -> None:
    """Keep `run` a command of its own; Typer would fold a single command into `siaga simulator`."""


@app.command(epilog="Example: siaga simulator run --folder /tmp/city --boxes 3 --rate-hz 5")
def run(
    folder: Annotated[Path, typer.Option(help="Where sockets (box-1.sock) and ttys (box-1-gps.tty) appear.")],
    boxes: Annotated[int, typer.Option(min=1, max=1_000, help="How many boxes.")] = 3,
    rate_hz: Annotated[float, typer.Option(min=0.1, max=10, help="Fixes a second of each receiver.")] = 1.0,
    trackers_per_box: Annotated[int, typer.Option(min=0, max=100, help="GPS receivers a box.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed drives the same way.")] = 1,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run simulated hardware until SIGTERM or Ctrl-C; prints `ready` once every device is there."""
    import asyncio
    import logging

    from simulator.panel import PanelError
    from simulator.service import Plan
    from simulator.service import run as run_service

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run_service(Plan(folder, boxes, rate_hz, trackers_per_box, seed)))
    except (OSError, PanelError) as error:
        typer.echo(f"siaga simulator: {error}", err=True)
        raise typer.Exit(1) from None
