"""`siaga store`: ask the store, and see whether it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from store.influxdb1 import InfluxDB1
    from store.protocol import Row

app = typer.Typer(help="The time-series store.", no_args_is_help=True)
_EX_UNAVAILABLE = 69
_Result = TypeVar("_Result")

Url = Annotated[str, typer.Option(help="Where InfluxDB listens.", envvar="SIAGA_STORE_URL")]
Database = Annotated[str, typer.Option(help="The database.", envvar="SIAGA_STORE_DATABASE")]


@app.command()
def query(
    influxql: Annotated[str, typer.Argument(help="The query.")],
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Print the rows that answer an InfluxQL query; times are in ns since 1970.

    Example: siaga store query "SELECT count(latitude) FROM position GROUP BY device" --json
    """
    from store.influxdb1 import InfluxDB1

    for row in _run(_query(InfluxDB1(url, database), influxql)):
        typer.echo(json.dumps(row) if as_json else "  ".join(f"{name}={value}" for name, value in row.items()))


@app.command()
def check(url: Url = "http://127.0.0.1:8086", database: Database = "siaga") -> None:
    """Say what answers, and whether the database is there; exits 69 when not.

    Example: siaga store check --url http://127.0.0.1:8086 --database siaga
    """
    from store.influxdb1 import InfluxDB1

    what, databases = _run(_check(InfluxDB1(url, database)))
    if database not in databases:
        typer.echo(f"{what} at {url}: no database {database}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    typer.echo(f"{what} at {url}: database {database} is there")


async def _query(store: InfluxDB1, influxql: str) -> list[Row]:
    async with store:
        return await store.query(influxql)


async def _check(store: InfluxDB1) -> tuple[str, list[Any]]:
    async with store:
        return await store.health(), [row["name"] for row in await store.query("SHOW DATABASES")]


def _run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    from store.errors import StoreError

    try:
        return asyncio.run(coroutine)
    except StoreError as error:
        typer.echo(f"store: {error}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
