"""InfluxDB 1.x: a real server, and a scripted one for what a real one rarely says."""

from __future__ import annotations

import asyncio

import pytest

from siaga.stack.ports import free_port
from store.errors import (
    StoreDeniedError,
    StoreError,
    StoreMisconfiguredError,
    StorePartialError,
    StoreQueryError,
    StoreRefusedError,
    StoreRetryError,
    StoreTooLargeError,
)
from store.influxdb1 import InfluxDB1
from tests.conftest import Database
from tests.store.scripted import Reply, drip, reply, scripted

LINES = b"""\
water_level,device=box-1,sensor=w level_m=1.5 1700000000000000001
water_level,device=box-1,sensor=w level_m=2.0 1700000000000000002"""


async def test_what_is_written_is_read_back(influxdb: Database) -> None:
    async with influxdb.store() as store:
        await store.write(LINES)
        await store.write(LINES)
        rows = await store.query("SELECT level_m FROM water_level GROUP BY device")
    assert rows == [
        {"measurement": "water_level", "device": "box-1", "time": 1_700_000_000_000_000_001, "level_m": 1.5},
        {"measurement": "water_level", "device": "box-1", "time": 1_700_000_000_000_000_002, "level_m": 2},
    ]


async def test_prepare_makes_the_database_and_may_be_repeated(influxdb: Database) -> None:
    async with influxdb.store(database=f"{influxdb.database}_made") as store:
        with pytest.raises(StoreMisconfiguredError, match="database not found"):
            await store.write(LINES)
        await store.prepare()
        await store.write(LINES)
        await store.prepare()
        assert len(await store.query("SELECT * FROM water_level")) == 2
    influxdb.server.drop_database(f"{influxdb.database}_made")


async def test_good_lines_beside_bad_ones_are_stored(influxdb: Database) -> None:
    async with influxdb.store() as store:
        with pytest.raises(StorePartialError) as caught:
            await store.write(b"garbage\n" + LINES)
        assert caught.value.dropped is None
        assert len(await store.query("SELECT * FROM water_level")) == 2


async def test_points_the_server_refuses_are_refused(influxdb: Database) -> None:
    async with influxdb.store() as store:
        with pytest.raises(StoreRefusedError):
            await store.write(b"garbage")


async def test_a_query_it_refuses_is_a_query_error(influxdb: Database) -> None:
    async with influxdb.store() as store:
        with pytest.raises(StoreQueryError):
            await store.query("SELEC")
    async with influxdb.store(database="nowhere") as store:
        with pytest.raises(StoreQueryError, match="database not found"):
            await store.query("SELECT * FROM m")


async def test_health_names_what_answers(influxdb: Database) -> None:
    async with influxdb.store() as store:
        assert (await store.health()).startswith("InfluxDB 1.")


async def test_nobody_there_means_retry() -> None:
    async with InfluxDB1(f"http://127.0.0.1:{free_port()}", "siaga") as store:
        for attempt in (store.write(LINES), store.query("SHOW DATABASES"), store.prepare(), store.health()):
            with pytest.raises(StoreRetryError):
                await attempt


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(reply("400 Bad Request", b'{"error":"x"}', length=500), StoreRefusedError, id="truncated body"),
        pytest.param(reply("500 Internal", b"<html>", length=500), StoreRetryError, id="truncated html"),
        pytest.param(reply("502 Bad Gateway", b"<html>oops</html>"), StoreRetryError, id="html"),
        pytest.param(reply("200 OK", b"<html>log in</html>"), StoreMisconfiguredError, id="a page instead"),
        pytest.param(
            reply("302 Found", headers="Location: http://127.0.0.1:9/login\r\n"), StoreMisconfiguredError, id="redirect"
        ),
        pytest.param(reply("413 Too Large"), StoreTooLargeError, id="413"),
        pytest.param(reply("401 Unauthorized"), StoreDeniedError, id="401"),
        pytest.param(Reply((b"",)), StoreRetryError, id="closed without a word"),
        pytest.param(Reply((b"SSH-2.0-OpenSSH_9.2\r\n",)), StoreRetryError, id="another protocol"),
        pytest.param(drip("400 Bad Request", b"{" * 200, 0.05), StoreRetryError, id="slow drip"),
    ],
)
async def test_what_a_scripted_server_says(answer: Reply, kind: type[StoreError]) -> None:
    patience_s = 0.2 if answer.drip_s else 10.0
    async with scripted(answer) as server, InfluxDB1(server.url, "siaga", timeout_s=patience_s) as store:
        with pytest.raises(StoreError) as caught:
            await store.write(LINES)
    assert type(caught.value) is kind


async def test_a_write_carries_the_bytes_as_they_are() -> None:
    async with scripted() as server, InfluxDB1(server.url, "siaga") as store:
        await store.write(LINES)
        assert server.bodies == [LINES]
        assert server.paths == ["/write?db=siaga&precision=ns"]


async def test_a_cancelled_write_leaves_no_connection_behind() -> None:
    async with scripted(drip("204 No Content", b"", 5)) as server, InfluxDB1(server.url, "siaga") as store:
        write = asyncio.create_task(store.write(LINES), name="write")
        await server.wait_for_writes(1)
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
