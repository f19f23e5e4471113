"""One zone for all who read a time: the city's, as wall.toml has it, wherever the browser is."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from siaga.stack.influxdb import InfluxDB
from tests.dashboards.server.conftest import NO_WEBGL, PLAN, chromium, shots, walls

CITY: Final = ZoneInfo("Asia/Kathmandu")
"""Three quarters of an hour off all others: an axis divided where another zone's hours begin shows it."""
ABROAD: Final = "America/Bogota"
DRAWN: Final = """
window.drawnHours = [];
const given = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...more) {
  // An axis's words stand in the middle of where they belong.
  const middle = this.getTransform().transformPoint({ x, y: 0 }).x;
  if (/^\\d\\d:\\d\\d$/.test(text)) drawnHours.push([text, middle, this.canvas.width]);
  return given.call(this, text, x, ...more);
};"""
"""Before a page's own scripts: keeps which hours a chart writes, where, and how wide it is."""
ELSEWHERE: Final = """async () => {
  const told = [];
  for (const name of ["Asia/Jakarta", "Europe/Berlin", "Bandung"]) {
    document.documentElement.dataset.zone = name;
    const { dayAndMonth, local, zoneName } = await import(`/static/zone.js?${name}`);
    // The second before Berlin's clocks go forward, the next, and its second half past two in autumn.
    for (const ms of [1774745999000, 1774746000000, 1792891800000]) {
      const { day, hour, minute, second } = local(ms);
      told.push(`${day} ${hour}:${minute}:${second} ${zoneName(ms)} ${dayAndMonth(ms, "id-ID")}`);
    }
  }
  return told;
}"""


@pytest.mark.slow
async def test_a_screen_far_away_tells_the_citys_time_on_clock_words_and_axis(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    plan = f'time_zone = "{CITY.key}"\n{PLAN}'
    async with walls(tmp_path, city_server, plan=plan) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1920, "height": 1080}, timezone_id=ABROAD)
        await page.add_init_script(NO_WEBGL + DRAWN)
        await page.goto(f"{server.url}/wall/6")
        await expect(page.locator("[data-key=level] canvas")).to_have_count(1)
        await _clock_is_right(page)
        await _axis_ends_now(page)
        [silent] = (await server.get("/api/health/siaga_water"))["silent"]
        since = datetime.fromtimestamp(silent["since_ms"] / 1_000, CITY)
        # Of another day it is said, as at night in that city.
        told = re.compile(rf"1 diam: Citepus, Pasirkaliki \((\d+ \w+ )?{since:%H:%M}\)")
        await expect(page.locator("#foot")).to_contain_text(told)
        if folder := shots():
            await page.screenshot(path=folder / "abroad.png")
        await page.goto(server.url)
        await _clock_is_right(page)
        assert await page.evaluate(ELSEWHERE) == [
            "29 07:59:59 WIB 29 Mar",
            "29 08:00:00 WIB 29 Mar",
            "25 08:30:00 WIB 25 Okt",
            "29 01:59:59 GMT+1 29 Mar",
            "29 03:00:00 GMT+2 29 Mar",
            "25 02:30:00 GMT+1 25 Okt",
            # A zone that the browser does not know leaves it its own, with that one's name.
            "28 19:59:59 GMT-5 28 Mar",
            "28 20:00:00 GMT-5 28 Mar",
            "24 20:30:00 GMT-5 24 Okt",
        ]


async def _clock_is_right(page: Page) -> None:
    """Check the page's clock, to the minute as a slow machine paints late, and that it names its zone."""
    await expect(page.locator("#zone")).to_have_text("GMT+5.45")
    before_s = time.time()
    told = await page.locator("#clock").inner_text()
    known = (before_s - 60, before_s, time.time())
    assert told[:5] in {f"{datetime.fromtimestamp(at_s, CITY):%H:%M}" for at_s in known}


async def _axis_ends_now(page: Page) -> None:
    """Check that the hours on the axes are whole ones of the city's, and that where an axis ends it is now."""
    drawn = await page.evaluate("drawnHours")
    assert len(drawn) > 4
    assert all(re.fullmatch(r"\d\d:00", text) for text, _, _ in drawn), drawn
    (first, first_x, _), (second, second_x, width) = drawn[0], drawn[1]
    hours = (int(second[:2]) - int(first[:2])) % 24
    end_h = int(second[:2]) + (width - second_x) / (second_x - first_x) * hours
    now = datetime.now(CITY)
    assert abs((end_h - now.hour - now.minute / 60 + 12) % 24 - 12) < 0.75, (drawn[:2], end_h, now)
