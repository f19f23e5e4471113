"""The map in Debian's Chromium: drawn under the strict policy, from this machine alone, and plain where it must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, async_playwright, expect

from duty_desk.geo.base_map import BaseMap
from duty_desk.web.files import CONSOLE
from tests.browsers import CHROMIUM, SHELL
from tests.duty_desk.geo import tiles
from tests.duty_desk.geo.conftest import MapServer

DRAWING = [flag for flag in CHROMIUM if flag != "--disable-gpu"]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

START = """async (inventory) => {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  document.documentElement.style.colorScheme = "dark";
  const place = document.getElementById("place");
  place.style.width = "800px";
  place.style.height = "600px";
  const { CityMap } = await import("/static/map/city-map.js");
  window.picked = [];
  window.city = new CityMap(place, { inventory });
  window.city.onPick((at) => window.picked.push(at));
}"""
DARK, LIGHT = "rgb(18, 26, 35)", "rgb(243, 245, 248)"
COUNT = "(layer) => window.city.drawn.map.queryRenderedFeatures({ layers: [layer] }).length"
UNDER_THE_ADDRESS = """(nearby) => {
  const { map } = city.drawn;
  const { x, y } = map.project([107.6098, -6.9211]);
  const { lat, lng } = map.unproject([x, y - 68]);
  const [sensor] = nearby.sensors;
  city.nearby({ ...nearby, cameras: [], vehicles: [], sensors: [{ ...sensor, latitude: lat, longitude: lng }] });
}"""
OPEN = {
    "id": "a",
    "status": "Actual",
    "state": "open",
    "ringing": True,
    "device": "box-1",
    "button": "sos",
    "address": "Jl. Braga 10 <b>",
    "latitude": -6.9211,
    "longitude": 107.6098,
}
NEARBY = {
    "vehicles": [
        {
            "label": "Patroli 1",
            "latitude": -6.9150,
            "longitude": 107.6100,
            "speed_mps": 8.0,
            "course_deg": 45.0,
            "age_s": 30,
        }
    ],
    "sensors": [
        {
            "latitude": -6.9217,
            "longitude": 107.6071,
            "values": [{"label_id": "Suhu udara", "label_en": "Air", "unit": "Cel", "value": 27.34}],
        }
    ],
    "cameras": [
        {"id": "c", "label": "Sudut", "link": "https://cctv.example/1", "latitude": -6.9217, "longitude": 107.6071}
    ],
}


async def until(page: Page, condition: str, timeout_s: float = 30.0) -> None:
    """Wait until a condition of the page holds. Playwright's own way evaluates text, which the policy forbids."""
    loop = f"async () => {{ while (!({condition})) await new Promise((next) => requestAnimationFrame(next)); }}"
    async with asyncio.timeout(timeout_s):
        await page.evaluate(loop)


