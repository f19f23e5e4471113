"""Faults 32 and 33 with a real broker and a real InfluxDB: what the store will not take, and the rest."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from collector.quarantine import FILE
from collector.quarantine_read import read_counts, read_rows
from collector.top import fetch
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from store.refusals import FIELD_TYPE, SERIES_LIMIT
from tests.collector.batches import T0_NS, body, reading
from tests.collector.box import box
from tests.collector.test_process import Start, count, start
from tests.conftest import Database

__all__ = ["start"]  # a fixture

pytestmark = pytest.mark.slow


async def test_fault_32_what_the_store_refuses_of_a_batch_is_quarantined_and_the_rest_is_stored(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database, tmp_path: Path
) -> None:
    async with influxdb.store() as store:
        await store.write(f'position,device=other,sensor=gps hdop="wide" {T0_NS}'.encode())
    start(telemetry_broker, influxdb.server, influxdb.database)
    bad = {"latitude": -6.9, "longitude": 107.6, "hdop": 1.5}
    async with box(telemetry_broker) as one:
        for number in range(20):
            good = [reading(number * 10 + place) for place in range(9)]
            # The 7th box of readings has one that the store will not take, and the 12th has nothing else.
            some = [*good, reading(number * 10 + 9, fields=bad)] if number == 7 else good
            await one.send(number, body(number=number, readings=some))
        await one.send(20, body(number=20, readings=[reading(900, fields=bad), reading(901, fields=bad)]))
        await one.all_receipted()
    assert await asyncio.to_thread(count, influxdb.server, influxdb.database) == {"box-1": 180}
    rows = read_rows(tmp_path / "data" / FILE)
    assert [(row.reason, row.device, row.readings) for row in rows] == [(FIELD_TYPE, "box-1", 1)] * 3
    assert {int(row.body.rsplit(b" ", 1)[1]) - T0_NS for row in rows} == {79 * 10**6, 900 * 10**6, 901 * 10**6}
    assert all('input field "hdop" on measurement "position" is type float' in row.detail for row in rows)


async def test_fault_33_at_the_limit_of_series_new_ones_are_refused_and_told_and_the_known_go_on(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFLUXDB_DATA_MAX_SERIES_PER_DATABASE", "5")
    server = InfluxDB(tmp_path / "influxdb")
    server.start()
    port = free_port()
    try:
        collector = start(telemetry_broker, server, server.database, metrics_port=port)
        async with box(telemetry_broker, resend=False) as one:
            await one.send(0, body(number=0, readings=[reading(n, sensor=f"gps-{n}") for n in range(5)]))
            await one.all_receipted()
            for number in range(1, 6):
                some = [reading(number * 10 + n, sensor=f"gps-{n}") for n in range(8)]
                await one.send(number, body(number=number, readings=some))
                await one.all_receipted()
        figures = await fetch_figures(port)
        assert figures[f'refused_total{{reason="{SERIES_LIMIT}"}}'] == 15
        assert figures["store_series_refused"] == 3
        assert figures["store_ok"] == 1
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/readyz") as reply:
            assert reply.status == 200, "it works: the known series are stored"
            [told] = json.loads(await reply.text())["faults"]
        assert "takes no new series: 3 refused" in told
        assert await asyncio.to_thread(count, server, server.database) == {"box-1": 30}
        counts = read_counts(tmp_path / "data" / FILE)
        assert counts == {SERIES_LIMIT: 15}
        collector.stop()
        assert "takes no new series" in collector.output()
    finally:
        server.stop()


async def fetch_figures(port: int) -> dict[str, float]:
    """Return the collector's figures."""
    return await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}")
