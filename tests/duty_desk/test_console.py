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
from tests.duty_desk.conftest import REPO, Desk, box, press_body

CONSOLE = REPO / "duty_desk" / "console"
SHOTS = REPO / "docs" / "assets"
DESK_SCREEN: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
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
async def browser() -> AsyncIterator[Browser]:
    """Yield Debian's Chromium."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def console(
    running: Browser,
    desk: Desk,
    *,
    officer: str = "Petugas 1",
    language: str = "id",
    dark: bool = True,
    size: ViewportSize = DESK_SCREEN,
) -> AsyncIterator[Page]:
    """Yield the page, open and connected, and check at the end that it never met an error."""
    context = await running.new_context(viewport=size, color_scheme="dark" if dark else "light")
    await context.add_init_script(
        f"localStorage.getItem('siaga.language') || localStorage.setItem('siaga.language', {json.dumps(language)});"
        f"localStorage.getItem('siaga.officer') || localStorage.setItem('siaga.officer', {json.dumps(officer)});"
        "localStorage.getItem('siaga.screen') || localStorage.setItem('siaga.screen', 'one');"
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
async def test_the_second_officer_is_told_who_was_first(desk: Desk) -> None:
    """Fault 38."""
    async with (
        browser() as running,
        console(running, desk, officer="Sari") as first,
        console(running, desk, officer="Budi") as second,
        box(desk.alarm) as street,
    ):
        await street.alarm(press_body())
        for page in (first, second):
            await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await second.evaluate("window.EventSource = null")
        await asyncio.gather(first.keyboard.press("Space"), second.keyboard.press("Space"))
        (incident,) = desk.incidents()
        loser = second if incident["officer"] == "Sari" else first
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
async def test_marks_script_and_missing_name(desk: Desk) -> None:
    lock = sqlite3.connect(desk.ledger, isolation_level=None)
    try:
        async with browser() as running, console(running, desk, officer="") as page, box(desk.alarm) as street:
            lock.execute("BEGIN IMMEDIATE")
            await street.alarm(press_body(detail="<img src=x onerror=alert(1)>", clock="sundial"))
            await expect(page.locator("#hero-unrecorded")).to_have_text("BELUM TERCATAT")
            await expect(page.locator("#hero-incomplete")).to_have_text("TIDAK LENGKAP")
            assert await page.locator("#hero-rows img").count() == 0
            await expect(page.locator("#health-ledger")).to_have_attribute("data-good", "false")
            lock.execute("ROLLBACK")
            await expect(page.locator("#hero-unrecorded")).to_be_hidden()
            # Without a name the key leads to the name, not to nowhere.
            await page.locator("#officer").evaluate("element => element.blur()")
            await page.keyboard.press("Space")
            await expect(page.locator("#officer")).to_be_focused()
            await page.keyboard.type("Dewi")
            await page.keyboard.press("Enter")
            await page.keyboard.press("Space")
            await expect(page.locator("#hero-state")).to_have_text("DITANGANI Dewi")
    finally:
        lock.close()


@pytest.mark.slow
async def test_blocked_sound_is_said_in_large_letters_until_a_key(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page:
        await expect(page.locator("#sound")).to_be_visible()
        size = await page.locator("#sound strong").evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 30
        await page.keyboard.press("x")
        await expect(page.locator("#sound")).to_be_hidden()


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
        desk.process.freeze()
        started = time.monotonic()
        try:
            await expect(page.locator("#stale")).to_be_visible(timeout=10_000)
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
        text = await page.locator("body").inner_text()
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
        assert accept["y"] + accept["height"] <= size["height"]
        if size is DESK_SCREEN:
            letters = await page.locator("#hero-address").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
            assert letters >= 40
        name = "console-phone" if size is PHONE else "console"
        await _shot(page, f"{name}.png" if dark else f"{name}-light.png")


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
    words = json.loads((CONSOLE / "strings.json").read_text())["id"]
    assert set(re.findall(r'word\("(\w+)"', code)) <= words.keys()


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
