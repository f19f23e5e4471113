"""`siaga demo …`: the whole way of a press and of a reading, on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Two brokers, InfluxDB, simulated boxes, collector and duty desk, here.")

Folder = Annotated[Path, typer.Option(help="Where all data, configuration and logs of the demo go.")]
Boxes = Annotated[int, typer.Option(min=1, max=200, help="How many boxes.")]


@app.command(epilog="Example: siaga demo run --boxes 3")
def run(
    folder: Folder = Path("var/demo"),
    boxes: Boxes = 3,
    trackers_per_box: Annotated[int, typer.Option(min=0, max=20, help="GPS receivers a box.")] = 1,
    rate_hz: Annotated[float, typer.Option(min=0.1, max=10, help="Fixes a second of each receiver.")] = 1.0,
    city: Annotated[bool, typer.Option(help="Let stations and vehicles live on the walls, beside the boxes.")] = True,
) -> None:
    """Start the demo and keep it running until Ctrl-C; then stop everything it started."""
    with _told():
        from siaga.demo import commands
        from siaga.demo.stack import Size

        commands.run(folder, Size(boxes, trackers_per_box, rate_hz), commands.program_name(), city=city)


@app.command(epilog="Example: siaga demo check")
def check(
    folder: Folder = Path("var/demo-check"),
    boxes: Boxes = 3,
    rate_hz: Annotated[float, typer.Option(min=0.1, max=10, help="Fixes a second of each receiver.")] = 1.0,
) -> None:
    """Start a demo without a screen, press, accept, look at lamps and points, and print what each hop took.

    Exits 0 when every hop works, or 1 and names the hop that failed. The folder is emptied first.
    """
    with _told():
        from siaga.demo import commands
        from siaga.demo.stack import Size

        commands.check(folder, Size(boxes, 1, rate_hz))


@app.command(epilog="Example: siaga demo press box-2 --hold-ms 300")
def press(
    box: Annotated[str | None, typer.Argument(help="The box, such as box-2; the first one when left out.")] = None,
    hold_ms: Annotated[int, typer.Option(min=1, max=60_000, help="How long the button is held down, in ms.")] = 200,
    folder: Folder = Path("var/demo"),
) -> None:
    """Press a button of the running demo, and tell what the lamp at the button answers."""
    with _told():
        from siaga.demo import commands

        commands.press(folder, box, hold_ms)


@app.command(epilog="Example: siaga demo status --json")
def status(
    folder: Folder = Path("var/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell what the running demo has: open incidents, presses, lamps, positions stored."""
    with _told():
        from siaga.demo import commands

        commands.status(folder, as_json)


@contextmanager
def _told() -> Iterator[None]:
    """Tell an error in words and exit 1."""
    from contract.errors import SiagaError

    try:
        yield
    except SiagaError as error:
        print(f"siaga demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        raise typer.Exit(130) from None
