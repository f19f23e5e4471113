"""axe-core, the rules of WCAG 2.2 A and AA that a program can judge, on each page, theme, language and width."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.duty_desk.conftest import REPO, Desk, box, press_body
from tests.duty_desk.console.browser import DESK_SCREEN, PHONE, browser, come_in, console, in_browser, remember, settle

AXE = REPO / ".tools" / "vendor" / "axe-core" / "axe.min.js"
RUN = """async () => {
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
return violations.map(({ id, nodes }) => [id, nodes.map((node) => `${node.target}: ${node.failureSummary}`)]);
}"""
COVER = """async () => {
const one = document.activeElement;
const over = () => {
  const box = one.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height / 2, 20)];
  const there = document.elementFromPoint(x, y);
  if (one === document.body || there?.contains(one) || one.contains(there)) return null;
  return there?.id || `${there?.className}`;
};
// A bar comes some frames after a row was scrolled to; what counts is what is painted then.
const least = one.matches(".row") ? 3 : 0;
for (let frame = 0; frame < least || (frame < 10 && over() !== null); frame++) await new Promise(requestAnimationFrame);
return [one.id || one.className, getComputedStyle(one).outlineStyle, over()];
}"""
"""Tells what has the focus, its outline, and what lies over it: null for nothing."""
PAGES = {"/login": "#submit", "/call": "#place", "/archive": "h1", "/duty": ".person"}


async def faults_of(page: Page) -> Any:
    """Return what axe finds."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    return await page.evaluate(RUN)


@in_browser
@pytest.mark.parametrize(
    ("dark", "size"),
    [(True, DESK_SCREEN), (False, DESK_SCREEN), (True, PHONE)],
    ids=["dark-desk", "light-desk", "dark-phone"],
)
async def test_the_console_in_each_of_its_states(desk: Desk, dark: bool, size: ViewportSize) -> None:
    language = "id" if dark else "en"
    async with (
        browser() as running,
        console(running, desk, size=size, dark=dark, language=language, reduced_motion="reduce") as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
    ):
        found = {"idle": await faults_of(page)}
        await two.alarm(press_body("box-2", cause="tamper"))
        await two.alarm(press_body("box-2", status="Exercise"))
        await one.alarm(press_body())
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        found["open"] = await faults_of(page)
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero-address")).to_contain_text("Dago")
        found["technical"] = await faults_of(page)
        await page.locator("#list [data-state=accepted] .row").click()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        found["accepted"] = await faults_of(page)
        await settle(page)
        await page.keyboard.press("b")
        found["cancel"] = await faults_of(page)
        await page.keyboard.press("1")
        await page.evaluate("document.documentElement.dataset.contrast = 'more'")
        found["contrast"] = await faults_of(page)
    assert found == {key: [] for key in found}


@in_browser
async def test_each_other_page(desk: Desk) -> None:
    found = {}
    async with browser() as running:
        context = await running.new_context(viewport=DESK_SCREEN, color_scheme="dark", reduced_motion="reduce")
        await remember(context, screen="Layar 1")
        page = await context.new_page()
        await page.goto(desk.url + "/login")
        for path, ready in PAGES.items():
            for dark, language, size in ((True, "id", DESK_SCREEN), (False, "en", DESK_SCREEN), (True, "en", PHONE)):
                await page.emulate_media(color_scheme="dark" if dark else "light")
                await page.set_viewport_size(size)
                await page.evaluate(f"localStorage.setItem('siaga.language', '{language}')")
                await page.goto(desk.url + path)
                await expect(page.locator(ready).first).to_be_visible()
                await expect(page.locator("html")).to_have_attribute("lang", language)
                await expect(page.locator("[data-word]:empty")).to_have_count(0)
                found[path, dark, language, size["width"]] = await faults_of(page)
            # Whoever is in is not asked to log in: that page comes first.
            await come_in(context, desk.url, "pengawas-1")
    assert found == {key: [] for key in found}


@in_browser
async def test_every_target_is_large_enough_and_the_focus_is_seen_and_not_hidden(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        for number in range(12):
            await street.alarm(press_body(button=f"b-{number}"))
        await expect(page.locator("#list li")).to_have_count(11)
        small = await page.evaluate(
            """() => [...document.querySelectorAll("button, a, input, textarea")]
            .map((one) => [one.id || one.className, one.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24)).map(([name]) => name)"""
        )
        assert small == []
        seen = set()
        for _ in range(40):
            await page.keyboard.press("Tab")
            name, outline, cover = await page.evaluate(COVER)
            assert cover is None, f"{name} lies under {cover}"
            if name:
                assert outline == "solid", name
            seen.add(name)
        assert {"accept", "do-cancel", "do-note", "screen", "theme", "log-out", "map-toggle", "row"} <= seen
        # What takes its height from the rows, as a banner does, does not cover the one with the focus.
        await page.locator("#list .row").last.focus()
        assert (await page.evaluate(COVER))[2] is None
        await page.set_viewport_size({**DESK_SCREEN, "height": DESK_SCREEN["height"] - 80})
        assert (await page.evaluate(COVER))[2] is None
        # Who scrolls away from it is not taken back.
        await page.locator("#list .row").first.focus()
        await page.locator("#list .row").first.hover()
        await page.mouse.wheel(0, 5_000)
        await expect(page.locator("#below")).to_be_hidden()
        await expect(page.locator("#above")).to_be_visible()
        assert (await page.evaluate(COVER))[2] is not None
