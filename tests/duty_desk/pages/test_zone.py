"""One zone for all who read a time: the city's, as desk.toml has it, wherever the browser is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.duty_desk.console.browser import browser, console, in_browser
from tests.duty_desk.pages.conftest import ABROAD, opened, take_call
from tests.warm import Warm

MAKASSAR = ZoneInfo("Asia/Makassar")
MIDNIGHTS = """async () => {
  document.documentElement.dataset.zone = "Europe/Berlin";
  const there = await import("/static/words.js?there");
  document.documentElement.dataset.zone = "Bandung";
  const nowhere = await import("/static/words.js?nowhere");
  const begins = (date, later) => new Date(there.midnight(date, later)).toISOString();
  const [now, summer] = [1795334400000, 1782864000000];
  return [begins("2026-03-29", 0), begins("2026-03-29", 1), begins("2026-12-31", 1),
          there.zoneName(summer), there.timeOfDay(now), nowhere.timeOfDay(now), nowhere.zoneName(now)];
}"""


@pytest.fixture
def desk(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk of a city farther east, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    running.config.write_text(running.config.read_text() + '[duty]\ntime_zone = "Asia/Makassar"\n')
    running.start()
    yield running
    running.process.stop()


async def clock_is_right(page: Page) -> None:
    """Check the page's clock, which names its zone once."""
    began = datetime.now(MAKASSAR)
    text = await page.locator("#clock").inner_text()
    # It was brought up to date some moment before it was read.
    took_s = round((datetime.now(MAKASSAR) - began).total_seconds())
    assert text in {f"{began + timedelta(seconds=late):%H.%M.%S}" for late in range(-3, took_s + 2)}, (text, began)
    await expect(page.locator("#zone")).to_have_text("WITA")


@in_browser
async def test_every_page_tells_the_citys_time_and_names_its_zone_once(desk: Desk) -> None:
    opened_at = datetime.fromtimestamp(take_call(desk)["opened_at_ms"] / 1_000, MAKASSAR)
    async with browser() as running:
        async with console(running, desk, timezone_id=ABROAD) as page:
            await clock_is_right(page)
            await expect(page.locator("#story-list time").first).to_have_text(f"{opened_at:%H.%M.%S}")
        day = f"{opened_at:%Y-%m-%d}"
        async with opened(running, desk, f"/archive?from={day}&to={day}", who="pengawas-1") as page:
            await clock_is_right(page)
            await expect(page.locator("#opened")).to_have_text("Waktu (WITA)")
            await expect(page.locator("#rows-body .opens strong")).to_have_text(f"{opened_at:%H.%M.%S}")
            begin = opened_at.replace(hour=0, minute=0).astimezone(UTC)
            hours = [begin, begin + timedelta(days=1)]
            found = "&".join(
                f"{name}={hour:%Y-%m-%dT%H%%3A%M}%3A00.000Z" for name, hour in zip(("from", "to"), hours, strict=True)
            )
            await expect(page.locator("#csv")).to_have_attribute("href", re.compile(re.escape(found)))
            csv = await page.evaluate("fetch('/api/archive.csv').then((answer) => answer.text())")
            assert re.search(rf",{opened_at:%Y-%m-%dT%H:%M:%S}\.\d{{3}}\+08:00,", csv)
            assert await page.evaluate(MIDNIGHTS) == [
                "2026-03-28T23:00:00.000Z",
                "2026-03-29T22:00:00.000Z",
                "2026-12-31T23:00:00.000Z",
                "GMT+2",
                "09.00.00",
                "03.00.00",
                "GMT-5",
            ]
        async with opened(running, desk, "/upcoming", who="petugas-1") as page:
            await clock_is_right(page)
            await expect(page.locator(".when").first).to_contain_text(f"{opened_at:%H.%M.%S}")
