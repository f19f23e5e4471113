"""A script in a note, a name, a place: on each page it is text, and nothing of it runs."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from urllib.parse import quote

from playwright.async_api import Browser, BrowserContext, Page, expect

from contract.identity import new_event_id
from duty_desk.access.store import open_accounts, put_account, read_accounts
from tests.duty_desk.conftest import NAMES, Desk, box, press_body, session_token
from tests.duty_desk.console.browser import browser, in_browser

ATTACK = "<img src=x onerror=hit(1)><script>hit(2)</script>"
NAME = "Petugas <img src=x onerror=hit(3)>"
PLACE = f"Jl. Braga {ATTACK}"
CALLER = f"Pelapor {ATTACK}"
NOTE = f"Catatan {ATTACK} javascript:hit(4) {{{{7*7}}}} ${{hit(5)}} \u202eterbalik"
DETAIL = f"Rincian {ATTACK}"
WATCH = """
window.hits = [];
window.hit = (number) => window.hits.push(number);
window.alert = window.confirm = window.prompt = () => window.hits.push("dialog");
addEventListener("securitypolicyviolation", (event) => window.hits.push(event.blockedURI + event.violatedDirective));
"""
INJECTED = "document.querySelectorAll('img[src=x], [onerror], script:not([src])').length"


def _rename(desk: Desk, name: str, display: str) -> None:
    """Give an account a name to be shown that the commands would take as well."""
    engine = open_accounts(desk.accounts)
    with engine.begin() as connection:
        known = next(each for each in read_accounts(connection) if each.name == name)
        put_account(connection, replace(known, display=display))
    engine.dispose()


async def _context(running: Browser, desk: Desk, who: str) -> BrowserContext:
    context = await running.new_context(viewport={"width": 1366, "height": 768})
    await context.add_cookies([{"name": "siaga", "value": session_token(who), "url": desk.url, "sameSite": "Strict"}])
    await context.add_init_script("localStorage.setItem('siaga.screen', 'Layar 1')")
    await context.add_init_script(WATCH)
    return context


async def _unharmed(page: Page) -> None:
    assert await page.evaluate("window.hits") == []
    assert await page.evaluate(INJECTED) == 0


@in_browser
async def test_a_script_in_what_people_type_is_text_on_each_page(desk: Desk) -> None:
    officer = NAMES["officer"][0]
    _rename(desk, officer, NAME)
    async with asyncio.timeout(20):
        while (await asyncio.to_thread(desk.get, "/api/session"))["name"] != NAME:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.05)
    call = {
        "key": str(uuid.uuid4()), "category": "crime", "address": PLACE, "caller": CALLER, "note": NOTE,
        "latitude": -6.92, "longitude": 107.61,
    }  # fmt: skip
    status, told = await asyncio.to_thread(desk.post, "/api/incidents", call)
    assert status == 200
    path = f"/api/incidents/{told['incident']['id']}"
    assert (await asyncio.to_thread(desk.post, f"{path}/note", {"note": NOTE}))[0] == 200
    async with browser() as running:
        context = await _context(running, desk, officer)
        page = await context.new_page()
        await page.goto(desk.url)
        await expect(page.locator("#hero-address")).to_have_text(PLACE)
        assert (await asyncio.to_thread(desk.post, f"{path}/accept", {"note": NOTE}))[0] == 200
        await expect(page.locator("#hero")).to_contain_text(NAME)
        async with box(desk.alarm) as street:
            event_id = new_event_id()
            await street.alarm(press_body(event_id=event_id, cause="tamper", detail=DETAIL))
            await street.receipt("stored", event_id=event_id)
        await _unharmed(page)
        for address, shown in (("/call", NAME), ("/archive", PLACE)):
            await page.goto(desk.url + address)
            await expect(page.locator("body")).to_contain_text(shown)
            await _unharmed(page)
        await page.get_by_text(PLACE).first.click()
        await expect(page.locator("body")).to_contain_text("Catatan <img")
        await _unharmed(page)
        # Who is in goes straight on.
        await page.goto(f"{desk.url}/login?next={quote('/?' + ATTACK)}")
        await page.wait_for_selector("#hero")
        await _unharmed(page)
        await context.close()


@in_browser
async def test_the_log_in_leads_to_this_desk_alone(running: Desk) -> None:
    async with browser() as chromium:
        context = await _context(chromium, running, NAMES["officer"][0])
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        for goal in ("https://evil.example/", "//evil.example/", "javascript:hit(6)", "/\\evil.example", "//"):
            page = await context.new_page()
            # Who is in already goes straight on, to where the link says.
            await page.goto(f"{running.url}/login?next={quote(goal, safe='')}")
            await page.wait_for_selector("#hero")
            assert page.url == f"{running.url}/", goal
            await _unharmed(page)
            await page.close()
        assert [url for url in asked if not url.startswith(f"{running.url}/")] == []
        await context.close()
