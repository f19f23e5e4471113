"""An incident on real brokers takes the chosen screens within 2 s, in Chromium, and gives them back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from contract import topics
from contract.messages import Heartbeat, IncidentMessage, encode
from link import Session
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from tests.dashboards.server.conftest import NO_WEBGL, Walls, chromium, shots, walls

_S = 10**9


def incident(name: str = "incident-a", **more: Any) -> IncidentMessage:
    """Return an incident at box-1, opened ten seconds ago."""
    opened = time.time_ns() - 10 * _S
    known: dict[str, Any] = {
        "incident_id": name,
        "state": "open",
        "status": "Actual",
        "device": "box-1",
        "button": "sos",
        "opened_at_ns": opened,
        "received_at_ns": opened + _S // 3,
        "changed_at_ns": time.time_ns(),
        "presses": 1,
        "incomplete": False,
    }
    return IncidentMessage.model_validate(known | more)


def _brokers(alarm: Mosquitto, telemetry: Mosquitto) -> str:
    tables = []
    for lane, broker in (("alarm", alarm), ("telemetry", telemetry)):
        broker.service("wall")  # makes the account's password
        password = broker.trust.authority.accounts / "wall.password"
        tables.append(
            f'[{lane}_broker]\nhost = "127.0.0.1"\nport = {broker.centre_port}\n'
            f'ca = "{broker.trust.authority.trust}"\nusername = "centre.wall"\npassword_file = "{password}"\n'
        )
    return "\n".join(tables)


@asynccontextmanager
async def _desk(broker: Mosquitto) -> AsyncIterator[Session]:
    session = Session(broker.service("desk"), "desk")
    task = asyncio.create_task(session.run())
    try:
        await asyncio.wait_for(session.wait_connected(), 10)
        yield session
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _heard(server: Walls, wanted: dict[str, bool]) -> None:
    async with asyncio.timeout(10):
        while (await server.get("/api/wall"))["brokers"] != wanted:
            pass  # the answer takes its time


@pytest.mark.slow
async def test_an_incident_takes_its_screens_within_two_seconds_and_gives_them_back(
    tmp_path: Path,
    city_server: InfluxDB,
    alarm_broker: Mosquitto,
    telemetry_broker: Mosquitto,
    record_property: Callable[[str, str], None],
) -> None:
    more = _brokers(alarm_broker, telemetry_broker)
    async with (
        walls(tmp_path, city_server, more=more) as server,
        chromium() as browser,
        _desk(alarm_broker) as desk,
        _desk(telemetry_broker) as other,
    ):
        pages = [await _screen(browser, server, number) for number in (1, 3)]
        await _heard(server, {"alarm": True, "telemetry": True})

        seen = (await server.get("/api/screen/1"))["version"]
        held = asyncio.create_task(server.get("/api/screen/1", seen=seen))
        began = time.monotonic()
        message = incident(latitude=-6.9186, longitude=107.6099)
        for session in (desk, other):
            await session.publish(topics.INCIDENT, encode(message))
        assert (await held)["incident"] == "incident-a"
        assert time.monotonic() - began < 2.0
        side = pages[0].locator(".side")
        await expect(side).to_contain_text("KEJADIAN · INCIDENT")
        record_property("told", f"an incident stood on its screen {time.monotonic() - began:.2f} s after it was told")
        await expect(side).to_contain_text("Jl. Braga, sudut Jl. Asia Afrika")
        await expect(side).to_contain_text("Kamera braga")
        await expect(side.locator(".nearest_vehicles li").first).to_contain_text("Patroli")
        await expect(side).not_to_contain_text("Patroli 7")  # silent for 40 minutes
        await expect(pages[1].locator(".side")).to_have_count(0)
        await _picture(pages[0], "incident.png")

        drill = incident("drill-b", status="Exercise", device="box-4")
        await desk.publish(topics.INCIDENT, encode(drill))
        second = await _screen(browser, server, 2)
        await expect(second.locator(".drill-band")).to_contain_text("LATIHAN · DRILL")
        await expect(pages[0].locator(".drill-band")).to_be_hidden()
        # The desk's own word of it is on every screen, also on those that no incident takes.
        beat = Heartbeat(desk="desk", timestamp_ns=time.time_ns(), open_incidents=2, recording=True, drill="Malam")
        await other.publish(topics.HEARTBEAT, encode(beat))
        for page in (*pages, second):
            await expect(page.locator("#drill")).to_have_text("LATIHAN: Malam")
        await _picture(second, "drill.png")
        over = beat.model_copy(update={"timestamp_ns": time.time_ns(), "drill": None})
        await desk.publish(topics.HEARTBEAT, encode(over))
        await expect(pages[1].locator("#drill")).to_be_hidden()

        closed = message.model_copy(update={"state": "closed", "changed_at_ns": time.time_ns()})
        # Only one of both brokers is still there to tell it.
        await other.publish(topics.INCIDENT, encode(closed))
        await expect(pages[0].locator(".drill-band")).to_contain_text("DRILL")
        ended = drill.model_copy(update={"state": "cancelled", "changed_at_ns": time.time_ns()})
        async with _answered_late(second):
            await desk.publish(topics.INCIDENT, encode(ended))
            await expect(pages[0].locator(".panel").first).to_be_visible()
            await expect(second.locator(".panel").first).to_be_visible()
        await expect(second.locator(".drill-band")).to_have_count(0)
        assert await second.evaluate("document.body.dataset.drill") == "", "a late answer marks no board as a drill"


@asynccontextmanager
async def _answered_late(page: Page) -> AsyncIterator[None]:
    """Hold what a page asks of its incident meanwhile; it has its answer afterwards."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await over.wait()
        await route.continue_()

    # However long that is: the page shall not give up.
    await page.evaluate("AbortSignal.timeout = () => new AbortController().signal")
    await page.route("**/api/incident/**", hold)
    await asked.wait()
    yield
    async with page.expect_response("**/api/incident/**") as answer:
        over.set()
    await (await answer.value).finished()
    # What the page asks now it has after that answer.
    await page.evaluate("fetch('/api/screens').then((answer) => answer.json())")


async def _screen(browser: Any, server: Walls, number: int) -> Page:
    page: Page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    if shots() is None:
        await page.add_init_script(NO_WEBGL)
    await page.goto(f"{server.url}/wall/{number}")
    await page.wait_for_selector(".panel, .side")
    return page


async def _picture(page: Page, name: str) -> None:
    folder = shots()
    if folder is not None:
        await page.wait_for_timeout(2_500)
        await page.screenshot(path=folder / name)
