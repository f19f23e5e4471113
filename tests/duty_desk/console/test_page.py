"""How the page looks and speaks: each size, theme and language, and its map."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from playwright.async_api import Route, ViewportSize, expect

from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, birth, box, press_body
from tests.duty_desk.console.browser import DESK_SCREEN, PHONE, browser, console, in_browser, settle, shot, words

THEMES = [True, False] if "SIAGA_SCREENSHOTS" in os.environ else [True]
"""Dark and light differ in colours only: both are needed for pictures, one is for sizes."""


@in_browser
async def test_theme_and_the_names_of_the_screens_are_kept(desk: Desk) -> None:
    async with browser() as running, console(running, desk, dark=False, screen="") as page:
        await expect(page.locator("#screen")).to_have_value("Layar 1")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(ground)
        await page.locator("#theme").click()
        await expect(page.locator("#theme")).to_have_text("Tema: gelap")
        dark = await page.evaluate(ground)
        assert dark != light
        await page.locator("#screen").fill("  Meja <b> depan ")
        await page.keyboard.press("Enter")
        await expect(page.locator("#screen")).to_have_value("Meja b depan")
        # The page says its new name with a stream of its own; the old one may end later.
        await until(lambda: _names(desk) == ["Meja b depan"], 15)
        async with console(running, desk, dark=False, screen="") as second:
            await expect(second.locator("#screen")).to_have_value("Layar 1")
            async with console(running, desk, dark=False, screen="") as third:
                await expect(third.locator("#screen")).to_have_value("Layar 2")
        await page.reload()
        await expect(page.locator("#screen")).to_have_value("Meja b depan")
        assert await page.evaluate(ground) == dark


@in_browser
async def test_the_language_switch_leaves_no_word_behind(desk: Desk) -> None:
    told = {language: words(language) for language in ("id", "en")}
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#hero-state")).to_have_text(told["id"]["state_open"])
        await page.locator("#language").click()
        await expect(page.locator("#hero-state")).to_have_text(told["en"]["state_open"])
        text = (await page.locator("body").inner_text()).replace("Petugas 1", "").replace("Layar 1", "")
        only_indonesian = {told["id"][key] for key in told["id"] if told["id"][key] != told["en"][key]}
        assert not [word for word in only_indonesian if len(word) > 4 and re.search(rf"\b{re.escape(word)}\b", text)]


@in_browser
@pytest.mark.parametrize("dark", THEMES, ids=["dark", "light"][: len(THEMES)])
@pytest.mark.parametrize("size", [DESK_SCREEN, PHONE], ids=["desk", "phone"])
async def test_it_fits_the_screen(desk: Desk, size: ViewportSize, dark: bool) -> None:
    async with (
        browser() as running,
        console(running, desk, size=size, dark=dark, city="drawn") as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
        box(desk.alarm, "box-3") as three,
    ):
        for street in (one, two, three):
            await birth(street, "alarm")
        await three.alarm(press_body("box-3", age_ms=312_000))
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("Space")
        await one.alarm(press_body(age_ms=41_000))
        await one.alarm(press_body(age_ms=38_000))
        await expect(page.locator("#hero-count")).to_be_visible()
        await two.alarm(press_body("box-2", age_ms=9_000))
        await expect(page.locator("#list li")).to_have_count(2)
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"]
        accept = await page.locator("#accept").bounding_box()
        assert accept is not None
        dock = await page.locator("#dock").bounding_box()
        assert dock is not None
        assert accept["y"] + accept["height"] <= dock["y"]
        assert dock["y"] + dock["height"] <= size["height"] + 1
        for light in await page.locator("#health li").all():
            assert (await light.inner_text()).strip()
        for place in await page.locator("#list .row-address").all():
            room = await place.bounding_box()
            assert room is not None
            assert room["width"] > 0.6 * min(size["width"], 760)
        if size is DESK_SCREEN:
            letters = await page.locator("#hero-address").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
            assert letters >= 40
        name = "console-phone" if size is PHONE else "console"
        await shot(page, f"{name}.png" if dark else f"{name}-light.png")
        if size is PHONE and dark:
            await page.evaluate("scrollTo(0, document.body.scrollHeight)")
            await expect(page.locator("#below")).to_be_hidden()
            await shot(page, "console-phone-list.png", aside=True)
            await page.evaluate("scrollTo(0, 0)")
            await settle(page)
            await page.keyboard.press("t")
            await expect(page.locator("#notice")).to_be_visible()
            note, foot = await page.locator("#notice").bounding_box(), await page.locator("#dock").bounding_box()
            assert note is not None
            assert foot is not None
            assert note["y"] >= foot["y"] - 1


@in_browser
async def test_every_name_on_the_map_is_whole(desk: Desk) -> None:
    async with browser() as running, console(running, desk, city="plain") as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#map .plate text")).not_to_have_count(0)
        plate = " ".join(await page.locator("#map .plate text").all_text_contents())
        assert plate == "Jl. Braga 10, depan Gedung Merdeka"
        cut = await page.evaluate(
            """() => {
            const map = document.getElementById("map").getBoundingClientRect();
            const out = (box) =>
              box.left < map.left || box.right > map.right || box.top < map.top || box.bottom > map.bottom;
            const names = [...document.querySelectorAll("#map text")];
            return names.filter((name) => out(name.getBoundingClientRect())).map((name) => name.textContent);
            }"""
        )
        assert cut == []


@in_browser
async def test_the_map_is_hidden_by_a_key_and_then_costs_nothing(desk: Desk) -> None:
    async with browser() as running, console(running, desk, city="plain") as page, box(desk.alarm) as street:
        await expect(page.locator("#map .button")).to_have_count(3)
        await page.keyboard.press("m")
        await expect(page.locator("#chart")).to_be_hidden()
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.wait_for_timeout(300)
        assert await page.locator("#map .button").count() == 3
        await page.reload()
        await expect(page.locator("#chart")).to_be_hidden()
        await expect(page.locator("#map")).to_have_count(0)
        await page.keyboard.press("m")
        await expect(page.locator("#map .incident.ringing")).to_have_count(1)


@in_browser
async def test_more_contrast_is_a_switch_and_is_kept(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        await page.locator("#contrast").click()
        await expect(page.locator("#contrast")).to_have_text("Kontras: tinggi")
        assert await page.evaluate(ground) == "rgb(0, 0, 0)"
        await page.reload()
        await expect(page.locator("#contrast")).to_have_text("Kontras: tinggi")
        assert await page.evaluate(ground) == "rgb(0, 0, 0)"


@in_browser
async def test_what_is_told_while_the_page_still_starts_is_not_taken_away(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        told = asyncio.Event()

        async def late(route: Route) -> None:
            await told.wait()
            await route.continue_()

        await street.alarm(press_body())
        await page.route("**/api/inventory", late)
        await page.reload()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("r")
        await expect(page.locator("#notice")).to_have_text(words()["fault_not_possible"])
        await expect(page.locator("#hero-times li")).to_have_count(0)
        told.set()
        await expect(page.locator("#hero-times li")).to_have_count(1)
        await expect(page.locator("#notice")).to_have_text(words()["fault_not_possible"], timeout=1_000)


def _names(desk: Desk) -> list[str]:
    """Return how the screens are called that the desk knows."""
    names: list[str] = desk.get("/api/screens")["screens"]
    return names
