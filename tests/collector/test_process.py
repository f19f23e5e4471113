"""`siaga collector run` as a process between a real broker and a real InfluxDB, with kills."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from collector.receipts import GATHER_S
from collector.top import fetch
from contract.identity import body_hash
from provisioning.brokers.model import account
from siaga.stack.influxdb import COLLECTOR, InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from tests.collector.batches import BAD_BODIES, body, reading
from tests.collector.box import Box, box
from tests.conftest import Database
from tests.warm import WarmProcess

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "siaga.main", "collector"]


class Start(Protocol):
    """Starts a collector and waits until it is ready."""

    def __call__(
        self,
        broker: Mosquitto,
        server: InfluxDB,
        database: str,
        *,
        name: str = "collector-1",
        group: bool = False,
        metrics_port: int = 0,
        receive_maximum: int = 20_000,
    ) -> Process: ...


def write_config(
    folder: Path,
    broker: Mosquitto,
    server: InfluxDB,
    database: str,
    *,
    name: str = "collector-1",
    group: bool = False,
    metrics_port: int = 0,
    receive_maximum: int = 20_000,
) -> Path:
    """Write a collector's configuration, in a group of collectors or not, and return its path."""
    path = folder / ("collector.toml" if name == "collector-1" else f"{name}.toml")
    accounts = broker.trust.authority.accounts
    lines = [f'data_dir = "{folder / (name if group else "data")}"', f'client_id = "{name}"']
    lines += [f"receive_maximum = {receive_maximum}"]
    lines += [f'group_file = "{accounts / "collector.group"}"'] if group else []
    lines += ["[metrics]", f"port = {metrics_port}"] if metrics_port else []
    lines += ["[broker]", 'host = "127.0.0.1"', f"port = {broker.centre_port}"]
    lines += [f'ca = "{broker.trust.authority.trust}"', f'username = "{account(name).username}"']
    lines += [f'password_file = "{accounts / f"{name}.password"}"', "[store]"]
    lines += [f'url = "{server.url}"', f'database = "{database}"', f'username = "{COLLECTOR}"']
    lines += [f'password_file = "{server.password_file(COLLECTOR)}"', ""]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a collector and waits until it is ready."""
    started: list[Process] = []

    def one(
        broker: Mosquitto,
        server: InfluxDB,
        database: str,
        *,
        name: str = "collector-1",
        group: bool = False,
        metrics_port: int = 0,
        receive_maximum: int = 20_000,
    ) -> Process:
        config = write_config(
            tmp_path,
            broker,
            server,
            database,
            name=name,
            group=group,
            metrics_port=metrics_port,
            receive_maximum=receive_maximum,
        )
        process = WarmProcess([*COMMAND, "run", "--config", str(config)], name=name, folder=tmp_path)
        process.start()
        started.append(process)
        process.wait_ready()
        return process

    yield one
    for process in started:
        process.stop()


def count(server: InfluxDB, database: str) -> dict[str, int]:
    """Return the number of points by device."""
    series = server.query("SELECT count(latitude) FROM position GROUP BY device", database=database)
    return {one["tags"]["device"]: one["values"][0][1] for one in series}


def missing(server: InfluxDB, database: str, device: str, batches: int, readings: int = 4) -> list[int]:
    """Return the numbers of the batches of `send` of which readings are not stored."""
    rows = server.query(f"SELECT latitude FROM position WHERE device = '{device}'", database=database)
    stored = {values[0] for one in rows for values in one["values"]}
    wanted = {number: [reading(number * readings + place) for place in range(readings)] for number in range(batches)}
    return [number for number, each in wanted.items() if any(one["timestamp_ns"] not in stored for one in each)]


def ask(folder: Path, *words: str) -> tuple[int, str]:
    """Run `siaga collector` with these words to its end; return its exit status and what it wrote."""
    process = WarmProcess([*COMMAND, *words], name="asked", folder=folder)
    process.start()
    return process.wait(), process.output()


def _quarantined(folder: Path) -> list[dict[str, Any]]:
    code, listed = ask(folder, "quarantine", "list", "--config", str(folder / "collector.toml"), "--json")
    assert code == 0, listed
    return [json.loads(line) for line in listed.splitlines()]


async def send(one: Box, numbers: range, readings: int = 4) -> None:
    for number in numbers:
        at = [reading(number * readings + place) for place in range(readings)]
        await one.send(number, body(one.device, number, readings=at))


async def test_everything_sent_is_stored_and_receipted(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    collector = start(telemetry_broker, influxdb.server, influxdb.database)
    async with (
        box(telemetry_broker, "box-1", resend=False) as first,
        box(telemetry_broker, "box-2", resend=False) as second,
    ):
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send(first, range(100)), name="first")
            tasks.create_task(send(second, range(50)), name="second")
        await first.all_receipted()
        await second.all_receipted()
        assert len(first.receipts) <= (time.monotonic() - began) / GATHER_S + 2, "receipts are gathered"
    assert count(influxdb.server, influxdb.database) == {"box-1": 400, "box-2": 200}
    began = time.monotonic()
    collector.stop()
    assert time.monotonic() - began < 2
    assert collector.returncode == 0


async def test_fault_48_bad_bodies_are_quarantined_once_and_receipted_by_hash_and_not_sent_for_ever(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database, tmp_path: Path
) -> None:
    start(telemetry_broker, influxdb.server, influxdb.database)
    async with box(telemetry_broker, "box-1", resend=False) as one:
        for _ in range(2):
            for name, (bad, _) in BAD_BODIES.items():
                await one.send(name, bad)
            await one.all_receipted()
        await one.send(5, body("box-1", 5, readings=[reading(1), reading(2, kind="mood"), reading(3)]))
        await one.all_receipted()
        assert {sha256 for receipt in one.receipts for sha256 in receipt.bodies} == {
            body_hash(bad) for bad, _ in BAD_BODIES.values()
        }
    rows = _quarantined(tmp_path)
    partly = [row for row in rows if row["reason"] == "unknown kind"]
    assert [(row["detail"], row["readings"], row["count"]) for row in partly] == [("mood", 1, 1)]
    whole = {row["sha256"]: row for row in rows if row not in partly}
    assert len(whole) == len(BAD_BODIES)
    for bad, reason in BAD_BODIES.values():
        row = whole[body_hash(bad)]
        assert (row["reason"], row["count"], row["device"]) == (reason, 2, "box-1")
    assert count(influxdb.server, influxdb.database) == {"box-1": 2}, "and nothing of box-2"


async def test_a_store_killed_and_started_again_loses_nothing(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    database = InfluxDB(tmp_path / "influxdb")
    database.start()
    try:
        start(telemetry_broker, database, database.database)
        async with box(telemetry_broker) as one:
            await send(one, range(50))
            database.kill()
            await send(one, range(50, 100))
            while (await one.receipt()).retry_after_s is None:
                pass
            await asyncio.to_thread(database.start)
            await one.all_receipted()
        assert count(database, database.database) == {"box-1": 400}
    finally:
        database.kill()


async def test_a_wrong_password_of_the_store_is_a_fault_and_comes_right(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database, tmp_path: Path
) -> None:
    server = influxdb.server
    password_file = server.password_file(COLLECTOR)
    good = password_file.read_text()
    collector = start(telemetry_broker, server, influxdb.database)
    async with box(telemetry_broker) as one:
        await send(one, range(5))
        await one.all_receipted()
        server.administer(f"SET PASSWORD FOR {COLLECTOR} = 'mended'")
        try:
            await send(one, range(5, 10))
            while (await one.receipt()).retry_after_s is None:
                pass
            told = (
                f"the store refuses user {COLLECTOR} with the password in {password_file} (401: authorization failed)"
            )
            assert collector.output().count(told) == 1, "and not with each attempt"
            assert good not in collector.output()
            assert one.waiting, "boxes keep what is not stored"
            password_file.write_text("mended")
            await one.all_receipted()
        finally:
            password_file.write_text(good)
            server.administer(f"SET PASSWORD FOR {COLLECTOR} = '{good}'")
    assert count(server, influxdb.database) == {"box-1": 40}
    assert _quarantined(tmp_path) == []


async def test_fault_9_a_broker_killed_and_started_again_loses_nothing(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    start(telemetry_broker, influxdb.server, influxdb.database)
    async with box(telemetry_broker) as one:
        await send(one, range(50))
        telemetry_broker.kill()
        await send(one, range(50, 60))
        await asyncio.to_thread(telemetry_broker.start)
        await send(one, range(60, 100))
        await one.all_receipted()
        assert one.sendings > 100
    assert count(influxdb.server, influxdb.database) == {"box-1": 400}


async def test_a_collector_killed_while_batches_flow_doubles_and_loses_nothing(
    start: Start, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    collector = start(telemetry_broker, influxdb.server, influxdb.database)
    async with box(telemetry_broker) as one:
        flowing = asyncio.create_task(send(one, range(1_000_000)), name="flow")
        await one.receipt()
        collector.kill()
        await asyncio.to_thread(start, telemetry_broker, influxdb.server, influxdb.database)
        await one.receipt()
        flowing.cancel()
        await asyncio.wait([flowing])
        await one.all_receipted()
        assert one.sendings > len(one.names), "some had to be sent again"
    assert count(influxdb.server, influxdb.database) == {"box-1": len(one.names) * 4}


async def test_a_store_that_is_down_at_the_start_is_waited_for(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    database = InfluxDB(tmp_path / "influxdb")
    config = write_config(tmp_path, telemetry_broker, database, database.database)
    collector = WarmProcess([*COMMAND, "run", "--config", str(config)], name="collector", folder=tmp_path)
    collector.start()
    try:
        async with box(telemetry_broker) as one:
            await send(one, range(5))
            while (await one.receipt(20.0)).retry_after_s is None:
                pass
            assert "ready" not in collector.output().splitlines()
            await asyncio.to_thread(database.start)
            await asyncio.to_thread(collector.wait_ready)
            await one.all_receipted()
        assert count(database, database.database) == {"box-1": 20}
    finally:
        collector.stop()
        database.kill()


async def test_its_figures_are_the_truth_while_it_works_and_in_trouble(
    start: Start, telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    database = InfluxDB(tmp_path / "influxdb")
    database.start()
    url = f"http://127.0.0.1:{(port := free_port())}"
    try:
        start(telemetry_broker, database, database.database, metrics_port=port)
        async with (
            box(telemetry_broker, resend=False) as one,
            box(telemetry_broker, "box-2") as patient,
            aiohttp.ClientSession() as http,
        ):
            await send(one, range(50))
            await one.send("junk", b"junk")
            await one.all_receipted()
            figures = await asyncio.to_thread(fetch, url)
            assert (figures["stored_total"], figures['refused_total{reason="not json"}']) == (200, 1)
            assert (figures["connected"], figures["store_ok"], figures["held_messages"]) == (1, 1, 0)
            assert figures["messages_total"] >= 51
            assert figures["careful_total"] <= 3, "the first one, the junk, and no more"
            async with http.get(f"{url}/readyz") as answer:
                assert answer.status == 200
            database.kill()
            await send(patient, range(10))
            while (await patient.receipt()).retry_after_s is None:
                pass
            async with http.get(f"{url}/readyz") as answer:
                assert answer.status == 503
                [fault] = (await answer.json())["faults"]
            assert database.url in fault
            async with asyncio.timeout(10):
                # What the broker took is not yet at the collector.
                while (figures := await asyncio.to_thread(fetch, url))["held_messages"] < 10:
                    pass
            assert (figures["store_ok"], figures["store_troubles_total"]) == (0, 1)
            looked = ("top", "--url", url, "--looks", "1", "--interval", "0.1")
            assert "TAKES NOTHING" in (await asyncio.to_thread(ask, tmp_path, *looked))[1]
            await asyncio.to_thread(database.start)
            await patient.all_receipted()
    finally:
        database.kill()
