"""The page in a real Chromium, on a real desk with real brokers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, ViewportSize, async_playwright, expect

from contract.identity import new_event_id
from tests.duty_desk.conftest import REPO, Desk, birth, box, living, press_body, session_token

CONSOLE = REPO / "duty_desk" / "console"
SHOTS = REPO / "docs" / "assets"
DESK_SCREEN: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
SOUND_TRIED = "sound tried"
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def browser(*, sound: bool = True) -> AsyncIterator[Browser]:
    """Yield Debian's Chromium, which lets a page sound at once, or only after a key or a click."""
    policy = f"--autoplay-policy={'no-user-gesture-required' if sound else 'document-user-activation-required'}"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*CHROMIUM, policy])
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def console(
    running: Browser,
    desk: Desk,
    *,
    officer: str = "petugas-1",
    language: str = "id",
    dark: bool = True,
    size: ViewportSize = DESK_SCREEN,
    screen: str = "Layar 1",
) -> AsyncIterator[Page]:
    """Yield the page, open and connected, and check at the end that it never met an error."""
    context = await running.new_context(viewport=size, color_scheme="dark" if dark else "light")
    await context.add_cookies(
        [{"name": "siaga", "value": session_token(officer), "url": desk.url, "sameSite": "Strict"}]
    )
    await context.add_init_script(
        f"localStorage.getItem('siaga.language') || localStorage.setItem('siaga.language', {json.dumps(language)});"
        f"localStorage.getItem('siaga.screen') || localStorage.setItem('siaga.screen', {json.dumps(screen)});"
    )
    await context.add_init_script(
        "window.AudioContext = class extends AudioContext {"
        f"constructor() {{ super(); console.debug({json.dumps(SOUND_TRIED)}); }} }};"
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and "status of 409" not in message.text else None
        ),
    )
    # Whatever Playwright looks at counts as an officer's gesture, so nothing is looked at before the sound was tried.
    async with page.expect_console_message(lambda message: message.text == SOUND_TRIED, timeout=15_000):
        await page.goto(desk.url)
    await expect(page.locator("#health-stream")).to_have_attribute("data-good", "true")
    try:
        yield page
        assert errors == []
    finally:
        await context.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["id", "en"])
async def test_one_key_accepts_and_one_closes(desk: Desk, language: str) -> None:
    words = json.loads((CONSOLE / "strings.json").read_text())[language]
    async with browser() as running, console(running, desk, language=language) as page, box(desk.alarm) as street:
        await expect(page.locator("#hero-address")).to_have_text(words["idle"])
        await _shot(page, f"console-idle-{language}.png", aside=True)
        event_id = new_event_id()
        await street.alarm(press_body(event_id=event_id))
        await expect(page.locator("#hero-address")).to_have_text("Jl. Braga 10, depan Gedung Merdeka")
        await expect(page.locator("#hero-state")).to_have_text(words["state_open"])
        await expect(page.locator("#hero-instructions-text")).to_contain_text("20 m")
        await expect(page.locator("#hero-photo")).to_be_visible()
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await expect(page.locator("#hero-state")).to_have_text(words["state_accepted"].format(officer="Petugas 1"))
        await street.wait("siaga/v1/down/box-1/alarm/lamp", lambda body: body["lamps"] == {"sos": "accepted"})
        await _shot(page, f"console-accepted-{language}.png", aside=True)
        await page.keyboard.press("t")
        await _shot(page, f"console-closing-{language}.png", aside=True)
        await page.keyboard.type("<b>aman</b>")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hero-address")).to_have_text(words["idle"])
        await expect(page.locator("#past-list .row-address")).to_have_text("Jl. Braga 10, depan Gedung Merdeka")
        await street.wait("siaga/v1/down/box-1/alarm/lamp", lambda body: body["lamps"] == {"sos": "off"})
        painted = await page.evaluate("window.siagaPainted")
        assert [one["key"] for one in painted] == [event_id]
    _wait_for_entry(desk, "shown")


@pytest.mark.slow
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
        await page.wait_for_timeout(450)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await two.alarm(press_body("box-2"))
        await expect(page.locator("#hero")).to_have_attribute("data-state", "again")
        await expect(page.locator("#hero-address")).to_contain_text("Dago")
        await page.wait_for_timeout(450)
        await page.keyboard.press("Space")
        await expect(page.locator("[data-state=again]")).to_have_count(0)
    assert sorted(incident["presses"] for incident in desk.incidents()) == [1, 2]


