"""The own board at three metres: letters large enough at both sizes, contrast in both themes, colour never alone.

A px of 1080 lines is 0.63 mm on a 55-inch screen, and a capital 0.72 of its letters' size. So 17 px are 7.8 mm: at
three metres 9 minutes of arc, where a normal eye needs 5. Only an axis or a heading is as small; values are larger.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Page, ViewportSize, expect

from contract.messages import encode
from siaga.stack.influxdb import InfluxDB
from tests.dashboards.server.conftest import NO_WEBGL, REPO, Walls, chromium, walls
from tests.dashboards.server.test_incident import incident

HD: Final[ViewportSize] = {"width": 1920, "height": 1080}
UHD: Final[ViewportSize] = {"width": 3840, "height": 2160}
LEAST_PX: Final = {"": 17.0, ".attribution": 16.0, "td, li, .level, #foot, .legend-line": 20.0, ".stat .value b": 60.0}
"""At 1080 lines. Whose map it is, a licence's line, may be smaller than all else."""
SCREENS: Final = {1: "city", 2: "alarms", 6: "water", 8: "fleet", 10: "box"}
"""Dashboards that have every kind of panel among them."""
AXE: Final = REPO / ".tools" / "vendor" / "axe-core" / "axe.min.js"
DRAWN: Final = """
window.drawn = [];
const given = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (...more) {
  const cut = this.textAlign === "right" && more[1] < this.measureText(more[0]).width ? more[0] : null;
  window.drawn.push({ on: innerHeight, px: parseFloat(/([\\d.]+)px/.exec(this.font)[1]), cut });
  return given.call(this, ...more);
};"""
"""Before a page's own scripts: keeps how large a chart's letters are, what is cut off at its left, on which size."""
SETTLED: Final = """async () => {
const fits = (one) => Math.abs(one.firstElementChild.clientHeight - one.clientHeight) < 2;
const charts = () => [...document.querySelectorAll(".chart:has(canvas)")].filter((one) => one.checkVisibility());
const drawnAnew = () => charts().every(fits) && drawn.some(({ on }) => on === innerHeight);
while (charts().length > 0 && !drawnAnew()) await new Promise(requestAnimationFrame);
}"""
"""Waits until each chart is drawn anew at the size that the page has now."""
SMALLEST: Final = """(choice) => {
const own = (one) => [...one.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
const seen = (one) => one.checkVisibility() && one.getBoundingClientRect().width > 0;
const found = [...document.querySelectorAll("body *")].filter((one) => own(one) && seen(one));
const these = found.filter((one) => (choice ? one.closest(choice) : !one.closest(".attribution")));
const sized = these.map((one) => [parseFloat(getComputedStyle(one).fontSize), one.textContent.trim().slice(0, 40)]);
return sized.sort(([one], [other]) => one - other)[0] ?? null;
}"""
UNMARKED: Final = """() => {
const MARKS = { good: "✓", watch: "▲", bad: "◆", critical: "‼" };
const found = [];
for (const [level, mark] of Object.entries(MARKS)) {
  for (const one of document.querySelectorAll(`#stage .${level}, #screens .${level}`)) {
    // What is good in a table or legend is what has no mark; a map's incident has a sign.
    if ((level === "good" && one.closest("td, .legend, .marks")) || one.closest(".legend-line")) continue;
    const whole = one.closest("td, li, .card, .what, .panel.stat, .sensor") ?? one;
    const told = whole.textContent;
    const marks = [mark, "!", ...(one.matches(".card") ? ["✕"] : []), ...(one.closest(".what") ? ["KEJADIAN"] : [])];
    if (one.checkVisibility() && !marks.some((each) => told.includes(each))) found.push([level, told.slice(0, 60)]);
  }
}
return found;
}"""
"""Whatever has a level's colour without that level's mark."""
OVER: Final = """[...drawn.flatMap(({ on, cut }) => (on === innerHeight && cut !== null ? [cut] : [])),
  ...[...document.querySelectorAll(".panel > .body")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.textContent.trim().slice(0, 60))]"""
"""A chart's words and panels' contents that are cut off: an age without its end reads as another one."""
CONTRAST: Final = """async () => {
const { violations } = await axe.run(document, { runOnly: { type: "rule", values: ["color-contrast"] } });
return violations.flatMap(({ nodes }) => nodes.map(({ target, any }) => `${target}: ${any[0].message}`));
}"""


@pytest.mark.slow
async def test_a_screen_is_read_at_three_metres_in_both_sizes_and_themes_and_without_colours(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    faults: dict[str, Any] = {}
    async with walls(tmp_path, city_server) as server, chromium() as browser:
        page = await browser.new_page(viewport=HD)
        await page.add_init_script(NO_WEBGL + DRAWN)
        for number, name in SCREENS.items():
            await page.goto(f"{server.url}/wall/{number}")
            await page.wait_for_selector(".panel")
            await expect(page.locator(".panel p.wait")).to_have_count(0)
            faults |= await _faults(page, name)
        await page.goto(server.url)
        await page.wait_for_selector("a.card")
        faults |= await _faults(page, "index")
        await _taken(server, page)
        faults |= await _faults(page, "incident")
    assert faults == {}


async def _taken(server: Walls, page: Page) -> None:
    assert server.service.wall is not None
    server.service.wall.hear("", encode(incident(latitude=-6.9214, longitude=107.6068)), False)
    await page.goto(f"{server.url}/wall/1")
    await page.wait_for_selector(".marks .sensor")
    # Who has nothing new to say is drawn as one that has not, and never green.
    silent = page.locator(".nearest_sensors li", has_text="tanpa nilai baru")
    await expect(page.locator(".marks .sensor.stale")).to_have_count(await silent.count())
    assert await silent.count() == 1


async def _faults(page: Page, name: str) -> dict[str, Any]:
    """Return what is too small at either size, what has a colour alone, and what has too little contrast."""
    found: dict[str, Any] = {f"{name} unmarked": await page.evaluate(UNMARKED)}
    await page.evaluate(AXE.read_text())
    for theme in ("dark", "light"):
        await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        found[f"{name} {theme}"] = await page.evaluate(CONTRAST)
    for size in (HD, UHD):
        await page.set_viewport_size(size)
        async with asyncio.timeout(30):
            await page.evaluate(SETTLED)
        scale = size["height"] / 1080
        for choice, least in LEAST_PX.items():
            smallest = await page.evaluate(SMALLEST, choice)
            if smallest is not None and smallest[0] < least * scale - 0.01:
                found[f"{name} {size['height']} {choice}"] = smallest
        drawn = await page.evaluate(
            "Math.min(...drawn.filter((one) => one.on === innerHeight).map(({ px }) => px), 1000)"
        )
        if drawn < LEAST_PX[""] * scale - 0.5:
            found[f"{name} {size['height']} chart"] = drawn
        found[f"{name} {size['height']} cut off"] = await page.evaluate(OVER)
    await page.set_viewport_size(HD)
    return {key: value for key, value in found.items() if value}
