"""`siaga simulator …`: hardware for boxes that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Simulated boards and GPS receivers, for demo, load and drills.")


@app.command(epilog="Example: siaga simulator run --folder /tmp/city --boxes 3 --rate-hz 5")
def run(
    folder: Annotated[Path, typer.Option(help="Where sockets (box-1.sock) and ttys (box-1-gps.tty) appear.")],
    boxes: Annotated[int, typer.Option(min=1, max=1_000, help="How many boxes.")] = 3,
    rate_hz: Annotated[float, typer.Option(min=0.1, max=10, help="Fixes a second of each receiver.")] = 1.0,
    trackers_per_box: Annotated[int, typer.Option(min=0, max=100, help="GPS receivers a box.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed drives the same way.")] = 1,
    board: Annotated[str | None, typer.Option(help="The box whose board runs the real firmware: box-3.")] = None,
    firmware: Annotated[Path | None, typer.Option(help="The folder of firmware and simhost; the checkout's.")] = None,
    inventory: Annotated[
        Path | None, typer.Option(help="inventory.toml: the receivers of boxes with a site stand there; others drive.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run simulated hardware until SIGTERM or Ctrl-C; prints `ready` once every device is there."""
    import asyncio
    import logging

    from contract.errors import ConfigError
    from contract.inventory import Inventory, parse_inventory
    from simulator.firmware import FOLDER, FirmwareError, built_firmware
    from simulator.panel import PanelError
    from simulator.service import Plan
    from simulator.service import run as run_service
    from simulator.streets import places_of

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if board is not None:
            firmware = built_firmware(firmware or FOLDER)
        known = (
            Inventory() if inventory is None else parse_inventory(inventory.read_text("utf-8"), source=str(inventory))
        )
        plan = Plan(folder, boxes, rate_hz, trackers_per_box, seed, board, firmware, places_of(known))
        asyncio.run(run_service(plan))
    except (OSError, UnicodeDecodeError, PanelError, FirmwareError, ConfigError) as error:
        typer.echo(f"siaga simulator: {error}", err=True)
        raise typer.Exit(1) from None


@app.command(epilog="Example: siaga simulator do var/demo/hardware/box-3.sock cut")
def do(
    board: Annotated[Path, typer.Argument(help="The socket of a board that runs the real firmware.")],
    line: Annotated[str, typer.Argument(help="cut, mend, reset, power, 'adc 0 5000', 'corrupt 10 1' or 'bounce 3 1'.")],
) -> None:
    """Let something happen to a simulated board: its cable is cut, a supervised line broken, its chip reset.

    adc LINE MILLIVOLTS: the voltage of a line, of 5000: 2500 well, 1210 pressed, 5000 cut, 0 short.
    corrupt PER_MILLE SEED: of the bytes, each way. bounce MS SEED: how long contacts chatter.

    In the demo only the last box has such a board; `siaga demo run` names its socket.
    """
    from simulator.control import BoardControl
    from simulator.layout import chip_boards
    from simulator.panel import PanelError

    try:
        with BoardControl(board) as control:
            control.do(line)
    except (OSError, PanelError) as error:
        there = [path for path in chip_boards(board.parent) if path != board]
        hint = f"; one that runs the firmware: {', '.join(map(str, there))}" if there else ""
        typer.echo(f"siaga simulator: {board}: {error}{hint}", err=True)
        raise typer.Exit(1) from None
