"""The command line, `siaga <noun> <verb>`, put together from each room's `cli.py`.

Only the room that was asked for is imported: a box has only the extra `edge`, and `--help` must be quick.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Final, NamedTuple

import typer

_EX_UNAVAILABLE: Final = 69
"""Exit status of a command whose extra is not installed (sysexits.h, EX_UNAVAILABLE)."""


class Noun(NamedTuple):
    """A room on the command line: the module with its Typer `app`, the extra it needs, one line of help."""

    module: str
    extra: str
    help: str


NOUNS: Final = {
    "edge": Noun("edge_agent.cli", "edge", "The box at the roadside."),
    "bridge": Noun("firmware_bridge.cli", "edge", "A microcontroller board with buttons, lines and lamps."),
    "collector": Noun("collector.cli", "collector", "Readings: from the brokers into the store."),
    "desk": Noun("duty_desk.cli", "desk", "Presses: ring, answer, record."),
    "bell": Noun("duty_desk.bell.cli", "edge", "The duty room's bell: sounds when the desk is dead."),
    "provision": Noun("provisioning.cli", "provision", "Certificates, broker access, revocation."),
    "store": Noun("store.cli", "collector", "The time-series store."),
    "simulator": Noun("simulator.cli", "", "Hardware for boxes that have none."),
    "simulate": Noun("simulator.history.cli", "collector", "A simulated day of the city, for walls and exercises."),
    "wall": Noun("dashboards.cli", "walls", "The walls: what 24 screens show, with Grafana or without."),
    "system": Noun("siaga.system.cli", "", "The machines of a city: their units, and which there are."),
    "demo": Noun(
        "siaga.demo.cli", "edge,collector,desk,walls", "The whole way of a press and a reading, on this machine."
    ),
}


def assemble(noun: str | None) -> typer.Typer:
    """Return the command line with the commands of one noun, or with every noun's name only."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="From a panic press on the street to the officer who answers it.",
    )
    app.callback()(_options)
    for name, room in NOUNS.items():
        rooms_app: typer.Typer = importlib.import_module(room.module).app if name == noun else typer.Typer()
        app.add_typer(rooms_app, name=name, help=room.help)
    return app


def main() -> None:
    """Run the command line; exits 69 with a sentence when a noun's extra is not installed."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    noun = asked if asked in NOUNS else None
    try:
        assemble(noun)(prog_name="siaga")
    except ModuleNotFoundError as error:
        if noun is None or _is_ours(error.name or ""):
            raise
        extra = NOUNS[noun].extra
        hint = f"in a checkout: pip install '.[{extra}]'"
        print(f"siaga {noun} needs, {hint}  ({error.name} is not installed)", file=sys.stderr)
        raise SystemExit(_EX_UNAVAILABLE) from None


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {room.module.partition(".")[0] for room in NOUNS.values()} | {"contract", "link"}


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"siaga {version('siaga')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
