"""`siaga desk …`: run the duty desk, check its ledger, list its incidents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duty_desk.access.commands import token_app, user_app
from duty_desk.cap import cli as cap_cli
from duty_desk.channels.commands import channel_app, contact_app
from duty_desk.channels.webpush.commands import push_key_app
from duty_desk.drills.cli import drill_app
from duty_desk.duty.commands import roster_app
from duty_desk.geo import cli as map_cli
from duty_desk.ledger import cli as ledger_cli
from duty_desk.ledger.move_command import ledger_app
from duty_desk.siren_command import siren_app
from duty_desk.synthetic.cli import synthetic_app
from duty_desk.triage import cli as triage_cli

if TYPE_CHECKING:
    from duty_desk.settings import Desk

app = typer.Typer(help="The duty desk: presses ring, officers accept, everything is recorded.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")
app.add_typer(roster_app, name="roster")
app.add_typer(push_key_app, name="push-key")
app.add_typer(contact_app, name="contact")
app.add_typer(channel_app, name="channel")
app.add_typer(siren_app, name="siren")
app.add_typer(synthetic_app, name="synthetic")
app.add_typer(drill_app, name="drill")
app.add_typer(map_cli.app, name="map")
app.add_typer(ledger_app, name="ledger")
ledger_cli.register(app)
cap_cli.register(app)
triage_cli.register(app)

Config = Annotated[Path, typer.Option("--config", help="The desk's configuration file.", show_default=False)]


@app.command(epilog="Example: siaga desk run --config /etc/siaga/desk.toml")
def run(
    config: Config,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the duty desk until it is told to stop."""
    import gc
    import logging

    import uvloop

    desk = _load(config)
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Alembic tells each of its steps; the desk tells what matters.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        status = uvloop.run(_run(desk))
    except OSError as error:
        http = desk.settings.http
        print(f"cannot serve the page on {http.host}:{http.port}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        gc.freeze()  # or Python's end looks through all of it once more: half a second for nobody
    if status:
        raise typer.Exit(status)


@app.command(epilog="Example: siaga desk incidents --config /etc/siaga/desk.toml --json")
def incidents(
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the incidents its ledger tells of, beside a running desk or without one."""
    import json

    desk = _load(config)
    for incident in _read(desk):
        if as_json:
            print(json.dumps(incident, ensure_ascii=False))
        else:
            where = incident["address"] or f"{incident['device'] or '-'}/{incident['button'] or '-'}"
            who = incident["officer"] or "-"
            print(f"{incident['id']}  {incident['state']:<10}  {incident['presses']:>3}  {where}  {who}")


def _load(config: Path) -> Desk:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.settings import load_desk

    try:
        return load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


async def _run(desk: Desk) -> int:
    """Return the exit status: 0, or that of one of two desks which another took over from."""
    import asyncio
    import os
    import signal
    from collections import Counter

    from duty_desk.alive import Alive
    from duty_desk.service import Service
    from link.notify import Notifier
    from link.supervise import keep_running

    alive, stop = Alive(Notifier(os.environ)), asyncio.Event()

    def end() -> None:
        alive.stopping()
        stop.set()

    def ready() -> None:
        alive.ready()
        print("ready", flush=True)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    telling = asyncio.create_task(keep_running("systemd", alive.run, Counter()), name="desk-systemd")
    try:
        if desk.settings.pair is not None:
            from duty_desk.pair.run import run_pair

            return await run_pair(desk, stop, ready, alive)
        service = Service(desk)
        alive.words = service.words
        await service.run(stop, ready)
        return 0
    finally:
        telling.cancel()
        alive.close()


def _read(desk: Desk) -> list[dict[str, Any]]:
    """Return what the ledger tells."""
    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.incidents.board import Board
    from duty_desk.ledger.derived import tell
    from duty_desk.ledger.tables import open_reader
    from duty_desk.web.view import Places, incident_view

    board = Board()
    try:
        with open_reader(desk.ledger).connect() as connection:
            tell(connection, board, lambda _: None)
    except SQLAlchemyError as error:
        print(f"{desk.ledger}: cannot be read: {getattr(error, 'orig', None) or error}", file=sys.stderr)
        raise typer.Exit(1) from None
    places = Places(desk.inventory)
    return [incident_view(incident, places, recorded=True) for incident in board.active() + board.ended()]
