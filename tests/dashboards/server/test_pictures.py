"""Pictures of every dashboard as the own board draws it, for the docs: only when they are asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from siaga.stack.influxdb import InfluxDB
from tests.dashboards.server.conftest import chromium, shots, still_alive, walls

_SCREENS = {
    1: "city",
    2: "alarms",
    3: "vehicles",
    4: "traffic",
    5: "air",
    6: "water",
    7: "weather",
    8: "fleet",
    9: "alarm-path",
    10: "box",
    11: "vehicle",
    12: "sensor",
    13: "city-en-light",
}
_ON_4K = ("city", "water")


@pytest.mark.slow
@pytest.mark.skipif(shots() is None, reason="SIAGA_SCREENSHOTS asks for pictures")
async def test_each_dashboard_at_1080_and_one_at_2160(tmp_path: Path, city_server: InfluxDB) -> None:
    folder = shots()
    assert folder is not None
    errors: list[str] = []
    async with walls(tmp_path, city_server) as server, chromium() as browser:
        for number, name in _SCREENS.items():
            for width, height in ((1920, 1080), *(((3840, 2160),) if name in _ON_4K else ())):
                page = await browser.new_page(viewport={"width": width, "height": height})
                page.on("pageerror", lambda error: errors.append(str(error)))
                page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
                await asyncio.to_thread(still_alive, city_server)
                await page.goto(f"{server.url}/wall/{number}")
                await page.wait_for_selector(".panel")
                await expect(page.locator(".panel p.wait")).to_have_count(0)
                await page.wait_for_timeout(3_500)
                suffix = "-4k" if height == 2160 else ""
                await page.screenshot(path=folder / f"{name}{suffix}.png")
                await page.close()
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        await page.goto(server.url)
        await page.wait_for_selector(".card")
        await page.screenshot(path=folder / "index.png")
    assert errors == []
