"""`siaga simulate`: what a city's store would hold, for walls, benches and exercises."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.live.cli import register
from simulator.modem.cli import register as register_modem

if TYPE_CHECKING:
    from simulator.history.plan import Plan
    from store import InfluxDB1

app = typer.Typer(no_args_is_help=True, help="A simulated day of the city, written into a store.")
register(app)
register_modem(app)
_EX_UNAVAILABLE = 69


@app.command(epilog="Example: siaga simulate history --store http://127.0.0.1:8086 --day 2026-11-21 --seed 1")
def history(
    store: Annotated[str, typer.Option(help="Where InfluxDB listens.", envvar="SIAGA_STORE_URL")],
    database: Annotated[
        str, typer.Option(help="The database; siaga store init has made it.", envvar="SIAGA_STORE_DATABASE")
    ] = "siaga",
    username: Annotated[str | None, typer.Option(help="Our account.", envvar="SIAGA_STORE_USERNAME")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="Its password, mode 0600.", envvar="SIAGA_STORE_PASSWORD_FILE")
    ] = None,
    org: Annotated[str | None, typer.Option(help="InfluxDB 2.x: our organisation.", envvar="SIAGA_STORE_ORG")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="InfluxDB 2.x: our token, mode 0600.", envvar="SIAGA_STORE_TOKEN_FILE")
    ] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day in Bandung's time; without it the last hours.")
    ] = None,
    hours: Annotated[float, typer.Option(min=1, max=168, help="Without --day: how many hours, up to now.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same day.")] = 1,
    boxes: Annotated[int, typer.Option(min=13, max=10_000, help="Boxes, those in vehicles among them.")] = 500,
    vehicles: Annotated[int, typer.Option(min=3, max=1_000, help="Vehicles.")] = 60,
    air: Annotated[int, typer.Option(min=3, max=500, help="Air stations.")] = 30,
    water: Annotated[int, typer.Option(min=3, max=500, help="River gauges.")] = 12,
    weather: Annotated[int, typer.Option(min=3, max=500, help="Weather stations.")] = 8,
    incidents: Annotated[int, typer.Option(min=1, max=10_000, help="Incidents.")] = 40,
    inventory: Annotated[Path | None, typer.Option(help="Write who and what is where as TOML to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how many points were written as JSON.")] = False,
) -> None:
    """Write a simulated day into a store: positions, readings, reports, incidents, with gaps and faults."""
    import time

    from simulator.history.plan import Plan, PlanError, S

    counts = {
        "seed": seed,
        "boxes": boxes,
        "vehicles": vehicles,
        "air": air,
        "water": water,
        "weather": weather,
        "incidents": incidents,
    }
    try:
        plan = (
            Plan.of_day(day.date(), **counts)
            if day is not None
            else Plan.until(time.time_ns() // S * S, hours, **counts)
        )
    except PlanError as error:
        typer.echo(f"siaga simulate: {error}", err=True)
        raise typer.Exit(2) from None
    _write(plan, _open(store, database, username, password_file, org, token_file), inventory, as_json=as_json)


def _open(
    url: str,
    database: str,
    username: str | None,
    password_file: Path | None,
    org: str | None,
    token_file: Path | None,
) -> InfluxDB1:
    from contract.errors import EX_CONFIG, PrivateFileError
    from store import Account, StoreError, StoreSettings, Token, open_store

    if (username is None) != (password_file is None) or (org is None) != (token_file is None):
        raise typer.BadParameter("--username and --password-file belong together, as do --org and --token-file")
    try:
        account: Account | None = None
        if token_file is not None:
            account = Token(token_file)
        elif username is not None and password_file is not None:
            account = Account(username, password_file)
        settings = StoreSettings(
            kind="influxdb1" if token_file is None else "influxdb2",
            url=url,
            database=database,
            username=username,
            password_file=password_file,
            org=org,
            token_file=token_file,
        )
        return open_store(settings, account)
    except (PrivateFileError, StoreError) as error:
        typer.echo(f"siaga simulate: {error}", err=True)
        raise typer.Exit(EX_CONFIG) from None
    except ValueError as error:
        raise typer.BadParameter(str(error).splitlines()[-1], param_hint="--store") from None


def _write(plan: Plan, store: InfluxDB1, inventory: Path | None, *, as_json: bool) -> None:
    import asyncio
    import json
    import time

    from simulator.history.day import simulate
    from simulator.history.places import to_toml
    from simulator.history.writing import write
    from store import StoreError

    began_s = last_s = time.monotonic()
    made = simulate(plan)

    def tell(points: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= 5 and not as_json:
            last_s = now_s
            typer.echo(f"{points} points, {now_s - began_s:.0f} s", err=True)

    async def work() -> dict[str, int]:
        async with store:
            return dict(await write(store, made.series(), told=tell))

    try:
        if inventory is not None:
            inventory.write_text(to_toml(made.inventory), encoding="utf-8")
        counted = asyncio.run(work())
    except OSError as error:
        typer.echo(f"siaga simulate: {error}", err=True)
        raise typer.Exit(1) from None
    except StoreError as error:
        typer.echo(f"siaga simulate: {error}; next: siaga store init, then again", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
    if as_json:
        typer.echo(json.dumps({"points": counted, "seconds": round(time.monotonic() - began_s, 1)}))
    else:
        typer.echo("\n".join(f"{name}: {points}" for name, points in sorted(counted.items())))
