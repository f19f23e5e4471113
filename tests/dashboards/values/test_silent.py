"""Who should be there comes from the inventory: who never spoke is named on each board that should show it.

A small city lives and reports; beside it stand a box, a vehicle and a sensor of each kind that nobody ever heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from contract.inventory import Device, Inventory, Sensor
from dashboards.boards import DASHBOARDS
from dashboards.server.asking import Asking
from dashboards.server.panels import Panels
from dashboards.server.roster import Roster
from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from simulator.history.day import simulate
from simulator.history.plan import Plan, S
from simulator.history.writing import write
from store import Account, InfluxDB1
from store.layout import Layout
from store.setup import init

pytestmark = pytest.mark.slow

DATABASE = "silent"
BOX, VEHICLE = "box-never", "vehicle-never"
SENSORS = {"air_quality": "air-never", "water_level": "river-never", "weather": "weather-never"}
NAMED = {
    ("siaga_city", "map"): VEHICLE,
    ("siaga_city", "level"): f"{BOX}/river-never",
    ("siaga_city", "air"): f"{BOX}/air-never",
    ("siaga_city", "rain"): f"{BOX}/weather-never",
    ("siaga_vehicles", "map"): VEHICLE,
    ("siaga_vehicles", "heard"): VEHICLE,
    ("siaga_air", "pm25-now"): f"{BOX}/air-never",
    ("siaga_air", "pm10-now"): f"{BOX}/air-never",
    ("siaga_air", "stations"): f"{BOX}/air-never",
    ("siaga_water", "level-now"): f"{BOX}/river-never",
    ("siaga_water", "rise"): f"{BOX}/river-never",
    ("siaga_water", "gauges"): f"{BOX}/river-never",
    ("siaga_weather", "rain-1h"): f"{BOX}/weather-never",
    ("siaga_weather", "stations"): f"{BOX}/weather-never",
    ("siaga_fleet", "boxes"): BOX,
}
COUNTS = {("siaga_city", "boxes"), ("siaga_vehicles", "moving"), ("siaga_fleet", "heard")}
"""Panels of one number: they say of how many, and the board beside them says who."""


City = tuple[Inventory, InfluxDB1]


@pytest.fixture(scope="module")
def city(influxdb_server: InfluxDB) -> Iterator[City]:
    """Yield a city's inventory, and its store as the walls see it, to be entered."""
    influxdb_server.create_database(DATABASE)
    day = simulate(Plan.until(time.time_ns() // S * S, 1, boxes=24, vehicles=3, air=3, water=3, weather=3, incidents=5))
    known = day.inventory
    known = known.model_copy(
        update={
            "devices": [
                *known.devices,
                Device(name=BOX, label="Boks bisu", site=known.sites[0].id),
                Device(name=VEHICLE, label="Patroli bisu", vehicle="patrol"),
            ],
            "sensors": [
                *known.sensors,
                *(Sensor(device=BOX, id=name, kind=kind, label=f"{kind} bisu") for kind, name in SENSORS.items()),
            ],
        }
    )

    def store(account: str) -> InfluxDB1:
        return InfluxDB1(influxdb_server.url, DATABASE, Account(account, influxdb_server.password_file(account)))

    async def fill() -> None:
        async with store(ADMIN) as admin:
            await init(admin, Layout(), readers=[READER])
            await write(admin, day.series())

    asyncio.run(fill())
    yield known, store(READER)
    influxdb_server.drop_database(DATABASE)


@asynccontextmanager
async def _panels(city: City) -> AsyncIterator[Panels]:
    known, store = city
    async with store:
        yield Panels(Asking(store, _now_ms), Roster(known), _now_ms)


def _now_ms() -> int:
    return time.time_ns() // 10**6


def test_each_panel_that_expects_somebody_is_named_here() -> None:
    expecting = {(b.uid, panel.key) for b in DASHBOARDS.values() for panel in b.panels if panel.expected is not None}
    assert expecting == set(NAMED) | COUNTS


@pytest.mark.parametrize("uid", sorted({uid for uid, _ in NAMED}))
async def test_who_never_spoke_is_named_on_the_board_that_should_show_it(uid: str, city: City) -> None:
    async with _panels(city) as panels:
        for panel in DASHBOARDS[uid].panels:
            answer = await panels.answer(uid, panel.key)
            silent = {one["name"]: one for one in answer["silent"]}
            name = NAMED.get((uid, panel.key))
            if name is not None:
                assert silent[name]["since_ms"] is None, panel.key
                assert "bisu" in silent[name]["label"]
                # The others are heard: a list of everybody would say nothing.
                assert 0 < len(silent) < answer["expected"], panel.key
            if (uid, panel.key) in COUNTS:
                [series] = answer["questions"][0]["series"]
                assert 0 < series["rows"][-1][-1] < answer["expected"], panel.key
        named = {one["name"] for one in (await panels.health(uid))["silent"]}
    assert {name for (board, _), name in NAMED.items() if board == uid} <= named


@pytest.mark.parametrize(
    ("uid", "device", "sensor"),
    [
        ("siaga_box", BOX, ""),
        ("siaga_vehicle", VEHICLE, ""),
        *(("siaga_sensor", BOX, sensor) for sensor in SENSORS.values()),
    ],
)
async def test_one_that_never_spoke_can_be_chosen_and_no_value_is_shown(
    uid: str, device: str, sensor: str, city: City
) -> None:
    async with _panels(city) as panels:
        for panel in DASHBOARDS[uid].panels:
            answer = await panels.answer(uid, panel.key, device=device, sensor=sensor)
            assert answer["stale"], panel.key
            assert not any(one["series"] for one in answer["questions"])
            assert answer["no_answer"] is None
        assert (await panels.health(uid, device=device, sensor=sensor))["newest_ms"] is None
