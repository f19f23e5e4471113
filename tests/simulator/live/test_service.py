"""The living city in a real InfluxDB: its past at once, then on; nothing is lost while the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from siaga.stack.influxdb import COLLECTOR
from simulator.history.plan import MINUTE, S
from simulator.live import service
from simulator.live.kept import Kept
from store import Account, InfluxDB1, StoreRetryError
from tests.conftest import Database

NOW = 1_790_000_000 * S // MINUTE * MINUTE


class _Clock:
    def __init__(self) -> None:
        self.now_ns = NOW

    def __call__(self) -> int:
        return self.now_ns


class _Away(InfluxDB1):
    """A store that can be away."""

    away = False
    tried = 0

    async def write(self, lines: bytes, *, policy: str = "", days: Collection[int] | None = None) -> None:
        """Write, or say that it is away."""
        if self.away:
            self.tried += 1
            raise StoreRetryError("away")
        await super().write(lines, policy=policy, days=days)


@asynccontextmanager
async def _city(influxdb: Database, file: Path, clock: _Clock) -> AsyncIterator[_Away]:
    account = Account(COLLECTOR, influxdb.server.password_file(COLLECTOR))
    async with _Away(influxdb.url, influxdb.database, account) as store:
        ready = asyncio.Event()
        task = asyncio.create_task(service.run(store, file, ready.set, now_ns=clock))
        try:
            async with asyncio.timeout(20):
                await ready.wait()
            yield store
        finally:
            task.cancel()
            await asyncio.wait((task,))


def _times(influxdb: Database) -> list[int]:
    [series] = influxdb.server.query(
        'SELECT "latitude" FROM "position" WHERE "device" = \'vehicle-1\'', database=influxdb.database
    )
    return [row[0] for row in series["values"]]


async def _reaches(influxdb: Database, at_ns: int) -> list[int]:
    async with asyncio.timeout(10):
        while (times := await asyncio.to_thread(_times, influxdb))[-1] < at_ns:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.02)
    return times


@pytest.mark.slow
async def test_it_goes_on_over_a_store_that_is_away_and_over_a_restart_without_a_gap(
    influxdb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "EACH_S", 0.02)
    monkeypatch.setattr(service, "AGAIN_S", 0.02)
    file, clock = tmp_path / "city.json", _Clock()
    Kept(NOW - MINUTE, NOW - 5 * MINUTE, NOW - 5 * MINUTE).write(file)
    async with _city(influxdb, file, clock) as store:
        times = await asyncio.to_thread(_times, influxdb)
        assert times[0] >= NOW - 5 * MINUTE
        store.away = True
        clock.now_ns += 30 * S
        async with asyncio.timeout(10):
            while store.tried < 2:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)
        store.away = False
        clock.now_ns += 30 * S
        await _reaches(influxdb, clock.now_ns - 10 * S)
    clock.now_ns += MINUTE
    async with _city(influxdb, file, clock):
        times = await _reaches(influxdb, clock.now_ns - 10 * S)
    apart_s = max(after - before for before, after in pairwise(times)) / 1e9
    # It drives: a position each few seconds, or each minute where it waits at a light.
    assert apart_s <= 60