@pytest.mark.slow
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
        await expect(page.locator(f"#map .incident.ringing[data-status={status}]")).to_have_count(1)
        await two.alarm(press_body("box-2"))
        # The drill is older, but nobody waits for it.
        await expect(hero).to_contain_text("Dago")
        await page.wait_for_timeout(450)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        # What the officer has in hand stays: the drill waits in the list, and can be chosen.
        await expect(hero).to_contain_text("Dago")
        assert {incident["device"]: incident["state"] for incident in desk.incidents()} == {
            "box-1": "open",
            "box-2": "accepted",
        }
        await one.alarm(press_body(status=status))
        await expect(page.locator("#list .row-address")).to_contain_text("Braga")
        await expect(hero).to_contain_text("Dago")
        await page.locator("#list .row").click()
        await expect(hero).to_contain_text("Braga")


@pytest.mark.slow
async def test_the_second_officer_is_told_who_was_first(desk: Desk) -> None:
    """Fault 38."""
    async with (
        browser() as running,
        console(running, desk, officer="petugas-1") as first,
        console(running, desk, officer="petugas-2") as second,
        box(desk.alarm) as street,
    ):
        await street.alarm(press_body())
        for page in (first, second):
            await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await second.evaluate("window.EventSource = null")
        await asyncio.gather(first.keyboard.press("Space"), second.keyboard.press("Space"))
        (incident,) = desk.incidents()
        loser = second if incident["officer"] == "Petugas 1" else first
        await expect(loser.locator("#hero-state")).to_contain_text(incident["officer"])


@pytest.mark.slow
async def test_an_answer_that_comes_late_does_not_undo_the_news(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        held, recorded = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            answer = await route.fetch()
            assert (await answer.json())["incident"]["recorded"] is False
            held.set()
            await recorded.wait()
            await route.fulfill(response=answer)

        await page.route("**/accept", hold)
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("Space")
        await held.wait()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        recorded.set()
        await expect(page.locator("#notice")).to_contain_text("Braga")
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()


@pytest.mark.slow
async def test_marks_and_script(desk: Desk) -> None:
    lock = sqlite3.connect(desk.ledger, isolation_level=None)
    try:
        async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
            lock.execute("BEGIN IMMEDIATE")
            await street.alarm(press_body(detail="<img src=x onerror=alert(1)>", clock="sundial"))
            await expect(page.locator("#hero-unrecorded")).to_have_text("BELUM TERCATAT")
            await expect(page.locator("#hero-incomplete")).to_have_text("TIDAK LENGKAP")
            assert await page.locator("#hero-rows img").count() == 0
            await expect(page.locator("#health-ledger")).to_have_attribute("data-good", "false")
            lock.execute("ROLLBACK")
            await expect(page.locator("#hero-unrecorded")).to_be_hidden()
    finally:
        lock.close()


@pytest.mark.slow
async def test_the_key_that_frees_a_blocked_sound_does_nothing_else(desk: Desk) -> None:
    async with browser(sound=False) as running, console(running, desk) as page, box(desk.alarm) as street:
        await expect(page.locator("#sound")).to_be_visible()
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
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESK_SCREEN, PHONE], ids=["desk", "phone"])
async def test_the_click_that_frees_a_blocked_sound_does_nothing_else_and_moves_nothing(
    desk: Desk, size: ViewportSize
) -> None:
    async with browser(sound=False) as running, console(running, desk, size=size) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#sound")).to_be_visible()
        accept = page.locator("#accept")
        await expect(accept).to_be_visible()
        before = await accept.bounding_box()
        assert before is not None
        await page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
        await page.mouse.down()
        await expect(page.locator("body")).to_have_attribute("data-siren", "alarm")
        await expect(page.locator("#sound")).to_be_visible()
        await _shot(page, f"console-sound-{size['width']}.png", aside=True)
        await page.mouse.up()
        await expect(page.locator("#sound")).to_be_hidden()
        assert await accept.bounding_box() == before
        assert desk.incidents()[0]["state"] == "open"
        await page.mouse.down()
        await page.mouse.up()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")


@pytest.mark.slow
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


