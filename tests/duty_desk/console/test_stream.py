"""A page that is cut off, behind, or logged out says so and comes back whole."""

from __future__ import annotations

import re
import time

from playwright.async_api import expect

from tests.duty_desk.conftest import Desk, birth, box, living, press_body
from tests.duty_desk.console.browser import browser, console, in_browser, settle, shot
from tests.edge_agent.network_faults.proxy import Proxy

SILENT_MS = 10_000
TELLS_WHEN_STALE = """() => {
const banner = document.getElementById("stale");
new MutationObserver(() => banner.hidden || (window.staleAt ??= Date.now())).observe(banner, { attributes: true });
}"""
"""The page's own moment: the test may look later."""


@in_browser
async def test_a_dead_desk_shows_within_ten_seconds_and_the_page_comes_back(desk: Desk) -> None:
    """Fault 36."""
    async with browser() as running, console(running, desk, faults=(0,)) as page:
        told = page.locator("#hero-device")
        # The grace may be over by then.
        await expect(told).to_have_text(re.compile("sedang diperiksa|tidak terhubung"))
        await page.evaluate(TELLS_WHEN_STALE)
        desk.process.freeze()
        frozen_ms = time.time() * 1_000
        try:
            await expect(page.locator("#stale")).to_be_visible()
            # A page that hears nothing claims nothing.
            await expect(page.locator("#hero-address")).to_have_text("Menunggu meja piket")
            await expect(told).to_have_text("Keadaan tombol tidak diketahui.")
        finally:
            desk.process.thaw()
        assert await page.evaluate("window.staleAt") - frozen_ms < SILENT_MS
        await expect(page.locator("#stale")).to_be_hidden()


@in_browser
async def test_a_box_that_died_is_told_until_it_is_back(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk, city="plain") as page,
        box(desk.telemetry, "box-2") as two,
        living(desk, "box-3"),
    ):
        strip, listed, told = page.locator("#reach"), page.locator("#reach-list"), page.locator("#hero-device")
        async with living(desk, "box-1"):
            # The one that was never heard of is missed once the grace is over; one lane is enough.
            await expect(listed.locator("li")).to_have_count(1, timeout=15_000)
            await expect(listed).to_contain_text("Simpang Dago, Jl. Ir. H. Juanda tanpa kabar sejak")
            assert desk.get("/healthz")["unreachable"] == 1
            await birth(two, "telemetry")
            await expect(strip).to_be_hidden()
            await expect(told).to_have_text("Semua tombol terhubung dan senyap. Layar ini berjaga.")
        await expect(strip).to_contain_text("1 tombol tidak terhubung")
        await expect(listed).to_contain_text("Jl. Braga 10, depan Gedung Merdeka terputus sejak")
        await expect(page.locator("#hero-state")).to_have_text("PERIKSA TOMBOL")
        await expect(told).to_contain_text("1 tombol tidak terhubung")
        await expect(page.locator("#map .button-missing title")).to_contain_text("Jl. Braga 10")
        (missing,) = desk.get("/api/state")["reach"]["unreachable"]
        assert (missing["device"], missing["state"], missing["before"]) == ("box-1", "offline", False)
        await shot(page, "console-unreachable.png", aside=True)
        await page.locator("#language").click()
        await expect(strip).to_contain_text("1 button is not connected")
        await expect(listed).to_contain_text("cut off since")
        # It never stands in the way of an alarm.
        await two.alarm(press_body("box-2"))
        await expect(page.locator("#hero-state")).to_have_text("NOT ACCEPTED")
        await expect(strip).to_be_visible()
        async with living(desk, "box-1"):
            await expect(strip).to_be_hidden()
            await expect(page.locator("#map .button-missing")).to_have_count(0)


@in_browser
async def test_a_cut_stream_goes_on_without_a_gap_and_nothing_doubled(desk: Desk) -> None:
    """Fault 36: what was pressed while the stream was held comes when it does, each once."""
    proxy = Proxy(desk.port)
    async with (
        proxy,
        browser() as running,
        console(running, desk, url=f"http://127.0.0.1:{proxy.port}", faults=(0,)) as page,
        box(desk.alarm) as street,
    ):
        await street.alarm(press_body(button="b-0"))
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        proxy.mute = True
        await page.evaluate(TELLS_WHEN_STALE)
        proxy.hold()
        held_ms = time.time() * 1_000
        for number in range(1, 6):
            await street.alarm(press_body(button=f"b-{number}"))
        await expect(page.locator("#stale")).to_be_visible()
        assert await page.evaluate("window.staleAt") - held_ms < SILENT_MS
        proxy.mute = False
        proxy.cut()
        await expect(page.locator("#stale")).to_be_hidden()
        await expect(page.locator("#list li")).to_have_count(5)
        proxy.cut()
        await street.alarm(press_body(button="b-6"))
        await expect(page.locator("#list li")).to_have_count(6)
        # It is noted after the paint, which comes after the row.
        await page.wait_for_function("window.siagaPainted.length >= 7")
        painted = [one["key"] for one in await page.evaluate("window.siagaPainted")]
        assert len(painted) == len(set(painted)) == 7


@in_browser
async def test_a_page_that_is_logged_out_says_so_and_a_key_leads_to_the_log_in(desk: Desk) -> None:
    async with browser() as running, console(running, desk, faults=(401,)) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        # In another window of the same browser.
        await page.evaluate(
            """async () => {
            const { csrf } = await (await fetch("/api/session")).json();
            const headers = { "content-type": "application/json", "x-siaga-csrf": csrf };
            await fetch("/api/session", { method: "DELETE", headers });
            }"""
        )
        out = page.locator("#out")
        await expect(out).to_be_visible()
        await expect(out).to_contain_text("ANDA SUDAH KELUAR")
        size = await out.locator("strong").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 30
        # What it last knew stays, and is not taken for what is.
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        await expect(page.locator("body")).to_have_attribute("data-stale", "true")
        await shot(page, "console-out.png", aside=True)
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#notice")).to_contain_text("Masuk lagi dengan L")
        await page.keyboard.press("l")
        await page.wait_for_url("**/login?next=**")


@in_browser
async def test_the_page_outlives_a_desk_that_is_killed_and_started_again(desk: Desk) -> None:
    """Fault 34, seen from the page."""
    async with browser() as running, console(running, desk, faults=(0,)) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        async with page.expect_response("**/api/events?*", timeout=15_000):  # until then it shows what was
            desk.process.kill()
            desk.start()
        await expect(page.locator("#health-alarm")).to_have_attribute("data-good", "true")
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
