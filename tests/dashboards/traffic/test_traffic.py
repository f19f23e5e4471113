"""Street speeds: a tracker of known speed, thinned as a box thins it, gives that speed on its own street."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from dashboards.traffic import Fix, Streets, load_streets, run, speeds
from dashboards.traffic.minutes import GAP_S
from dashboards.traffic.task import MADE_AGAIN, MINUTE_NS, SETTLED_S
from edge_agent.thinning import Thinner, Thinning
from simulator.streets import City, load_city
from simulator.tracker import Tracker
from store.lines import line
from tests.conftest import Database

S = 10**9
BEGIN_NS = 1_795_305_600 * S


def _streets(city: City) -> Streets:
    return Streets(
        {one.name: [tuple((place.latitude, place.longitude) for place in one.points)] for one in city.streets}
    )


def _drive(points: object, seed: int, seconds: int) -> tuple[list[Fix], list[float]]:
    """Return a vehicle's thinned fixes and its true speed in each second."""
    tracker, thinner = Tracker(points, seed), Thinner(Thinning(1.0, 5.0, 60.0))  # type: ignore[arg-type]
    told: list[Fix] = []
    true: list[float] = []
    for second in range(seconds):
        fix = tracker.advance(1.0)
        at_ns = BEGIN_NS + second * S
        true.append(fix.speed_mps)
        if thinner.is_told("gps", "position", {"latitude": fix.latitude, "longitude": fix.longitude}, at_ns):
            told.append(Fix(at_ns, fix.latitude, fix.longitude, fix.speed_mps, fix.course_deg))
    return told, true


CITY = load_city()
STREETS = _streets(CITY)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(0, len(CITY.streets) - 1))
@example(seed=2_834, number=0)  # it waits at a crossing, and its last fix before lies on the other street
def test_a_tracker_of_known_speed_gives_its_streets_speed(seed: int, number: int) -> None:
    street = CITY.streets[number]
    fixes, true = _drive(street.points, seed, 240)
    found = {one.street: one for one in speeds({"v": fixes}, BEGIN_NS + 60 * S, BEGIN_NS + 180 * S, STREETS)}
    mean = sum(true[60:180]) / 120
    # At a crossing it may be on the other street for a moment, so its own street is looked at where it was all along.
    inside = [fix for fix in fixes if 60 - GAP_S <= (fix.time_ns - BEGIN_NS) / S <= 180 + GAP_S]
    if found and {STREETS.nearest(*fix[1:]) for fix in inside} == {street.name}:
        assert set(found) == {street.name}
        assert found[street.name].vehicles == 1
        assert found[street.name].speed_mps == pytest.approx(mean, abs=0.6)
    else:
        assert not found or street.name in found or mean < 4


def test_a_vehicle_that_stands_counts_for_as_long_as_it_stands() -> None:
    # It came at 3 m/s and stands for a minute: the mean of both fixes, 1.5 m/s, is what it did not drive.
    street = CITY.streets[0].points
    place = street[1]
    fixes = [
        Fix(BEGIN_NS, place.latitude, place.longitude, 3.0, None),
        Fix(BEGIN_NS + 60 * S, place.latitude, place.longitude, 0.0, None),
    ]
    [found] = speeds({"v": fixes}, BEGIN_NS, BEGIN_NS + 60 * S, STREETS)
    assert (found.street, found.speed_mps) == (CITY.streets[0].name, 0.0)


def test_each_vehicle_counts_once_and_who_is_on_no_street_not_at_all() -> None:
    start, end = CITY.streets[12].points[:2]
    course = math.degrees(math.atan2(end.longitude - start.longitude, end.latitude - start.latitude)) % 360

    def along(speed: float, every: int, east: float = 0.0, turned: float = 0.0) -> list[Fix]:
        return [
            Fix(BEGIN_NS + second * S, start.latitude, start.longitude + east, speed, (course + turned) % 360)
            for second in range(0, 60, every)
        ]

    fixes = {
        "fast": along(12.0, 1),
        "slow": along(2.0, 4),
        "back": along(4.0, 2, turned=180),
        "across": along(9.0, 1, turned=90),
        "beside": along(9.0, 1, east=0.001),
    }
    found = {one.street: one for one in speeds(fixes, BEGIN_NS, BEGIN_NS + 60 * S, STREETS)}
    own = found.pop(CITY.streets[12].name)
    assert own.vehicles == 3
    assert own.speed_mps == pytest.approx(6.0)
    assert not any(one.speed_mps == 9.0 and one.vehicles > 1 for one in found.values())
    far = {"v": [Fix(BEGIN_NS, 0.0, 0.0, 5.0, 0.0), Fix(BEGIN_NS + S, 0.0, 0.0, 5.0, 0.0)]}
    assert speeds(far, BEGIN_NS, BEGIN_NS + 60 * S, STREETS) == []
    gap = {"v": [fixes["fast"][0], fixes["fast"][0]._replace(time_ns=BEGIN_NS + 76 * S)]}
    assert speeds(gap, BEGIN_NS, BEGIN_NS + 60 * S, STREETS) == [], "nobody knows where it was meanwhile"
    defect = {"v": along(200.0, 1)}
    assert speeds(defect, BEGIN_NS, BEGIN_NS + 60 * S, STREETS) == []


