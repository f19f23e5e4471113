"""`siaga store init`, `check` and `rollup` on a real InfluxDB 1.x that makes its means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from siaga.stack.influxdb import ADMIN, COLLECTOR, READER, InfluxDB
from store.account import Account
from store.cli import app
from store.errors import StoreDeniedError
from store.influxdb1 import InfluxDB1
from store.layout import Layout
from store.setup1 import init, look, rollup

pytestmark = pytest.mark.slow
MINUTE_NS = 60 * 10**9


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InfluxDB]:
    """Yield a server of this test's own that looks for means to make each second."""
    monkeypatch.setenv("INFLUXDB_CONTINUOUS_QUERIES_RUN_INTERVAL", "1s")
    one = InfluxDB(tmp_path / "influxdb")
    one.start()
    yield one
    one.stop()


def _store(server: InfluxDB, username: str = ADMIN, database: str = "city") -> InfluxDB1:
    return InfluxDB1(server.url, database, Account(username, server.password_file(username)))


async def test_a_store_is_set_up_once_and_late_readings_reach_its_means(server: InfluxDB) -> None:
    layout = Layout(near_every_s=1)
    async with _store(server) as store:
        found = await init(store, layout, writers=[COLLECTOR], readers=[READER])
        assert found.differences[0] == "there is no database city"
        assert (await look(store, layout)) == (await init(store, layout, writers=[], readers=[]))
        assert (await look(store, layout)).statements == ()
        longer = Layout(raw_s=40 * 86_400, late_s=7_200, near_every_s=1)
        told = (await look(store, longer)).differences
        assert told[0] == "autogen: keeps points 30 days, not 40 days"
        assert "are of another layout" in told[1]
        await init(store, longer, writers=[], readers=[])
        assert (await look(store, longer)).differences == ()
        await store.administer('CREATE RETENTION POLICY "short" ON "city" DURATION 1d REPLICATION 1 DEFAULT')
        assert (await look(store, longer)).differences == ("autogen: is not the default",)
        await init(store, longer, writers=[], readers=[])
        assert (await look(store, longer)).differences == ()
        minute_ns = time.time_ns() // MINUTE_NS * MINUTE_NS - 20 * MINUTE_NS
        async with _store(server, COLLECTOR) as collector:
            await collector.write(_lines(minute_ns, (1.0, 2.0)))
            await _until(store, minute_ns, (1.5, 2))
            await collector.write(_lines(minute_ns + 10**9, (6.0,)))
            await _until(store, minute_ns, (3.0, 3))
            # Too late for what is made by itself.
            days_ns = minute_ns - 10 * 86_400 * 10**9
            await collector.write(_lines(days_ns, (5.0, 7.0)))
        assert await rollup(store, days_ns + 10**9, days_ns + 2 * 10**9) == 2
        await _until(store, days_ns, (6.0, 2))
        hour_ns = days_ns // (60 * MINUTE_NS) * 60 * MINUTE_NS
        [hour] = await store.query(f'SELECT level_m, readings FROM "hour"."water_level" WHERE time = {hour_ns}')
        assert (hour["level_m"], hour["readings"]) == (6, 2)
    async with _store(server, READER) as reader:
        with pytest.raises(StoreDeniedError, match="take an admin's"):
            await init(reader, layout, writers=[], readers=[])


def _lines(at_ns: int, levels: tuple[float, ...]) -> bytes:
    return "\n".join(
        f'water_level,device=box-1,sensor=w level_m={level},clock="ntp" {at_ns + place}'
        for place, level in enumerate(levels)
    ).encode()


async def _until(store: InfluxDB1, minute_ns: int, expected: tuple[float, int]) -> None:
    query = f'SELECT level_m, readings FROM "minute"."water_level" WHERE time = {minute_ns}'
    async with asyncio.timeout(15):
        while [(row["level_m"], row["readings"]) for row in await store.query(query)] != [expected]:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.1)


def test_the_command_says_what_differs_and_what_to_do_next(server: InfluxDB) -> None:
    account = ["--username", ADMIN, "--password-file", str(server.password_file(ADMIN))]
    where = ["--url", server.url, "--database", "city", *account]
    code, out, err = _run("check", *where)
    assert (code, out) == (69, "")
    assert "next: as an admin, siaga store init" in err
    code, out, _ = _run("init", *where, "--raw", "60d", "--grant-read", READER)
    assert code == 0
    assert "was: there is no database city" in out
    assert _run("check", *where, "--raw", "60d")[0] == 0
    code, out, _ = _run("check", *where)
    assert code == 1
    assert "differs: autogen: keeps points 60 days, not 30 days" in out
    assert "next: as an admin" in out
    reader = ["--username", READER, "--password-file", str(server.password_file(READER))]
    code, out, _ = _run("check", *where[:4], *reader, "--raw", "60d")
    assert code == 0
    assert "may not see the means of minutes and hours" in out
    assert _run("init", *where, "--raw", "soon")[0] == 2
    assert _run("init", *where, "--raw", "900d")[0] == 2
    assert _run("init", *where, "--late", "1m")[0] == 2
    assert _run("rollup", "--since", "1h", *where)[1] == "0 values written\n"
    for since in ("soon", "0h", "99999999d"):
        assert _run("rollup", "--since", since, *where)[0] == 2


def _run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr
