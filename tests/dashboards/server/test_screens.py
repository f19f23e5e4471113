"""Screens in Chromium: what a stranger sees when all is well, when the store is gone, and when Grafana is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, expect

from contract.zone import DEFAULT_ZONE
from siaga.stack.influxdb import InfluxDB
from siaga.stack.ports import free_port
from tests.dashboards.server import city
from tests.dashboards.server.conftest import NO_WEBGL, Walls, chromium, walls

CITY = ZoneInfo(DEFAULT_ZONE)


class StandIn:
    """Answers as a Grafana would, over HTTP/1.1, and keeps what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[str] = []
        self.headers: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while within."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head.split("\r\n")[0])
            self.headers.append(head.lower())
            body = b'{"database": "ok"}' if "/api/health" in head else b"<h1>a dashboard of Grafana</h1>"
            kind = b"application/json" if "/api/health" in head else b"text/html"
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\nset-cookie: grafana_session=x\r\n"
                b"connection: close\r\n\r\n%s" % (kind, len(body), body)
            )
            await writer.drain()
        writer.close()


@pytest.mark.slow
async def test_a_screen_shows_its_city_who_is_silent_and_that_its_server_is_gone(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    async with chromium() as browser:
        async with walls(tmp_path, city_server) as server:
            page, errors = await _open(browser, server, 6)
            level = page.locator("[data-key=level-now]")
            await expect(page.locator("#city")).to_have_text("Kota Bandung")
            await expect(page.locator("#age")).to_contain_text("Data")
            await expect(level.locator("li.stale")).to_contain_text("Diam")
            await expect(level.locator("li", has_text="Cikapundung, Braga").locator(".figure")).to_contain_text("m")
            await expect(page.locator("#foot")).to_contain_text("Citepus, Pasirkaliki")
            await expect(page.locator("[data-key=level] canvas")).to_have_count(1)
            # Nothing that must be read is smaller than 0.85 of a 54th of the screen's height.
            smallest = await page.evaluate(
                "Math.min(...[...document.querySelectorAll('.panel *')].filter((e) => e.childElementCount === 0 &&"
                " e.textContent.trim()).map((e) => parseFloat(getComputedStyle(e).fontSize)))"
            )
            assert smallest >= 1080 / 54 * 0.75
            # A sensor has the screen for what it measures.
            await page.goto(f"{server.url}/wall/12")
            await expect(page.locator(".panel:visible")).to_have_count(1)
            await expect(page.locator(".panel:visible canvas")).to_have_count(1)
            # A language and a theme of its own, and a map without WebGL; whose map it is stands on it.
            await page.goto(f"{server.url}/wall/13")
            await expect(page.locator(".map .attribution")).to_have_text("Peta: Kota Bandung")
            await expect(page.locator("#title")).to_have_text("The city at a glance")
            await expect(page.locator("html")).to_have_attribute("data-theme", "light")
            await expect(page.locator(".streets polyline")).not_to_have_count(0)
            await expect(page.locator(".incident-mark.open").first).to_be_visible()
            # The index names what is wrong, and a key opens a screen.
            await page.goto(server.url)
            await expect(page.locator(".card.absent")).to_have_count(10)
            await expect(page.locator("a.card", has_text="Tinggi muka air")).to_contain_text("1 diam")
            await page.keyboard.press("6")
            await page.wait_for_url("**/wall/6")
            # Where the screen has WebGL, the same streets are drawn by MapLibre.
            drawn, more = await _open(browser, server, 3, wait="canvas")
            await expect(drawn.locator(".vehicle")).to_have_count(city.VEHICLES - 1)
            await expect(drawn.locator("canvas.maplibregl-canvas")).to_have_count(1)
            assert errors + more == []
            await page.goto(f"{server.url}/wall/1")
            await expect(page.locator(".bar").first).to_be_visible()
            # Somebody sets the screen's clock back, again and again: it goes on asking, and says the server's time.
            await page.evaluate("((given, back) => { Date.now = () => given() - (back += 3_600_000); })(Date.now, 0)")
            begun_s = time.time()
            await _asks_on(page)
        gone_s = time.time()
        veil = page.locator("[data-key=level] .veil")
        await expect(veil).to_contain_text("Tidak ada jawaban dari server dinding sejak", timeout=15_000)
        # The last answer came after `begun_s`; the page's clock is as late as the word of the time was under way.
        minutes = {f"{datetime.fromtimestamp(at_s, CITY):%H:%M}" for at_s in range(int(begun_s) - 30, int(gone_s) + 1)}
        assert (await veil.inner_text())[-5:] in minutes


@pytest.mark.slow
async def test_without_the_store_no_panel_is_blank_or_green_and_it_is_said_since_when(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with walls(tmp_path, city_server, store_url=nowhere) as server, chromium() as browser:
        page, _ = await _open(browser, server, 1)
        panels = page.locator(".panel")
        await expect(panels.first).to_be_visible()
        for number in range(await panels.count()):
            await expect(panels.nth(number).locator(".veil")).to_contain_text("Tidak ada jawaban dari penyimpan data")
        assert await page.locator(".level.good, .bar.good, .value.good").count() == 0
        await expect(page.locator("#age")).to_have_attribute("data-bad", "true")


@pytest.mark.slow
async def test_grafana_is_shown_read_only_and_when_it_is_down_the_own_board_is(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    grafana = StandIn(free_port())
    more = f'[grafana]\nurl = "http://127.0.0.1:{grafana.port}/grafana/"\n'
    async with (
        walls(tmp_path, city_server, more=more) as server,
        chromium() as browser,
        server.client() as client,
    ):
        async with grafana.running():
            page, _ = await _open(browser, server, 14, wait="iframe")
            await expect(page.frame_locator("iframe").locator("h1")).to_have_text("a dashboard of Grafana")
            source = await page.locator("iframe").get_attribute("src") or ""
            assert source.startswith("/grafana/d/siaga_city_id/")
            grafana.asked.clear()
            secret = {"cookie": "grafana_session=stolen", "authorization": "Bearer x", "x-webauth-user": "admin"}
            answer = await client.get("/grafana/d/siaga_city_id/wall", headers=secret)
            assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
            assert not any("stolen" in each or "webauth" in each or "bearer" in each for each in grafana.headers)
            grafana.asked.clear()
            for path in ("api/datasources/proxy/1/write", "api/admin/settings", "api/snapshots-delete/x"):
                assert (await client.get(f"/grafana/{path}")).status_code == 403
            proxy = "/grafana/api/datasources/proxy/uid/siaga_store/query"
            assert (await client.get(proxy, params={"q": "DROP DATABASE siaga"})).status_code == 403
            posted = await client.post("/grafana/api/datasources/proxy/1/write", json={})
            assert posted.status_code == 403
            # The page itself may load its frame anew.
            came = [each for each in grafana.asked if "health" not in each and "GET /grafana/d/" not in each]
            assert came == [], "none of these came to Grafana"
            # The page's own policy does not fall on Grafana's; it may stand in our frame and in no other.
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        await expect(page.locator(".panel").first).to_be_visible(timeout=40_000)
        await expect(page.locator("#foot")).to_contain_text("Grafana tidak menjawab")
        async with grafana.running():
            await expect(page.locator("iframe")).to_have_count(1)


async def _asks_on(page: Page) -> None:
    """Wait until a panel was asked for twice more, as one question may be under way: sooner than it is loaded anew."""
    for _ in range(2):
        async with page.expect_response(lambda answer: "/api/panel/siaga_city/level" in answer.url, timeout=15_000):
            pass


async def _open(browser: Browser, server: Walls, number: int, *, wait: str = ".panel") -> tuple[Page, list[str]]:
    page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    errors: list[str] = []
    if wait != "canvas":
        await page.add_init_script(NO_WEBGL)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    await page.goto(f"{server.url}/wall/{number}")
    await page.wait_for_selector(wait)
    return page, errors