@pytest.mark.slow
async def test_what_i_accepted_stays_and_another_officers_takes_a_named_yes_to_close(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
        box(desk.alarm, "box-3") as three,
    ):
        place, state = page.locator("#hero-address"), page.locator("#hero")
        for street in (two, three):
            await street.alarm(press_body(street.device))
        await expect(page.locator("#list li")).to_have_count(1)
        for incident in desk.incidents():
            _accept(desk, incident["id"], "petugas-2")
        await expect(state).to_have_attribute("data-state", "accepted")
        await one.alarm(press_body())
        await expect(place).to_contain_text("Braga")
        await page.wait_for_timeout(450)
        await page.keyboard.press("Space")
        # Those of the other officer are older, and mine stays all the same.
        await expect(state).to_have_attribute("data-state", "accepted")
        await expect(place).to_contain_text("Braga")
        # What rings takes the large place until somebody answers it, then mine is back.
        await two.alarm(press_body("box-2"))
        await expect(place).to_contain_text("Dago")
        again = next(incident for incident in desk.incidents() if incident["device"] == "box-2")
        assert desk.post(f"/api/incidents/{again['id']}/answer", {}, who="petugas-2")[0] == 200
        await expect(place).to_contain_text("Braga")
        await page.wait_for_timeout(450)
        await page.keyboard.press("t")
        await page.keyboard.press("Enter")
        await expect(place).not_to_contain_text("Braga")
        await page.wait_for_timeout(450)
        # Now only those of the other officer are left.
        await page.keyboard.press("t")
        await page.keyboard.press("Enter")
        await expect(page.locator("#close-foreign")).to_be_visible()
        await expect(page.locator("#close-foreign-text")).to_contain_text("Petugas 2")
        await expect(page.locator("#close-foreign-yes")).to_contain_text("Petugas 2")
        await _shot(page, "console-foreign.png", aside=True)
        await page.keyboard.press("Enter")
        await expect(page.locator("#close-foreign")).to_be_hidden()
        assert sorted(incident["state"] for incident in desk.incidents()) == ["accepted", "accepted", "closed"]
        await page.keyboard.press("t")
        await page.keyboard.press("Enter")
        await expect(page.locator("#close-foreign")).to_be_visible()
        await page.wait_for_timeout(450)
        await page.keyboard.press("y")
        await expect(page.locator("#past-list li")).to_have_count(2)


@pytest.mark.slow
async def test_a_note_being_written_is_not_lost_to_a_new_alarm(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        box(desk.alarm) as one,
        box(desk.alarm, "box-2") as two,
    ):
        await one.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        await page.keyboard.press("t")
        await page.keyboard.type("aman")
        await two.alarm(press_body("box-2"))
        await expect(page.locator("#list [data-state=open]")).to_have_count(1)
        await expect(page.locator("#note")).to_have_value("aman")
        await page.keyboard.press("Escape")
        await page.locator("body").click(position={"x": 5, "y": 200})
        await expect(page.locator("#hero-address")).to_contain_text("Dago")


