"""`siaga store`: ask the store, set it up, and see whether it is as it should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from store.influxdb1 import InfluxDB1
    from store.layout import Layout
    from store.protocol import Row, Value
    from store.setup1 import Found

app = typer.Typer(help="The time-series store.", no_args_is_help=True)
_EX_UNAVAILABLE = 69
_MOST_ROLLUP_S = 3_650 * 86_400
_ROLLUP_TIMEOUT_S = 600.0
"""A day of one kind of a city of 500 boxes is made in seconds; a busy store may take minutes."""
_Result = TypeVar("_Result")

Url = Annotated[str, typer.Option(help="Where InfluxDB listens, without a password in it.", envvar="SIAGA_STORE_URL")]
Database = Annotated[str, typer.Option(help="The database.", envvar="SIAGA_STORE_DATABASE")]
Username = Annotated[str | None, typer.Option(help="Our account.", envvar="SIAGA_STORE_USERNAME")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Its password, one line in a file of mode 0600.", envvar="SIAGA_STORE_PASSWORD_FILE"),
]
Org = Annotated[str | None, typer.Option(help="InfluxDB 2.x and 3.x: our organisation.", envvar="SIAGA_STORE_ORG")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="InfluxDB 2.x and 3.x: our token, one line in a file of mode 0600.", envvar="SIAGA_STORE_TOKEN_FILE"
    ),
]


@app.command()
def query(
    influxql: Annotated[str, typer.Argument(help="The query.")],
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
    org: Org = None,
    token_file: TokenFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Print the rows that answer an InfluxQL query; times are in ns since 1970.

    Example: siaga store query "SELECT count(latitude) FROM position GROUP BY device" --username reader
    --password-file reader.password
    """
    store = _store(url, database, username, password_file, org, token_file)
    rows: list[Row] = _asked(store, lambda: store.query(influxql))
    for row in rows:
        typer.echo(json.dumps(row) if as_json else "  ".join(f"{name}={value}" for name, value in row.items()))


Raw = Annotated[str, typer.Option(help="How long readings are kept as they came.")]
Minute = Annotated[str, typer.Option(help="How long one value a minute is kept.")]
Hour = Annotated[str, typer.Option(help="How long one value an hour is kept.")]
Late = Annotated[str, typer.Option(help="How late a reading still reaches those values by itself.")]


@app.command()
def init(
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
    org: Org = None,
    token_file: TokenFile = None,
    raw: Raw = "30d",
    minute: Minute = "730d",
    hour: Hour = "3650d",
    late: Late = "1d",
    grant_write: Annotated[
        list[str] | None, typer.Option(help="1.x: a user that may write; may be given again.")
    ] = None,
    grant_read: Annotated[list[str] | None, typer.Option(help="1.x: a user that may read; may be given again.")] = None,
) -> None:
    """Make the database, how long it keeps what, and the means of minutes and hours; may be repeated at any time.

    Example: siaga store init --username admin --password-file admin.password --grant-write collector --raw 60d
    """
    from store import setup

    layout = _layout(raw, minute, hour, late)
    store = _store(url, database, username, password_file, org, token_file)
    found = _asked(store, lambda: setup.init(store, layout, writers=grant_write or (), readers=grant_read or ()))
    for one in found.differences:
        typer.echo(f"was: {one}")
    typer.echo(f"{url}: database {database} is as it should be")


