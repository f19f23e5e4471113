"""Which incident stands large: people before machines, both before drills; and what nobody took stays in sight."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import PHONE, browser, console, in_browser, settle, shot

TELLS_THE_TRUTH = """() => {
  const bar = document.getElementById("below"), edge = bar.getBoundingClientRect().top + 2;
  const rows = [...document.querySelectorAll("#list li")];
  const hidden = rows.filter((row) => row.getBoundingClientRect().bottom > edge).length;
  return hidden > 0 && bar.textContent.trim() === `▼ ${hidden} lagi di bawah, ${hidden} belum diterima`;
}"""
"""As many rows are not whole above the bar as it says, and none of them was accepted."""


@in_browser
async def test_the_oldest_unaccepted_is_on_top_and_a_further_press_rings_again(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
    ):
        await one.alarm(press_body())
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        await two.alarm(press_body("box-2"))
        await expect(page.locator("#list .row-address")).to_have_text("Simpang Dago, Jl. Ir. H. Juanda")
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        await page.keyboard.press("a")
        # The accepted one makes room for the next that nobody has.
        await expect(page.locator("#hero-address")).to_contain_text("Dago")
        await expect(page.locator("#list .row-state")).to_contain_text("Petugas 1")
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await two.alarm(press_body("box-2"))
        await expect(page.locator("#hero")).to_have_attribute("data-state", "again")
        await expect(page.locator("#hero-address")).to_contain_text("Dago")
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("[data-state=again]")).to_have_count(0)
    assert sorted(incident["presses"] for incident in desk.incidents()) == [1, 2]


@in_browser
@pytest.mark.parametrize("status", ["Test", "Exercise"])
async def test_one_key_never_takes_a_drill_while_a_person_waits(desk: Desk, status: str) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
    ):
        hero = page.locator("#hero-address")
        await one.alarm(press_body(status=status))
        await expect(hero).to_contain_text("Braga")
        await expect(page.locator("body")).to_have_attribute("data-siren", "drill")
        await two.alarm(press_body("box-2"))
        # The drill is older, but nobody waits for it.
        await expect(hero).to_contain_text("Dago")
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        # What the officer has in hand stays: the drill waits in the list, and can be chosen.
        await expect(hero).to_contain_text("Dago")
        assert {incident["device"]: incident["state"] for incident in desk.incidents()} == {
            "box-1": "open",
            "box-2": "accepted",
        }
        await one.alarm(press_body(status=status))
        await expect(page.locator("#urgent-address")).to_contain_text("Braga")
        await expect(hero).to_contain_text("Dago")
        await page.locator("#urgent").click()
        await expect(hero).to_contain_text("Braga")


@in_browser
async def test_a_long_list_says_how_much_of_it_is_below_and_the_notice_covers_none_of_it(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        for number in range(9):
            await street.alarm(press_body(button=f"b-{number}"))
        await expect(page.locator("#list li")).to_have_count(8)
        below = page.locator("#below")
        await expect(below).to_be_visible()
        # Rows that come, and lines of them that wrap, change how many have room: what is told follows.
        await page.wait_for_function(TELLS_THE_TRUTH)
        # So it does where no frame comes, as in a page behind others.
        await page.evaluate("() => { window.frame = requestAnimationFrame; window.requestAnimationFrame = () => 0; }")
        await street.alarm(press_body(button="b-9"))
        await expect(page.locator("#list li")).to_have_count(9)
        async with asyncio.timeout(15):
            while not await page.evaluate(TELLS_THE_TRUTH):  # noqa: ASYNC110 - a page is looked at
                await asyncio.sleep(0.05)
        await page.evaluate("() => { window.requestAnimationFrame = window.frame; }")
        await page.keyboard.press("t")
        note, stage = await page.locator("#notice").bounding_box(), await page.locator(".stage").bounding_box()
        assert note is not None
        assert stage is not None
        assert note["y"] >= stage["y"] + stage["height"] - 1
        await shot(page, "console-long.png", aside=True)
        await page.locator("#scroller").evaluate("element => element.scrollTo(0, element.scrollHeight)")
        await expect(below).to_be_hidden()


@in_browser
async def test_a_person_stands_before_what_a_device_noticed_and_both_before_a_drill(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
        box(desk.alarm, "box-3") as three,
    ):
        hero, rows = page.locator("#hero-address"), page.locator("#list .row-address")
        await three.alarm(press_body("box-3", status="Exercise", age_ms=50_000))
        await two.alarm(press_body("box-2", cause="tamper", age_ms=40_000))
        await expect(hero).to_contain_text("Dago")
        await expect(page.locator("#hero-kind")).to_have_text("kotak dibuka")
        await one.alarm(press_body(cause="threshold", age_ms=30_000))
        await expect(rows).to_have_count(2)
        await expect(hero).to_contain_text("Dago")
        _report(desk)
        await expect(hero).to_have_text("Jl. Asia Afrika 8")
        await expect(page.locator("#hero-device")).to_have_text("Panggilan 112 · kecelakaan · diterima Operator 112")
        await one.alarm(press_body(age_ms=1_000))
        # The press is older than the call; both are people.
        await expect(rows).to_have_text(
            [
                re.compile("Asia Afrika|Braga"),
                "Simpang Dago, Jl. Ir. H. Juanda",
                "Jl. Braga 10, depan Gedung Merdeka",
                "Gedung Sate, Jl. Diponegoro 22",
            ]
        )
        await shot(page, "console-kinds.png", aside=True)


@in_browser
async def test_on_a_phone_what_nobody_took_stays_in_sight_when_the_page_is_scrolled(desk: Desk) -> None:
    async with browser() as running, console(running, desk, size=PHONE) as page, box(desk.alarm) as street:
        for number in range(6):
            await street.alarm(press_body(button=f"b-{number}", age_ms=60_000 - number))
        await expect(page.locator("#list li")).to_have_count(5)
        urgent = page.locator("#urgent")
        await expect(urgent).to_be_hidden()
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(urgent).to_contain_text("Jl. Braga 10")
        box_of = await urgent.bounding_box()
        assert box_of is not None
        assert 0 <= box_of["y"] < 20
        await shot(page, "console-phone-scrolled.png", aside=True)
        await urgent.click()
        await expect(page.locator("#accept")).to_be_in_viewport()
        await expect(urgent).to_be_hidden()


def _report(desk: Desk) -> None:
    body: dict[str, Any] = {"key": "01890a5d-ac96-774b-bcce-b302099a8057", "category": "accident"}
    body["address"] = "Jl. Asia Afrika 8"
    assert desk.post("/api/incidents", body, who="operator-1")[0] == 200