def test_streets_come_from_geojson_and_a_bad_file_is_told() -> None:
    text = (
        '{"type":"FeatureCollection","features":[{"properties":{"name":"Jalan Satu"},"geometry":'
        '{"type":"MultiLineString","coordinates":[[[107.6,-6.9],[107.6,-6.91]],[[107.7,-6.9],[107.7,-6.91]]]}},'
        '{"properties":null,"geometry":{"type":"Point","coordinates":[107,-6]}}]}'
    )
    streets = load_streets(text, source="streets.geojson")
    assert streets.names == ("Jalan Satu",)
    assert streets.nearest(-6.905, 107.7002, 10, 178) == "Jalan Satu"
    assert streets.nearest(-6.905, 107.7002, 10, 90) is None
    assert streets.nearest(-6.905, 107.7002, 1, 90) == "Jalan Satu", "who crawls has no course"
    assert streets.nearest(-6.905, 107.7003, 1, None) is None, "33 m away"
    for bad in ("{", "[]", '{"features":[]}', text.replace("-6.91", "-691"), text.replace("107.6,-6.9]", "7.6,-6.9]")):
        with pytest.raises(ConfigError, match=r"streets\.geojson: is no GeoJSON of streets"):
            load_streets(bad, source="streets.geojson")


@pytest.mark.slow
async def test_it_makes_each_settled_minute_and_those_of_an_outage_of_the_store(influxdb: Database) -> None:
    # Eight minutes of one vehicle are in the store; it is half past.
    street = CITY.streets[12]
    begin_ns = (time.time_ns() // MINUTE_NS - 12) * MINUTE_NS
    tracker = Tracker(street.points, 7)
    lines = []
    true: list[float] = []
    for second in range(480):
        fix = tracker.advance(1.0)
        true.append(fix.speed_mps)
        fields = {
            "latitude": fix.latitude, "longitude": fix.longitude, "speed_mps": fix.speed_mps,
            "course_deg": fix.course_deg,
        }  # fmt: skip
        lines.append(line("position", {"device": "v-1", "sensor": "gps"}, fields, begin_ns + second * S))
        post = {**fields, "speed_mps": 0.0}
        lines.append(line("position", {"device": "box-1", "sensor": "gps"}, post, begin_ns + second * S))
    counters: Counter[str] = Counter()
    slept: asyncio.Queue[None] = asyncio.Queue()
    turns: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(_: float) -> None:
        slept.put_nowait(None)
        await turns.get()

    now_ns = begin_ns + 9 * MINUTE_NS + round(SETTLED_S) * S
    async with influxdb.store() as store, influxdb.store(database="nowhere") as nowhere:
        await store.write("\n".join(lines).encode())
        made = run(store, nowhere, STREETS, posts={"box-1"}, now_ns=lambda: now_ns, sleep=sleep, counters=counters)
        out = asyncio.create_task(made)
        async with asyncio.timeout(60):
            await slept.get()
        assert counters == {"minutes": MADE_AGAIN - 9, "points": 0, "troubles": 1}, "empty minutes are done"
        async with influxdb.store() as admin:
            await admin.administer('CREATE DATABASE "nowhere"')
        turns.put_nowait(None)
        async with asyncio.timeout(60):
            await slept.get()
        assert counters["minutes"] == MADE_AGAIN
        out.cancel()
        rows = await nowhere.query('SELECT "speed_mps", "vehicles", "street" FROM "street_speed"')
        await store.administer('DROP DATABASE "nowhere"')
    own = [row for row in rows if row["street"] == street.name]
    assert [row["time"] for row in own] == [begin_ns + minute * MINUTE_NS for minute in range(8)]
    for minute, row in enumerate(own[1:7], start=1):
        assert row["speed_mps"] == pytest.approx(sum(true[minute * 60 : minute * 60 + 60]) / 60, abs=0.3)
        assert row["vehicles"] == 1