@app.command()
def check(
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
    org: Org = None,
    token_file: TokenFile = None,
    raw: Raw = "30d",
    minute: Minute = "730d",
    hour: Hour = "3650d",
    late: Late = "1d",
) -> None:
    """Say what answers, and what differs from what `siaga store init` makes; changes nothing.

    Exits 69 when nothing answers or the database is not there, 1 when something else differs.

    Example: siaga store check --url http://127.0.0.1:8086 --username admin --password-file admin.password
    """
    from store import setup

    layout = _layout(raw, minute, hour, late)
    store = _store(url, database, username, password_file, org, token_file)

    async def look() -> tuple[str, list[Value], Found]:
        what = await store.health()
        return what, [row["name"] for row in await store.query("SHOW DATABASES")], await setup.look(store, layout)

    what, databases, found = _asked(store, look)
    if database not in databases:
        seen = "" if username is None else f", or none that user {username} may read or write"
        typer.echo(f"{what} at {url}: no database {database}{seen}; next: as an admin, siaga store init", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    typer.echo(f"{what} at {url}: database {database} is there")
    for one in found.unseen:
        typer.echo(f"this account may not see {one}")
    for one in found.differences:
        typer.echo(f"differs: {one}")
    if found.statements:
        typer.echo("next: as an admin, siaga store init, with the same options")
    if found.differences:
        raise typer.Exit(1)


@app.command()
def rollup(
    since: Annotated[str, typer.Option(help="From how long ago, such as 7d.")],
    url: Url = "http://127.0.0.1:8086",
    database: Database = "siaga",
    username: Username = None,
    password_file: PasswordFile = None,
    org: Org = None,
    token_file: TokenFile = None,
) -> None:
    """Make the values of minutes and hours again, for readings that came later than they reach them by themselves.

    Example: siaga store rollup --since 7d --username admin --password-file admin.password
    """
    import time

    from store.layout import seconds
    from store.setup import rollup as make_again

    store = _store(url, database, username, password_file, org, token_file, timeout_s=_ROLLUP_TIMEOUT_S)
    now_ns = time.time_ns()
    try:
        since_s = seconds(since)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
    if not 0 < since_s <= _MOST_ROLLUP_S:
        raise typer.BadParameter("at most 3650d, and more than nothing", param_hint="--since")
    begin_ns = now_ns - since_s * 10**9
    typer.echo(f"{_asked(store, lambda: make_again(store, begin_ns, now_ns))} values written")


def _layout(raw: str, minute: str, hour: str, late: str) -> Layout:
    from store.layout import Layout, seconds

    try:
        made = Layout(*(seconds(one) for one in (raw, minute, hour, late)))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--raw, --minute, --hour, --late") from None
    if not 86_400 <= made.raw_s <= made.minute_s <= made.hour_s:
        raise typer.BadParameter("each at least as long as the one before, and a day at least", param_hint="--raw")
    if not 3_600 <= made.late_s <= made.raw_s:
        raise typer.BadParameter("an hour at least, and no longer than --raw", param_hint="--late")
    return made


def _store(
    url: str,
    database: str,
    username: str | None,
    password_file: Path | None,
    org: str | None,
    token_file: Path | None,
    *,
    timeout_s: float = 10.0,
) -> InfluxDB1:
    from contract.errors import EX_CONFIG, PrivateFileError
    from store.account import Account
    from store.influxdb1 import InfluxDB1

    if "@" in url:
        raise typer.BadParameter(
            "a password in it is seen by everyone: --username, --password-file", param_hint="--url"
        )
    if org is not None or token_file is not None:
        from store.account import Token
        from store.influxdb2 import InfluxDB2

        if org is None or token_file is None or username is not None:
            raise typer.BadParameter("they belong together, without --username", param_hint="--org, --token-file")
        try:
            return InfluxDB2(url, database, org, Token(token_file), timeout_s=timeout_s)
        except PrivateFileError as error:
            typer.echo(f"store: --token-file: {error}", err=True)
            raise typer.Exit(EX_CONFIG) from None
    if username is None and password_file is None:
        return InfluxDB1(url, database, timeout_s=timeout_s)
    if username is None or password_file is None:
        raise typer.BadParameter("they belong together", param_hint="--username, --password-file")
    try:
        return InfluxDB1(url, database, Account(username, password_file), timeout_s=timeout_s)
    except PrivateFileError as error:
        typer.echo(f"store: --password-file: {error}", err=True)
        raise typer.Exit(EX_CONFIG) from None


def _asked(store: InfluxDB1, ask: Callable[[], Awaitable[_Result]]) -> _Result:
    """Return what the store answers; a failure is one line and exit 69."""
    from store.errors import StoreError

    async def work() -> _Result:
        async with store:
            return await ask()

    try:
        return asyncio.run(work())
    except StoreError as error:
        typer.echo(f"store: {error}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