@asynccontextmanager
async def map_page(server: MapServer, *flags: str) -> AsyncIterator[Page]:
    """Yield a page with a map; at the end nothing was refused by the policy, and nothing came from elsewhere."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=SHELL, args=[*DRAWING, *flags])
        try:
            page = await running.new_page(viewport={"width": 900, "height": 700})
            told: list[str] = []
            asked: list[str] = []
            page.on("pageerror", lambda error: told.append(str(error)))
            page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(server.url)
            await page.evaluate(START, server.inventory.model_dump())
            yield page
            assert await page.evaluate("window.violations") == []
            assert [url for url in asked if not url.startswith(f"{server.url}/")] == []
            assert [line for line in told if "favicon" not in line and "404" not in line] == []
        finally:
            await running.close()


@pytest.mark.slow
async def test_the_map_is_drawn_under_the_strict_policy_from_this_machine_alone(server: MapServer) -> None:
    async with map_page(server) as page:
        place = page.locator("#place")
        await expect(place).to_have_attribute("data-map", "gl", timeout=30_000)
        await page.evaluate(
            "([incident, nearby]) => { city.show([incident], 'a'); city.nearby(nearby); }", [OPEN, NEARBY]
        )
        ring = page.locator(".map-ring[data-look=ringing]")
        await expect(ring).to_have_attribute("aria-label", "Belum dijawab: Jl. Braga 10 <b>")
        await expect(page.locator(".map-plate")).to_have_text("Jl. Braga 10 <b>")
        assert await ring.evaluate("(ring) => getComputedStyle(ring).animationName") == "map-pulse"
        camera = page.locator("a.map-camera")
        assert await camera.get_attribute("target") == "_blank"
        assert await camera.get_attribute("rel") == "noopener noreferrer"
        for layer in ("street-medium", "street-names", "incidents", "vehicles", "sensors"):
            await until(page, f"({COUNT})({layer!r}) > 0")
        assert await page.evaluate(COUNT, "buttons") == 0, "it is under its incident's mark"
        # What would be written over the address is not, until the address is gone.
        await page.evaluate(UNDER_THE_ADDRESS, NEARBY)
        await until(page, f"({COUNT})('sensors') > 0")
        await until(page, f"({COUNT})('sensor-values') == 0")
        await page.evaluate("city.show([], null)")
        await until(page, f"({COUNT})('sensor-values') > 0")
        await until(page, f"({COUNT})('buttons') > 0")
        await expect(ring).to_have_count(0)

        ground = "city.drawn.map.getPaintProperty('ground', 'background-color')"
        assert await page.evaluate(ground) == DARK
        await page.emulate_media(reduced_motion="reduce")
        await page.evaluate("document.documentElement.style.colorScheme = 'light'")
        await page.evaluate("document.documentElement.dataset.theme = 'light'")
        await until(page, f"{ground} === {LIGHT!r}")
        await page.evaluate("(incident) => city.show([incident], 'a')", OPEN)
        assert await ring.evaluate("(ring) => getComputedStyle(ring).animationName") == "none"

        await page.mouse.click(300, 300)
        [picked] = await page.evaluate("window.picked")
        assert -7.0 < picked["latitude"] < -6.8
        assert 107.5 < picked["longitude"] < 107.7
        await page.evaluate("(at) => city.pick(at)", picked)
        box = await page.locator(".map-pin").bounding_box()
        assert box is not None
        assert abs(box["x"] + box["width"] / 2 - 300) < 3
        assert abs(box["y"] + box["height"] - 300) < 3

        await page.evaluate("city.fly({ latitude: -6.885, longitude: 107.6137 })")
        await until(page, "Math.abs(city.drawn.map.getCenter().lat + 6.885) < 0.001")
        await page.get_by_role("button", name="Seluruh wilayah").click()
        await until(page, "Math.abs(city.drawn.map.getCenter().lat + 6.885) > 0.005")


@pytest.mark.slow
async def test_a_hidden_map_costs_nothing_and_is_drawn_when_it_is_seen(server: MapServer) -> None:
    async with map_page(server) as page:
        # Anew, and hidden from the start.
        await page.reload()
        await page.evaluate(START.replace('"800px"', '"0px"'), server.inventory.model_dump())
        await page.evaluate("(incident) => city.show([incident], 'a')", OPEN)
        for _ in range(3):
            await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done)))")
        assert await page.evaluate("[city.kind, city.starting]") == ["none", False]
        loaded = await page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
        await page.evaluate("() => { document.getElementById('place').style.width = '800px'; }")
        await expect(page.locator("#place")).to_have_attribute("data-map", "gl", timeout=30_000)
        await expect(page.locator(".map-ring")).to_have_count(1)
        assert not any("maplibre-gl.mjs" in name for name in loaded), "not even fetched"


@pytest.mark.slow
async def test_without_webgl_the_plain_map_stands_there_and_says_why(server: MapServer) -> None:
    words = json.loads((CONSOLE / "map" / "strings.json").read_text())
    async with map_page(server, "--disable-3d-apis") as page:
        await expect(page.locator("#place")).to_have_attribute("data-map", "plain", timeout=30_000)
        await expect(page.locator(".map-note")).to_have_text(words["id"]["plain"])
        loaded = await page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
        assert not any("maplibre-gl" in name for name in loaded), "it is not fetched in vain"
        await page.evaluate("(incident) => city.show([incident], 'a')", OPEN)
        await expect(page.locator("svg .incident.ringing")).to_have_count(1)
        await page.evaluate("city.nearby(null); city.fly({ latitude: 0, longitude: 0 }); city.fit()")
        await page.evaluate("document.documentElement.lang = 'en'; city.draw()")
        await expect(page.locator(".map-note")).to_have_text(words["en"]["plain"])
        mark = await page.evaluate(
            "() => { const box = document.querySelector('svg .incident .core').getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; }"
        )
        await page.mouse.click(*mark)
        [picked] = await page.evaluate("window.picked")
        assert abs(picked["latitude"] - OPEN["latitude"]) < 0.0005
        assert abs(picked["longitude"] - OPEN["longitude"]) < 0.0005


@pytest.mark.slow
async def test_a_lost_graphics_card_gives_way_to_the_plain_map(server: MapServer) -> None:
    async with map_page(server) as page:
        await expect(page.locator("#place")).to_have_attribute("data-map", "gl", timeout=30_000)
        await page.evaluate("(incident) => city.show([incident], 'a')", OPEN)
        lose = "city.drawn.map.getCanvas().getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
        await page.evaluate(lose)
        await expect(page.locator("#place")).to_have_attribute("data-map", "plain", timeout=15_000)
        await expect(page.locator("svg .incident.ringing")).to_have_count(1)


@pytest.mark.slow
async def test_imported_tiles_are_drawn_in_parts_of_one_file(server: MapServer) -> None:
    file = server.folder / "city.pmtiles"
    file.write_bytes(tiles.made())
    BaseMap(server.map).take(file, now=NOW)
    async with map_page(server) as page:
        await expect(page.locator("#place")).to_have_attribute("data-map", "gl", timeout=30_000)
        await page.evaluate("city.drawn.map.jumpTo({ zoom: 10.2, center: [107.61, -6.91] })")
        await until(page, f"({COUNT})('roads-line') > 0")
        await expect(page.locator(".map-credit")).to_have_text("© Ubin")


def test_the_maps_words_are_there_in_both_languages() -> None:
    words = json.loads((CONSOLE / "map" / "strings.json").read_text())
    assert words["id"].keys() == words["en"].keys()
    used = "".join(path.read_text() for path in sorted((CONSOLE / "map").glob("*.js")))
    assert [key for key in words["id"] if f'"{key}"' not in used] == []
