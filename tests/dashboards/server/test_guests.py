"""A stranger cannot burn the store: what no screen asks is few at once, and never stands before the screens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dashboards.plan import parse_plan
from dashboards.server.asking import WAITING_GUESTS, Asking, NoAnswer
from dashboards.server.guests import BY_ADDRESS, IN_ALL, Guests, TooManyError
from siaga.stack.influxdb import InfluxDB
from tests.dashboards.server.conftest import walls
from tests.dashboards.server.test_asking import Clock, Scripted

PLAN = parse_plan(
    'city = "Kota"\nlanguage = "id"\nsource = "board"\n'
    '[[screens]]\nnumber = 1\nshow = [{ dashboard = "siaga_water" }]\nrange = "7d"\ntakeover = true\n'
    '[[screens]]\nnumber = 2\nshow = [{ dashboard = "siaga_box" }]\ndevice = "box-3"\n',
    source="wall.toml",
)
DAY_S = 86_400


@pytest.mark.parametrize(
    ("uid", "device", "sensor", "range_s", "guest"),
    [
        ("siaga_city", "", "", None, False),
        ("siaga_city", "box-9", "any", None, False),  # it asks for no box: the names change nothing
        ("siaga_water", "", "", None, False),
        ("siaga_water", "", "", 7 * DAY_S, False),
        ("siaga_water", "", "", 8 * DAY_S, True),
        ("siaga_box", "box-3", "", None, False),
        ("siaga_box", "box-4", "", None, True),
        ("siaga_nothing", "", "", None, True),
    ],
)
def test_the_plans_questions_are_known(uid: str, device: str, sensor: str, range_s: int | None, guest: bool) -> None:
    assert Guests(PLAN).is_guest(uid, device, sensor, range_s, bounded=False) is guest
    assert Guests(PLAN).is_guest(uid, device, sensor, range_s, bounded=True)


def test_few_at_once_by_address_and_in_all_and_places_are_given_back() -> None:
    guests = Guests(PLAN)
    taken = []
    for address in range(IN_ALL // BY_ADDRESS):
        for _ in range(BY_ADDRESS):
            taken.append(guests.asking(f"192.0.2.{address}"))
            taken[-1].__enter__()
        if address == 0:
            with pytest.raises(TooManyError), guests.asking("::ffff:192.0.2.0"):
                pass
    with pytest.raises(TooManyError), guests.asking("192.0.2.99"):
        pass
    for one in taken:
        one.__exit__(None, None, None)
    with guests.asking("192.0.2.0"):
        pass


def test_a_network_of_ipv6_is_one_address() -> None:
    guests = Guests(PLAN)
    places = [guests.asking(f"2001:db8::{number}") for number in range(BY_ADDRESS)]
    for place in places:
        place.__enter__()
    with pytest.raises(TooManyError), guests.asking("2001:db8::ffff"):
        pass
    with guests.asking("2001:db8:0:1::1"):
        pass


@pytest.mark.slow
async def test_a_guest_has_one_turn_and_its_silence_says_nothing_of_the_store() -> None:
    store, clock = Scripted(), Clock()
    asking = Asking(store, lambda: int(clock.s * 1_000), monotonic=clock, timeout_s=60)
    guests = [asyncio.create_task(asking.ask(f"SELECT {n}", guest=True)) for n in range(WAITING_GUESTS)]
    await asyncio.sleep(0)
    with pytest.raises(NoAnswer, match="too many"):
        await asking.ask("SELECT more", guest=True)
    await asyncio.sleep(0)
    assert store.asked == ["SELECT 0"]
    screen = asyncio.create_task(asking.ask("SELECT screen"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert store.asked == ["SELECT 0", "SELECT screen"]
    store.gate.set()
    await asyncio.gather(screen, *guests)
    assert store.most == 2, "one guest's question at a time"
    store.gate.clear()
    asking = Asking(store, lambda: int(clock.s * 1_000), monotonic=clock, timeout_s=0.02)
    with pytest.raises(NoAnswer):
        await asking.ask("SELECT late", guest=True)
    assert asking.no_answer_since_ms is None
    with pytest.raises(NoAnswer):
        await asking.ask("SELECT screen")
    assert asking.no_answer_since_ms is not None


@pytest.mark.slow
async def test_who_asks_for_ten_years_again_and_again_is_told_so_and_the_screens_are_answered(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    async with walls(tmp_path, city_server) as server, server.client() as client:
        far = [client.get("/api/panel/siaga_air/pm25-now", params={"range": 3 * DAY_S + n}) for n in range(40)]
        near = [client.get("/api/panel/siaga_city/level") for _ in range(60)]
        told = await asyncio.gather(*far, *near)
        statuses = [answer.status_code for answer in told[:40]]
        assert {*statuses} == {200, 429}
        assert 429 not in [answer.status_code for answer in told[40:]]
        refused = next(answer.json() for answer in told if answer.status_code == 429)
        assert refused["code"] == "too_many"
        assert not server.service.wall.guests._under_way  # type: ignore[union-attr]
        assert (await client.get("/api/panel/siaga_air/pm25-now", params={"range": 3 * DAY_S})).status_code == 200
