"""Who may do what in the store, on a real server: a stranger nothing, the reader read, the collector write."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

import aiohttp
import pytest

from siaga.stack.influxdb import ADMIN, COLLECTOR, READER
from store import Account, InfluxDB1, StoreDeniedError, StoreMisconfiguredError
from tests.conftest import Database

LINE = b"water_level,device=box-1,sensor=w level_m=1.5 1700000000000000001"
READS = ("SELECT * FROM water_level", "SHOW MEASUREMENTS", "SHOW SERIES", "SHOW FIELD KEYS")
RULES = (
    "CREATE DATABASE another",
    "DROP DATABASE {database}",
    "CREATE RETENTION POLICY short ON {database} DURATION 1h REPLICATION 1",
    "ALTER RETENTION POLICY autogen ON {database} DURATION 1h",
    "DROP MEASUREMENT water_level",
    "CREATE USER mine WITH PASSWORD 'mine' WITH ALL PRIVILEGES",
    "SET PASSWORD FOR admin = 'mine'",
    "GRANT ALL PRIVILEGES TO reader",
    "GRANT ALL ON {database} TO collector",
    "SHOW USERS",
)
"""What is left to the admin."""
DELETES = ("DELETE FROM water_level", "DROP SERIES FROM water_level")


async def _ask(url: str, path: str, headers: dict[str, str], method: str = "POST") -> int:
    async with aiohttp.ClientSession() as http, http.request(method, url + path, headers=headers, data=LINE) as reply:
        await reply.read()
        return reply.status


def _basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def _bearer(secret: bytes) -> dict[str, str]:
    """Return a JSON Web Token that says we are the admin; InfluxDB before 1.7.6 took one without a secret."""
    claims = {"username": ADMIN, "exp": int(time.time()) + 600}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).rstrip(b"=")
    return {"Authorization": f"Bearer {(signed + b'.' + signature).decode()}"}


STRANGERS = {
    "nobody": {},
    "an unknown user": _basic("stranger:password"),
    "an empty password": _basic(f"{ADMIN}:"),
    "a wrong password": _basic(f"{ADMIN}:admin"),
    "a token without a secret": _bearer(b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("headers", [pytest.param(headers, id=name) for name, headers in STRANGERS.items()])
async def test_a_stranger_gets_401(influxdb: Database, headers: dict[str, str]) -> None:
    database = influxdb.database
    for path in (f"/write?db={database}", "/query?q=SHOW+DATABASES", f"/query?db={database}&q=SELECT+*+FROM+m"):
        assert await _ask(influxdb.url, path, headers) == 401, path
    for statement in ("CREATE+DATABASE+mine", "CREATE+USER+me+WITH+PASSWORD+'p'+WITH+ALL+PRIVILEGES"):
        assert await _ask(influxdb.url, f"/query?q={statement}", headers) == 401, statement
    assert await _ask(influxdb.url, f"/query?db={database}&q=SHOW+MEASUREMENTS", headers, "GET") == 401
    assert await _ask(influxdb.url, "/debug/pprof/heap", headers, "GET") == 404
    assert influxdb.server.query("SHOW MEASUREMENTS", database=database) == []


async def test_a_stranger_is_told_to_bring_an_account(influxdb: Database) -> None:
    async with InfluxDB1(influxdb.url, influxdb.database) as store:
        for attempt in (store.write(LINE), store.query("SHOW DATABASES"), store.prepare()):
            with pytest.raises(StoreDeniedError, match=r"without an account .*; give username and password_file"):
                await attempt


async def test_the_reader_reads_and_cannot_write(influxdb: Database) -> None:
    async with influxdb.store(COLLECTOR) as writer:
        await writer.write(LINE)
    async with influxdb.store(READER) as reader:
        for influxql in READS:
            assert await reader.query(influxql), influxql
        with pytest.raises(StoreDeniedError, match=r"user reader may not do that .*403.*not authorized to write"):
            await reader.write(LINE.replace(b"1.5", b"9.9"))
        await _refused(reader, influxdb, *RULES, *DELETES, "SELECT * INTO copy FROM water_level")
        [row] = await reader.query("SELECT * FROM water_level")
        assert row["level_m"] == 1.5


async def test_the_collector_writes_and_can_neither_read_nor_change_databases(influxdb: Database) -> None:
    async with influxdb.store(COLLECTOR) as collector:
        await collector.prepare()
        await collector.write(LINE)
        await _refused(collector, influxdb, *RULES, *READS, "SELECT * INTO copy FROM water_level")
    assert [series["values"] for series in influxdb.server.query("SHOW MEASUREMENTS", database=influxdb.database)] == [
        [["water_level"]]
    ]


async def test_who_may_write_may_delete_points_too(influxdb: Database) -> None:
    # InfluxDB 1.x has no right between the two. That it is so stands in docs/security.md.
    for statement in DELETES:
        async with influxdb.store(COLLECTOR) as collector:
            await collector.write(LINE)
            await collector.query(statement)
        async with influxdb.store(READER) as reader:
            assert await reader.query("SELECT * FROM water_level") == []


async def test_accounts_of_one_database_have_no_right_in_another(influxdb: Database) -> None:
    influxdb.server.administer("CREATE DATABASE private")
    try:
        for username in (COLLECTOR, READER):
            async with influxdb.store(username, database="private") as store:
                with pytest.raises(StoreDeniedError, match=f"user {username}"):
                    await store.write(LINE)
                with pytest.raises(StoreDeniedError, match=f"user {username}"):
                    await store.query("SHOW MEASUREMENTS")
                names = {row["name"] for row in await store.query("SHOW DATABASES")}
                assert influxdb.database in names
                assert "private" not in names
                with pytest.raises(StoreMisconfiguredError, match=r'an admin has to: CREATE DATABASE "private", GRANT'):
                    await store.prepare()
    finally:
        influxdb.server.drop_database("private")


async def test_a_database_that_is_missing_is_told_with_what_an_admin_has_to_do(influxdb: Database) -> None:
    async with influxdb.store(COLLECTOR, database="nowhere") as store:
        for attempt in (store.write(LINE), store.prepare()):
            with pytest.raises(StoreMisconfiguredError, match=r'nowhere.*GRANT WRITE ON "nowhere" TO "collector"'):
                await attempt


@pytest.mark.slow
async def test_a_changed_password_is_taken_from_its_file_without_a_restart(influxdb: Database, tmp_path: Path) -> None:
    file = tmp_path / "writer.password"
    file.touch(0o600)
    file.write_text("old")
    server = influxdb.server
    server.administer("CREATE USER writer WITH PASSWORD 'old'")
    server.administer(f'GRANT WRITE ON "{influxdb.database}" TO writer')
    try:
        async with InfluxDB1(influxdb.url, influxdb.database, Account("writer", file)) as store:
            await store.write(LINE)
            server.administer("SET PASSWORD FOR writer = 'new'")
            with pytest.raises(StoreDeniedError, match=f"user writer with the password in {file} .*SET PASSWORD"):
                await store.write(LINE)
            file.write_text("new")
            # Those that were under way with the old one are asked again too.
            await asyncio.gather(*(store.write(LINE) for _ in range(4)))
            server.administer("SET PASSWORD FOR writer = 'newer'")
            file.chmod(0o644)
            with pytest.raises(StoreDeniedError, match=f"user writer, and .*chmod 600 {file}"):
                await store.write(LINE)
    finally:
        server.administer("DROP USER writer")


async def _refused(store: InfluxDB1, influxdb: Database, *statements: str) -> None:
    for statement in statements:
        influxql = statement.format(database=influxdb.database)
        with pytest.raises(StoreDeniedError, match="may not do that in the store"):
            await store.query(influxql)
