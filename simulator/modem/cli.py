"""`siaga simulate modem`: a GSM modem for a gammu-smsd that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `modem` to the command line of what is simulated."""
    app.command(epilog="Example: siaga simulate modem --link /tmp/modem --lost 0.1 --seed 7")(modem)


def modem(
    link: Annotated[Path, typer.Option(help="Where the tty appears; LINK.sock beside it takes commands as JSON.")],
    lost: Annotated[float, typer.Option(min=0, max=1, help="Share of messages that never arrive.")] = 0.0,
    failed: Annotated[float, typer.Option(min=0, max=1, help="Share that is reported as not delivered.")] = 0.0,
    refused: Annotated[float, typer.Option(min=0, max=1, help="Share that the network does not take.")] = 0.0,
    deliver_s: Annotated[float, typer.Option(min=0, max=3_600, help="At most so long until a phone has it.")] = 3.0,
    places: Annotated[int, typer.Option(min=1, max=255, help="Messages that the SIM holds.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed loses the same.")] = 1,
) -> None:
    """Run a simulated modem until SIGTERM or Ctrl-C; prints `ready` once its tty is there."""
    import asyncio
    import contextlib

    from simulator.modem.modem import Modem
    from simulator.modem.network import Network, Weather
    from simulator.modem.service import running

    weather = Weather(lost=lost, failed=failed, refused=refused, take_s=(0.2, 1.0), deliver_s=(0.0, deliver_s))

    async def run() -> None:
        async with running(Modem(Network(weather, seed), places=places), link) as service:
            print("ready", flush=True)
            await service.serve(link.with_name(link.name + ".sock"))

    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run())
    except OSError as error:
        typer.echo(f"siaga simulate modem: {error}", err=True)
        raise typer.Exit(1) from None
