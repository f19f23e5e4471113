"""What a role may not do is not offered, and its key says so."""

from __future__ import annotations

from playwright.async_api import expect

from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, console, in_browser, words

OFFERED = {
    "tamu-1": [],
    "operator-1": ["note"],
    "petugas-1": ["accept", "cancel", "note"],
    "pengawas-1": ["accept", "cancel", "note"],
    "admin-1": [],
}
LINKS = {
    "tamu-1": ["to-upcoming", "to-duty"],
    "operator-1": ["to-upcoming", "to-call", "to-duty", "to-archive"],
    "petugas-1": ["to-upcoming", "to-call", "to-duty", "to-archive"],
    "pengawas-1": ["to-upcoming", "to-call", "to-duty", "to-archive"],
    "admin-1": ["to-upcoming", "to-duty", "to-archive"],
}


@in_browser
async def test_each_role_is_offered_what_it_may(desk: Desk) -> None:
    told = words()
    async with browser() as running, box(desk.alarm) as street:
        await street.alarm(press_body())
        for officer, verbs in OFFERED.items():
            async with console(running, desk, officer=officer) as page:
                await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
                shown = await page.locator("#hero-actions button").evaluate_all(
                    "all => all.map(one => one.dataset.verb)"
                )
                assert shown == verbs, officer
                links = await page.locator(".links a:not([hidden])").evaluate_all("all => all.map(one => one.id)")
                assert links == LINKS[officer], officer
                if "accept" in verbs:
                    continue
                for key in ("Space", "b", "r"):
                    await page.keyboard.press(key)
                    await expect(page.locator("#notice")).to_have_text(told["fault_wrong_role"])
                await page.keyboard.press("n")
                await expect(page.locator("#ask")).to_be_visible(visible="note" in verbs)
        assert desk.incidents()[0]["state"] == "open"


@in_browser
async def test_a_call_taker_notes_and_an_officer_reads_it_with_who_and_when(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk, officer="operator-1", screen="Layar 112") as taker,
        console(running, desk, screen="Layar 2") as officer,
        box(desk.alarm) as street,
    ):
        await street.alarm(press_body())
        await expect(taker.locator("#hero")).to_have_attribute("data-state", "open")
        await taker.keyboard.press("n")
        await taker.keyboard.type("Pelapor menelepon lagi")
        await taker.keyboard.press("Enter")
        await expect(officer.locator("#hero-notes-text")).to_have_text("Pelapor menelepon lagi")
        line = officer.locator("#story-list [data-kind=note]")
        await expect(line).to_contain_text("Operator 112 · Layar 112")
        await expect(line.locator("time")).not_to_be_empty()
