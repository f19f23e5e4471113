"""What is near a place, from a real store; and the desk does as well without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.inventory import Device, Inventory, Site
from duty_desk.geo.lookout import KEPT_S, MAX_AGE_S, TIMEOUT_S, Lookout, as_json
from duty_desk.geo.nearby import MAX_VEHICLES, Surroundings, sensors_query
from duty_desk.geo.shapes import Point
from siaga.stack.influxdb import COLLECTOR, READER
from siaga.stack.ports import free_port
from store import Account, Row, StoreSettings
from tests.conftest import Database

HERE: Point = (107.6095, -6.9205)
S = 1_000_000_000


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now_ns = time.time_ns()
        self.monotonic_s = 100.0

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * S)
        self.monotonic_s += seconds


def lookout(inventory: Inventory, url: str, database: str, account: Account | None, clock: Clock) -> Lookout:
    """Return a lookout on a store."""
    settings = StoreSettings(url=url, database=database)
    return Lookout(inventory, settings, account, now_ns=lambda: clock.now_ns, monotonic_s=lambda: clock.monotonic_s)


def position(device: str, longitude: float, latitude: float, at_ns: int, more: str = "") -> str:
    """Return a position as the collector writes it."""
    return f'position,device={device},sensor=gps latitude={latitude},longitude={longitude}{more},clock="gnss" {at_ns}'


@pytest.fixture
async def city(influxdb: Database, inventory: Inventory) -> tuple[Lookout, Clock, Database]:
    """Return a lookout on a store that holds a few vehicles and what a box measured."""
    clock = Clock()
    now_ns = clock.now_ns
    lines = [
        position("mobil-1", 107.6000, -6.9000, now_ns - 60 * S),
        position("mobil-1", 107.6100, -6.9190, now_ns - 7 * S, ",speed_mps=8.5,course_deg=45.0"),
        position("mobil-2", 107.6500, -6.9200, now_ns - 400 * S, ",speed_mps=0.0"),
        position("tanpa-nama", 107.6120, -6.9200, now_ns - 3 * S),
        position("box-1", 107.6072, -6.9318, now_ns - 1 * S),
        position("mobil-lama", 107.6095, -6.9205, now_ns - 7_200 * S),
        f'weather,device=box-1,sensor=cuaca temperature_c=26.5,humidity_pct=80.0,clock="ntp" {now_ns - 90 * S}',
        f'weather,device=box-1,sensor=cuaca temperature_c=27.25,clock="ntp" {now_ns - 30 * S}',
        f'water_level,device=box-1,sensor=air level_m=1.5,clock="ntp" {now_ns - 20 * S}',
        f'enclosure,device=box-1,sensor=kotak temperature_c=51.0,clock="ntp" {now_ns - 20 * S}',
        f'weather,device=mobil-2,sensor=cuaca temperature_c=20.0,clock="ntp" {now_ns - 30 * S}',
    ]
    async with influxdb.store(COLLECTOR) as store:
        await store.write("\n".join(lines).encode())
    account = Account(READER, influxdb.server.password_file(READER))
    return lookout(inventory, influxdb.url, influxdb.database, account, clock), clock, influxdb


@pytest.mark.slow
async def test_vehicles_by_distance_with_age_and_heading_sensors_with_their_latest_and_cameras(
    city: tuple[Lookout, Clock, Database],
) -> None:
    found = await city[0].near(HERE)
    assert found.store == "good"
    assert [(one.label, one.age_s) for one in found.vehicles] == [
        ("Patroli 1", 7.0),
        ("tanpa-nama", 3.0),
        ("Patroli 2", 400.0),
    ], "not a box that has a site, wherever its receiver says it is, nor what was last heard two hours ago"
    first = found.vehicles[0]
    assert [one.use for one in found.vehicles] == ["patrol", None, None]
    assert (first.latitude, first.longitude, first.speed_mps, first.course_deg) == (-6.919, 107.61, 8.5, 45.0)
    assert 160 < first.distance_m < 190
    assert (found.vehicles[2].speed_mps, found.vehicles[2].course_deg) == (0.0, None)
    told = {
        one.sensor: ([(value.name, value.value) for value in one.values], one.age_s, one.label) for one in found.sensors
    }
    assert told == {
        "cuaca": ([("temperature_c", 27.25)], 30.0, "Kotak Alun-Alun"),
        "air": ([("level_m", 1.5)], 20.0, "Kotak Alun-Alun"),
    }, "of the boxes near by, and nothing of the inside of a cabinet"
    assert [camera.id for camera in found.cameras] == ["cam-1"], "the other is 4 km away"
    assert as_json(found)["sensors"][0]["values"][0]["label_id"]


@pytest.mark.slow
async def test_the_store_is_asked_once_in_two_seconds(city: tuple[Lookout, Clock, Database]) -> None:
    look, clock, database = city
    assert len((await look.near(HERE)).vehicles) == 3
    async with database.store() as store:
        await store.administer("DROP MEASUREMENT position")
    clock.go(KEPT_S - 0.01)
    kept = await look.near(HERE)
    assert [one.age_s for one in kept.vehicles] == [9.0, 5.0, 402.0], "kept, and older by as much"
    clock.go(0.02)
    assert (await look.near(HERE)).vehicles == []


@pytest.mark.slow
async def test_fault_31_a_store_that_falls_silent_leaves_what_came_last_with_its_age_and_is_said_to_be(
    city: tuple[Lookout, Clock, Database], inventory: Inventory
) -> None:
    look, clock, _ = city
    before = await look.near(HERE)
    assert look._settings is not None
    look._settings = look._settings.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})
    clock.go(60)
    silent = await look.near(HERE)
    assert silent.store == "silent"
    assert [one.age_s for one in silent.vehicles] == [one.age_s + 60 for one in before.vehicles]
    assert [camera.id for camera in silent.cameras] == ["cam-1"], "what the inventory knows is there all the same"
    clock.go(MAX_AGE_S)
    assert (await look.near(HERE)).vehicles == [], "half an hour old tells nothing"


@pytest.mark.slow
async def test_fault_31_a_store_that_hangs_holds_up_nobody_for_more_than_two_time_outs() -> None:
    # 20 pages, each near another box, so that each has a question of its own.
    sites = [Site(id=f"s-{at}", address="Jl. Satu", latitude=-6.9, longitude=107.0 + at / 20) for at in range(20)]
    devices = [Device(name=f"box-{at}", label="Kotak", site=f"s-{at}") for at in range(20)]
    async with hanging() as url:
        look = Lookout(Inventory(sites=sites, devices=devices), StoreSettings(url=url), None)
        began = time.monotonic()
        found = await asyncio.gather(*(look.near((site.longitude, site.latitude)) for site in sites))
        took_s = time.monotonic() - began
    assert {one.store for one in found} == {"silent"}
    assert 1.4 < took_s < 2 * TIMEOUT_S + 1


async def test_a_wrong_password_is_a_silent_store_and_none_is_none(
    influxdb: Database, inventory: Inventory, tmp_path: Path
) -> None:
    password = tmp_path / "wrong"
    password.write_text("wrong")
    password.chmod(0o600)
    look = lookout(inventory, influxdb.url, influxdb.database, Account("reader", password), Clock())
    assert (await look.near(HERE)).store == "silent"
    found = await Lookout(inventory, None, None).near(HERE)
    assert (found.store, found.vehicles, len(found.cameras)) == ("none", [], 1)


async def test_what_is_remembered_is_bounded(inventory: Inventory) -> None:
    clock = Clock()
    look = lookout(inventory, f"http://127.0.0.1:{free_port()}", "siaga", None, clock)
    for number in range(100):
        look._keep(f"query {number}", look._of("none"))
    assert len(look._kept) == 64


def test_a_name_cannot_break_out_of_its_question() -> None:
    assert "device = 'a\\' OR \\'\\\\'" in sensors_query(["a' OR '\\"])


def test_at_most_so_many_vehicles_and_odd_rows_are_passed_over(inventory: Inventory) -> None:
    around = Surroundings(inventory)
    rows: list[Row] = [
        {"device": f"m-{number}", "sensor": "g", "latitude": -6.92, "longitude": 107.6 + number / 1000, "time": 1}
        for number in range(50)
    ]
    odd: list[Row] = [
        {"device": "x"},
        {"device": "y", "latitude": "a", "longitude": True},
        {"latitude": 55.0, "longitude": 9.0},
    ]
    found = around.vehicles([*rows, *odd], HERE, now_ns=2)
    assert len(found) == MAX_VEHICLES
    assert [one.distance_m for one in found] == sorted(one.distance_m for one in found)


@asynccontextmanager
async def hanging() -> AsyncIterator[str]:
    """Yield the address of a server that takes every question and answers none."""
    gone = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        gone.set()
