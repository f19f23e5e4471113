"""`siaga simulate live`: a city that goes on living, for a demo's walls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `live` to the command line of what is simulated."""
    app.command(
        epilog="Example: siaga simulate live --store http://127.0.0.1:8086 --username collector"
        " --password-file collector.password --kept city.json"
    )(live)


def live(
    store: Annotated[str, typer.Option(help="Where InfluxDB listens.", envvar="SIAGA_STORE_URL")],
    username: Annotated[str, typer.Option(help="An account that may write.", envvar="SIAGA_STORE_USERNAME")],
    password_file: Annotated[Path, typer.Option(help="Its password, mode 0600.", envvar="SIAGA_STORE_PASSWORD_FILE")],
    kept: Annotated[Path, typer.Option(help="Where it remembers how far it is.")] = Path("city.json"),
    database: Annotated[
        str, typer.Option(help="The database; siaga store init has made it.", envvar="SIAGA_STORE_DATABASE")
    ] = "siaga",
) -> None:
    """Write a small city's stations, vehicles and boxes as time passes, the last six hours first, until Ctrl-C.

    Prints `ready` once the past is written. It gives way to whatever else runs on the machine.
    """
    import asyncio
    import logging
    import os
    import signal

    from contract.errors import EX_CONFIG, PrivateFileError
    from simulator.live.service import run
    from store import Account, StoreError, StoreSettings, open_store

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = StoreSettings(url=store, database=database, username=username, password_file=password_file)
        opened = open_store(settings, Account(username, password_file))
    except (PrivateFileError, StoreError) as error:
        typer.echo(f"siaga simulate: {error}", err=True)
        raise typer.Exit(EX_CONFIG) from None
    except ValueError as error:
        raise typer.BadParameter(str(error).splitlines()[-1], param_hint="--store") from None
    os.nice(10)

    async def work() -> None:
        async with opened:
            task = asyncio.create_task(run(opened, kept, lambda: print("ready", flush=True)), name="live")
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            await asyncio.wait((task,))
            if not task.cancelled():
                task.result()

    try:
        asyncio.run(work())
    except OSError as error:
        typer.echo(f"siaga simulate: {error}", err=True)
        raise typer.Exit(1) from None
