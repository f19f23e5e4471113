"""`siaga store`: ask the store, and see whether it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from store.influxdb1 import InfluxDB1
    from store.protocol import Row

app = typer.Typer(help="The time-series store.", no_args_is_help=True)
_EX_UNAVAILABLE = 69
_Result = TypeVar("_Result")

Url = Annotated[str, typer.Option(help="Where InfluxDB listens, without a password in it.", envvar="SIAGA_STORE_URL")]
Database = Annotated[str, typer.Option(help="The database.", envvar="SIAGA_STORE_DATABASE")]
Username = Annotated[str | None, typer.Option(help="Our account.", envvar="SIAGA_STORE_USERNAME")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Its password, one line in a file of mode 0600.", envvar="SIAGA_STORE_PASSWORD_FILE"),
]


@app.command()
def query(
    influxql: Annotated[str, typer.Argument(help="The query.")],
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Print the rows that answer an InfluxQL query; times are in ns since 1970.

    Example: siaga store query "SELECT count(latitude) FROM position GROUP BY device" --username reader
    --password-file reader.password
    """
    for row in _run(_query(_store(url, database, username, password_file), influxql)):
        typer.echo(json.dumps(row) if as_json else "  ".join(f"{name}={value}" for name, value in row.items()))


@app.command()
def check(
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
) -> None:
    """Say what answers, and whether the database is there for this account; exits 69 when not.

    Example: siaga store check --url http://127.0.0.1:8086 --username reader --password-file reader.password
    """
    what, databases = _run(_check(_store(url, database, username, password_file)))
    if database not in databases:
        seen = "" if username is None else f", or none that user {username} may read or write"
        typer.echo(f"{what} at {url}: no database {database}{seen}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    typer.echo(f"{what} at {url}: database {database} is there")


def _store(url: str, database: str, username: str | None, password_file: Path | None) -> InfluxDB1:
    from contract.errors import EX_CONFIG, PrivateFileError
    from store.account import Account
    from store.influxdb1 import InfluxDB1

    if "@" in url:
        raise typer.BadParameter(
            "a password in it is seen by everyone: --username, --password-file", param_hint="--url"
        )
    if username is None and password_file is None:
        return InfluxDB1(url, database)
    if username is None or password_file is None:
        raise typer.BadParameter("they belong together", param_hint="--username, --password-file")
    try:
        return InfluxDB1(url, database, Account(username, password_file))
    except PrivateFileError as error:
        typer.echo(f"store: --password-file: {error}", err=True)
        raise typer.Exit(EX_CONFIG) from None


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