@pytest.mark.slow
async def test_a_box_that_died_is_told_until_it_is_back(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
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
        await _shot(page, "console-unreachable.png", aside=True)
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


@pytest.mark.slow
async def test_a_long_list_says_how_much_of_it_is_below_and_the_notice_covers_none_of_it(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        for number in range(9):
            await street.alarm(press_body(button=f"b-{number}"))
        await expect(page.locator("#list li")).to_have_count(8)
        below = page.locator("#below")
        await expect(below).to_be_visible()
        hidden = int(re.findall(r"\d+", await below.inner_text())[0])
        assert 0 < hidden <= 8
        await expect(below).to_contain_text(f"{hidden} belum diterima")
        await page.keyboard.press("t")
        note, stage = await page.locator("#notice").bounding_box(), await page.locator(".stage").bounding_box()
        assert note is not None
        assert stage is not None
        assert note["y"] >= stage["y"] + stage["height"] - 1
        await _shot(page, "console-long.png", aside=True)
        await page.locator("#scroller").evaluate("element => element.scrollTo(0, element.scrollHeight)")
        await expect(below).to_be_hidden()


@pytest.mark.slow
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
        async with console(running, desk, dark=False, screen="") as second:
            await expect(second.locator("#screen")).to_have_value("Layar 1")
            async with console(running, desk, dark=False, screen="") as third:
                await expect(third.locator("#screen")).to_have_value("Layar 2")
        await page.reload()
        await expect(page.locator("#screen")).to_have_value("Meja b depan")
        assert await page.evaluate(ground) == dark


@pytest.mark.slow
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


@pytest.mark.slow
async def test_a_dead_desk_shows_within_ten_seconds_and_the_page_comes_back(desk: Desk) -> None:
    """Fault 36."""
    async with browser() as running, console(running, desk) as page:
        told = page.locator("#hero-device")
        await expect(told).to_have_text("Sambungan tombol sedang diperiksa.")
        desk.process.freeze()
        started = time.monotonic()
        try:
            await expect(page.locator("#stale")).to_be_visible(timeout=10_000)
            # A page that hears nothing claims nothing.
            await expect(page.locator("#hero-address")).to_have_text("Menunggu meja piket")
            await expect(told).to_have_text("Keadaan tombol tidak diketahui.")
        finally:
            desk.process.thaw()
        assert time.monotonic() - started < 10
        await expect(page.locator("#stale")).to_be_hidden(timeout=10_000)


@pytest.mark.slow
async def test_the_language_switch_leaves_no_word_behind(desk: Desk) -> None:
    words = json.loads((CONSOLE / "strings.json").read_text())
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#hero-state")).to_have_text(words["id"]["state_open"])
        await page.locator("#language").click()
        await expect(page.locator("#hero-state")).to_have_text(words["en"]["state_open"])
        text = (await page.locator("body").inner_text()).replace("Petugas 1", "")
        only_indonesian = {words["id"][key] for key in words["id"] if words["id"][key] != words["en"][key]}
        assert not [word for word in only_indonesian if len(word) > 4 and re.search(rf"\b{re.escape(word)}\b", text)]


@pytest.mark.slow
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("size", [DESK_SCREEN, PHONE], ids=["desk", "phone"])
async def test_it_fits_the_screen(desk: Desk, size: ViewportSize, dark: bool) -> None:
    async with (
        browser() as running,
        console(running, desk, size=size, dark=dark) as page,
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
        await _shot(page, f"{name}.png" if dark else f"{name}-light.png")
        if size is PHONE and dark:
            await page.evaluate("scrollTo(0, document.body.scrollHeight)")
            await expect(page.locator("#below")).to_be_hidden()
            await _shot(page, "console-phone-list.png", aside=True)
            await page.evaluate("scrollTo(0, 0)")
            await page.keyboard.press("t")
            await expect(page.locator("#notice")).to_be_visible()
            note, foot = await page.locator("#notice").bounding_box(), await page.locator("#dock").bounding_box()
            assert note is not None
            assert foot is not None
            assert note["y"] >= foot["y"] - 1


def test_both_languages_have_the_same_words() -> None:
    words = json.loads((CONSOLE / "strings.json").read_text())
    assert words["id"].keys() == words["en"].keys()
    for key, text in words["id"].items():
        assert text.strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["en"][key])), key


def test_the_page_has_no_bare_word() -> None:
    class Texts(HTMLParser):
        found: list[str]
        keys: set[str]

        def handle_data(self, data: str) -> None:
            if data.strip() and self.lasttag != "title":
                self.found.append(data.strip())

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name.startswith("data-word") and value:
                    self.keys.add(value)
                if name in ("title", "placeholder", "aria-label") or (name == "alt" and value):
                    self.found.append(f"{name}={value}")

    words = json.loads((CONSOLE / "strings.json").read_text())["id"]
    texts = Texts()
    texts.found, texts.keys = [], set()
    texts.feed((CONSOLE / "index.html").read_text())
    assert texts.found == []
    assert texts.keys <= words.keys()


@pytest.mark.parametrize("file", sorted(CONSOLE.glob("*.js")), ids=lambda file: file.name)
def test_the_code_has_no_bare_word_and_no_markup(file: Path) -> None:
    code = re.sub(r"^\s*//.*$|\s// .*$", "", file.read_text(), flags=re.MULTILINE)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org)", code
    )
    literals = [a or b or c for a, b, c in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`', code)]
    plain = [re.sub(r"\$\{[^}]*\}", "", literal) for literal in literals]
    allowed = {"input, textarea", "Point", "Escape", "Enter", "Actual"}
    assert not [
        text
        for text in plain
        if re.search(r"[A-Za-z]{3,}[ ,!?]+[A-Za-z]{2,}|^[A-Z][a-z]{3,}$", text) and text not in allowed
    ]
    own = file.with_suffix(".json")
    words = json.loads((own if own.exists() else CONSOLE / "strings.json").read_text())["id"]
    assert set(re.findall(r'word\("(\w+)"', code)) <= words.keys()


@pytest.mark.slow
async def test_every_name_on_the_map_is_whole(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
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


def _accept(desk: Desk, incident_id: str, officer: str) -> None:
    assert desk.post(f"/api/incidents/{incident_id}/accept", {}, who=officer)[0] == 200


async def _shot(page: Page, name: str, *, aside: bool = False) -> None:
    """Take a picture when asked to: SIAGA_SCREENSHOTS=1 for the docs, or a folder, which gets those `aside` too."""
    folder = os.environ.get("SIAGA_SCREENSHOTS")
    if folder and not (aside and folder == "1"):
        await expect(page.locator("#notice")).to_be_hidden(timeout=10_000)
        await expect(page.get_by_text("BELUM TERCATAT").filter(visible=True)).to_have_count(0)
        target = SHOTS if folder == "1" else Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=target / name)


def _wait_for_entry(desk: Desk, kind: str) -> None:
    deadline = time.monotonic() + 5
    while True:
        connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
        kinds = [json.loads(body)["kind"] for (body,) in connection.execute("SELECT body FROM entry")]
        connection.close()
        if kind in kinds:
            return
        assert time.monotonic() < deadline, kinds
