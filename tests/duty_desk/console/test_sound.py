"""The siren: heard unless nothing can be, and then said in large letters."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import ViewportSize, expect

from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import DESK_SCREEN, PHONE, browser, console, in_browser, shot

EVERYONE_S = 4
STEPS = f"""
[escalation]
steps = [{{ after_s = 0, rings = ["officer"] }}, {{ after_s = {EVERYONE_S}, rings = ["everyone"] }}]
"""
"""The steps that are set without this, 15 s and more apart, are tested with the escalation."""
EARLY_MS = 50
"""The press is some ms older than its arrival, and the steps count from it."""
TELLS_WHEN_IT_SOUNDS = """() => {
window.sounded = [];
new MutationObserver(() => document.body.dataset.siren && window.sounded.push(Date.now()))
  .observe(document.body, { attributeFilter: ["data-siren"] });
}"""


@in_browser
async def test_the_key_that_frees_a_blocked_sound_does_nothing_else(desk: Desk) -> None:
    async with browser(sound=False) as running, console(running, desk) as page, box(desk.alarm) as street:
        await expect(page.locator("#sound")).to_be_visible()
        assert await _sound_told(desk) == "blocked"
        size = await page.locator("#sound strong").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 30
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.down("Space")
        await expect(page.locator("body")).to_have_attribute("data-siren", "alarm")
        # The sound is on, the key is still down: the banner stays, and a key that repeats itself is the same key.
        await page.keyboard.down("Space")
        await expect(page.locator("#sound")).to_be_visible()
        await page.keyboard.up("Space")
        await expect(page.locator("#sound")).to_be_hidden()
        assert desk.incidents()[0]["state"] == "open"
        assert await _sound_told(desk, "on") == "on"
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")


@in_browser
@pytest.mark.parametrize("size", [DESK_SCREEN, PHONE], ids=["desk", "phone"])
async def test_the_click_that_frees_a_blocked_sound_does_nothing_else_and_moves_nothing(
    desk: Desk, size: ViewportSize
) -> None:
    async with browser(sound=False) as running, console(running, desk, size=size) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#sound")).to_be_visible()
        accept = page.locator("#accept")
        await expect(accept).to_be_visible()
        # What comes later and takes room: each is a row of its own, the badge on a phone.
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        await expect(page.locator("#hero-times li")).to_have_count(1)
        before = await accept.bounding_box()
        assert before is not None
        await page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
        await page.mouse.down()
        await expect(page.locator("body")).to_have_attribute("data-siren", "alarm")
        await expect(page.locator("#sound")).to_be_visible()
        await shot(page, f"console-sound-{size['width']}.png", aside=True)
        await page.mouse.up()
        await expect(page.locator("#sound")).to_be_hidden()
        assert await accept.bounding_box() == before
        assert desk.incidents()[0]["state"] == "open"
        await page.mouse.down()
        await page.mouse.up()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")


@in_browser
async def test_a_sound_that_cannot_be_freed_keeps_nobody_from_accepting(desk: Desk) -> None:
    async with browser(sound=False) as running, console(running, desk) as page, box(desk.alarm) as street:
        await page.evaluate("AudioContext.prototype.resume = () => Promise.reject(new Error()), null")
        await street.alarm(press_body())
        await expect(page.locator("#sound")).to_be_visible()
        await page.keyboard.press("Space")
        await page.wait_for_timeout(1_100)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await expect(page.locator("#sound")).to_be_visible()


@in_browser
async def test_the_siren_sounds_until_somebody_accepts_and_a_sound_test_does_not_end_it(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        siren = page.locator("body")
        await page.locator("#sound-test").click()
        await street.alarm(press_body())
        await expect(siren).to_have_attribute("data-siren", "alarm")
        await page.wait_for_timeout(1_700)
        await expect(siren).to_have_attribute("data-siren", "alarm")
        await page.keyboard.press("Space")
        await expect(siren).to_have_attribute("data-siren", "")
        await street.alarm(press_body(status="Exercise"))
        await expect(siren).to_have_attribute("data-siren", "drill")
        await street.alarm(press_body())
        await expect(siren).to_have_attribute("data-siren", "alarm")


@in_browser
async def test_a_loudspeaker_that_is_gone_is_told_on_the_page_and_to_the_desk(desk: Desk) -> None:
    speaker = "[{ kind: 'audiooutput', deviceId: '', label: '' }]"
    async with browser() as running, console(running, desk) as page:
        # Between two looks nothing changed; the clock of the sound card goes on.
        await expect(page.locator("#quiet")).to_be_hidden()
        for devices, told in ((speaker, "on"), ("[]", "quiet"), (speaker, "on")):
            await page.evaluate(
                f"""() => {{
                navigator.mediaDevices.enumerateDevices = async () => {devices};
                navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
                }}"""
            )
            if told == "quiet":
                await expect(page.locator("#quiet")).to_contain_text("TIDAK ADA SUARA")
            else:
                await expect(page.locator("#quiet")).to_be_hidden()
            assert await _sound_told(desk, told) == told
        # A sound card that takes nothing stops the clock.
        await page.evaluate("Object.defineProperty(AudioContext.prototype, 'currentTime', { get: () => 7 })")
        await expect(page.locator("#quiet")).to_be_visible()


@in_browser
async def test_it_rings_for_whom_the_escalation_says_and_shows_silently_elsewhere(desk: Desk) -> None:
    desk.process.stop()
    desk.config.write_text(desk.config.read_text() + STEPS)
    desk.start()
    async with (
        browser() as running,
        console(running, desk) as officer,
        console(running, desk, officer="tamu-1", screen="Layar 2") as viewer,
        box(desk.alarm) as street,
    ):
        await viewer.evaluate(TELLS_WHEN_IT_SOUNDS)
        await street.alarm(press_body())
        await expect(officer.locator("body")).to_have_attribute("data-siren", "alarm")
        await expect(viewer.locator("#hero")).to_have_attribute("data-state", "open")
        # Then everybody is to hear it, and not sooner.
        await expect(viewer.locator("body")).to_have_attribute("data-siren", "alarm")
        (incident,) = desk.incidents()
        first_ms = (await viewer.evaluate("window.sounded"))[0]
        assert first_ms - incident["received_at_ms"] >= EVERYONE_S * 1_000 - EARLY_MS
        await expect(viewer.locator("#story-list")).to_contain_text("semua layar")
        await officer.keyboard.press("Space")
        await expect(viewer.locator("body")).to_have_attribute("data-siren", "")


async def _sound_told(desk: Desk, until: str = "blocked") -> str:
    """Return what the desk was told of the sound of its one screen, once it is this."""
    async with asyncio.timeout(15):
        while True:
            (screen,) = desk.get("/api/state")["screens"]
            if screen["sound"] == until:
                return until
            await asyncio.sleep(0.1)
