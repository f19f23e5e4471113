"""The archive's page: found, opened, told, written on, taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from contract.identity import new_event_id
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, in_browser
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import act, looks, opened, picture, shot, take_call, words

SCRIPT = "<img src=x onerror=\"document.title='taken'\">"


async def some_past(desk: Desk, note: str = SCRIPT) -> dict[str, Any]:
    """Make a past: a press that was handled, a call that was not, a drill; return the press's incident."""
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=(event_id := new_event_id())))
        await street.receipt("stored", event_id=event_id)
        (incident,) = desk.incidents()
        act(desk, incident["id"], "accept", note=note)
        act(desk, incident["id"], "depart")
        act(desk, incident["id"], "close", note="Dua orang diantar ke rumah sakit.")
        await street.alarm(press_body(event_id=(event_id := new_event_id()), status="Exercise"))
        await street.receipt("stored", event_id=event_id)
    act(desk, take_call(desk, 1, note="motor", caller=note)["id"], "cancel", reason="false_alarm")
    # The page reads the ledger once.
    await until(lambda: all(each["recorded"] for each in desk.incidents()), 15)
    return incident


@in_browser
async def test_it_is_searched_opened_and_written_on_by_keys(desk: Desk, tmp_path: Path) -> None:
    incident = await some_past(desk)
    async with browser() as running:
        for lines, language in ((5, "id"), (6, "en")):
            told = words("archive", language)
            async with opened(running, desk, "/archive", who="pengawas-1", language=language) as page:
                await _searched(page, told, incident["id"], lines)
                async with page.expect_download() as download:
                    await page.locator("#csv").click()
                await (await download.value).save_as(tmp_path / "archive.csv")
                assert (tmp_path / "archive.csv").read_text(encoding="utf-8-sig").count(incident["id"]) == 1
                await page.locator("#detail").focus()
                await page.keyboard.press("Escape")
                await expect(page.locator("#detail")).to_be_hidden()
                await expect(page.locator("#rows-body button").first).to_be_focused()


async def _searched(page: Page, told: dict[str, str], incident_id: str, before: int) -> None:
    rows = page.locator("#rows-body tr")
    await expect(rows).to_have_count(3)
    await page.keyboard.press("/")
    await page.keyboard.type("merdeka")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(2)
    await page.locator("#state").select_option("closed")
    await expect(rows).to_have_count(1)
    await expect(rows.locator(".number").first.locator(".span")).to_have_attribute("data-target", "good")
    await rows.first.locator("button").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#detail-title")).to_have_text("Jl. Braga 10, depan Gedung Merdeka")
    lines = page.locator("#timeline > li:not([data-kind=escalated])")
    await expect(lines).to_have_count(before)
    await expect(lines.nth(1)).to_contain_text(f"{told['kind_accept']} · Petugas 1")
    await expect(lines.nth(1).locator(".line-text")).to_have_text(SCRIPT)
    await page.locator("#note").fill(SCRIPT)
    await page.keyboard.press("Control+Enter")
    await expect(lines).to_have_count(before + 1)
    await expect(lines.last).to_contain_text("Pengawas 1")
    # The address has it all: loaded again, it is the same.
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(lines).to_have_count(before + 1)
    await expect(lines.last.locator(".line-text")).to_have_text(SCRIPT)
    assert page.url.endswith(f"#{incident_id}")
    assert await page.title() == f"{told['room']} · Siaga"


@in_browser
async def test_it_says_when_the_ledger_cannot_be_read_and_offers_no_more_than_the_role_may(desk: Desk) -> None:
    async with (
        browser() as running,
        opened(running, desk, "/archive", who="admin-1", faults="status of 503") as page,
    ):
        await expect(page.locator("#list-told")).to_have_text(words("archive")["nothing"])
        await expect(page.locator(".ways [href='/call']")).to_be_hidden()
        await expect(page.locator("#csv")).to_be_visible()
        desk.ledger.rename(desk.folder / "elsewhere.db")
        desk.ledger.mkdir()
        await page.locator("#filter [type=submit]").click()
        await expect(page.locator("#list-fault")).to_have_text(words("archive")["fault_ledger_unreadable"])


@in_browser
async def test_it_fits_the_screen(desk: Desk) -> None:
    incident = await some_past(desk, "Saya ke sana.")
    async with browser() as running:
        for size, dark in looks():
            async with opened(running, desk, "/archive", who="pengawas-1", dark=dark, size=size) as page:
                await expect(page.locator("#rows-body tr")).to_have_count(3)
                assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                await shot(page, picture("archive-list", size, dark))
                await page.locator(f"tr[data-id='{incident['id']}'] button").click()
                await expect(page.locator("#timeline > li:not([data-kind=escalated])")).to_have_count(5)
                assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                assert await faults_of(page) == []
                room = await page.locator("#detail").evaluate("one => one.clientWidth + 1 - one.scrollWidth")
                assert room >= 0
                await shot(page, picture("archive", size, dark))
