"""The call-taker's page: a call becomes an incident, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Page, Route, ViewportSize, expect

from tests.duty_desk.conftest import Desk, session_token
from tests.duty_desk.console.browser import DESK_SCREEN, browser, in_browser
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import act, looks, opened, picture, shot, take_call, words

KEYS_PER_SECOND = 5
LIMIT_S = 10
PLACE = "Jalan Asia Afrika × Jalan Braga"


class Keys:
    """A keyboard that counts: a letter is one key, Ctrl Enter two."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.count = 0

    async def type(self, text: str) -> None:
        """Type a text."""
        self.count += len(text)
        await self._page.keyboard.type(text)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.count += len(key.split("+"))
            await self._page.keyboard.press(key)


async def ready(page: Page) -> None:
    """Wait until the page takes a call."""
    await expect(page.locator("#place")).to_be_focused()
    await expect(page.locator("#health-stream")).to_have_attribute("data-good", "true")


async def type_call(page: Page, text: str = "motor, dua luka") -> int:
    """Type a whole call and ring; return how many keys it took."""
    keys = Keys(page)
    await keys.type("asia afrika braga")
    await expect(page.locator("#place-0")).to_contain_text(PLACE)
    await keys.press("ArrowDown", "Enter", "2")
    await keys.type(text)
    await keys.press("Control+Enter")
    return keys.count


@in_browser
async def test_a_call_is_typed_in_fifty_keys_and_rings(desk: Desk) -> None:
    async with browser() as running:
        for number, language in enumerate(("id", "en"), 1):
            async with opened(running, desk, "/call", language=language) as page:
                await _whole_call(desk, page, words("call", language), number)


async def _whole_call(desk: Desk, page: Page, told: dict[str, str], number: int) -> None:
    await ready(page)
    assert await type_call(page) <= KEYS_PER_SECOND * LIMIT_S
    mine = page.locator("#calls-list > li")
    await expect(mine).to_have_count(number)
    await expect(mine.first.locator(".call-state")).to_have_text(told["state_open"])
    await expect(mine.first.locator(".recorded")).to_have_text(told["recorded"])
    # The next call can begin at once.
    await expect(page.locator("#place")).to_be_focused()
    await expect(page.locator("#place")).to_have_value("")
    (incident,) = [one for one in desk.incidents() if one["state"] == "open"]
    assert (incident["origin"], incident["address"], incident["recorded"]) == ("call", PLACE, True)
    assert incident["call"] == {
        "category": "accident",
        "caller": None,
        "text": "motor, dua luka",
        "taken_by": "Operator 112",
    }
    assert incident["latitude"] == pytest.approx(-6.9213, abs=0.002)
    for verb, state in (("accept", "accepted"), ("depart", "on_the_way"), ("close", "closed")):
        act(desk, incident["id"], verb)
        shown = told[f"state_{state}"].replace("{officer}", "Petugas 1")
        await expect(mine.first.locator(".call-state")).to_have_text(shown)
    # A call of somebody else is not in the list.
    body = {"key": f"0b0e6f4c-55a2-4f0f-8f0d-00000000009{number}", "category": "fire", "address": "Gang Lain"}
    status, answer = desk.post("/api/incidents", body)
    assert status == 200
    await page.locator("#place").fill("Gang Lain")
    await expect(page.locator("#near-list")).to_contain_text("Gang Lain")
    await expect(mine).to_have_count(number)
    act(desk, answer["incident"]["id"], "cancel", reason="test")


@in_browser
async def test_a_call_whose_answer_was_lost_is_sent_again_and_is_one_incident(desk: Desk) -> None:
    bodies: list[dict[str, Any]] = []
    again = asyncio.Event()

    async def lose_the_answer(route: Route) -> None:
        bodies.append(json.loads(route.request.post_data or "{}"))
        if len(bodies) > 1:
            again.set()
        await route.fetch()
        await route.abort()

    async with browser() as running, opened(running, desk, "/call", faults="ERR_FAILED|Failed to load") as page:
        await ready(page)
        await page.route("**/api/incidents", lose_the_answer)
        await type_call(page)
        waiting = page.locator("#calls-list > [data-state=waiting]")
        await expect(waiting).to_have_count(1)
        await expect(waiting).to_contain_text(words("call")["why_unreachable"])
        # The next call is typed meanwhile, and the page is loaded again.
        await page.keyboard.type("gedung sate")
        await page.reload()
        await expect(page.locator("#place")).to_have_value("gedung sate")
        await expect(waiting).to_have_count(1)
        await asyncio.wait_for(again.wait(), 15)
        await page.unroute_all(behavior="wait")
        await expect(waiting).to_have_count(0)
        await expect(page.locator("#calls-list > [data-state=open]")).to_have_count(1)
        assert len({body["key"] for body in bodies}) == 1
        assert len(desk.incidents()) == 1
        # Nothing is left to be sent once more.
        await page.reload()
        await ready(page)
        await expect(page.locator("#calls-list > li")).to_have_count(1)
        assert len(desk.incidents()) == 1


@in_browser
async def test_what_is_near_by_is_shown_while_it_is_typed_and_one_key_makes_the_call_a_note(desk: Desk) -> None:
    near_one = take_call(desk, 1, latitude=-6.9205, longitude=107.6098, address="Jalan Braga 10")
    take_call(desk, 2, address="Jalan Setiabudi 300", latitude=-6.86, longitude=107.59)
    async with browser() as running, opened(running, desk, "/call") as page:
        await ready(page)
        await expect(page.locator("#near")).to_be_hidden()
        await page.keyboard.type("asia afrika braga")
        await expect(page.locator("#place-0")).to_contain_text(PLACE)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        shown = page.locator("#near-list > li")
        await expect(shown).to_have_count(1)
        await expect(shown).to_contain_text("Jalan Braga 10")
        await expect(shown).to_contain_text(" m · ")
        await page.keyboard.press("2")
        await page.keyboard.type("<b>asap</b>")
        await page.keyboard.press("F2")
        await expect(page.locator("#calls-list > [data-state=noted]")).to_have_count(1)
        await expect(page.locator("#place")).to_have_value("")
        (same,) = [one for one in desk.incidents() if one["id"] == near_one["id"]]
        assert same["notes"][0]["text"] == f"Panggilan 112 · Kecelakaan · {PLACE} · <b>asap</b>"
        assert len(desk.incidents()) == 2
        # It was not the same after all.
        await page.get_by_role("button", name=words("call")["ring_anyway"]).click()
        await expect(page.locator("#text")).to_have_value("<b>asap</b>")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#calls-list > [data-state=open]")).to_have_count(3)
        assert len(desk.incidents()) == 3


@in_browser
async def test_what_is_missing_is_said_and_an_address_or_a_point_alone_is_enough(desk: Desk) -> None:
    told = words("call")
    async with browser() as running, opened(running, desk, "/call") as page:
        await ready(page)
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#notice")).to_have_text(told["missing_place"])
        await page.keyboard.type("gang kecil belakang pasar")
        await expect(page.locator("#place-state")).to_have_text(told["place_typed"])
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#notice")).to_have_text(told["missing_category"])
        await page.keyboard.press("3")
        await page.keyboard.press("F6")
        await page.keyboard.press("Enter")
        await page.keyboard.type("0812 555")
        await page.keyboard.press("Enter")
        await expect(page.locator("#calls-list > [data-state=open]")).to_have_count(1)
        (incident,) = desk.incidents()
        assert (incident["origin"], incident["latitude"], incident["call"]["category"]) == ("citizen", None, "fire")
        assert (incident["address"], incident["call"]["caller"]) == ("gang kecil belakang pasar", "0812 555")
        # F8 twice clears, once does not.
        await page.keyboard.type("salah")
        await page.keyboard.press("F8")
        await expect(page.locator("#place")).to_have_value("salah")
        await page.keyboard.press("F8")
        await expect(page.locator("#place")).to_have_value("")

        # A click on the map is a place, too.
        await expect(page.locator("#map").locator("canvas, svg").first).to_be_visible(timeout=15_000)
        await page.locator("#map").click(position={"x": 250, "y": 110})
        await expect(page.locator("#place-state")).to_have_attribute("data-state", "known")
        await page.keyboard.press("5")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#calls-list > [data-state=open]")).to_have_count(2)
        incident = desk.incidents()[1]
        assert incident["latitude"] == pytest.approx(-6.9, abs=0.1)
        assert incident["address"] == f"{incident['latitude']:.5f}, {incident['longitude']:.5f}"


@in_browser
async def test_it_fits_the_screen(desk: Desk) -> None:
    one = take_call(desk, 1, latitude=-6.9205, longitude=107.6098, address="Jalan Braga 10", note="tabrak lari")
    act(desk, one["id"], "accept")
    take_call(desk, 2, category="fire", address="Jalan Setiabudi 300", note="asap dari lantai dua")
    async with browser() as running:
        for size, dark in looks():
            async with opened(running, desk, "/call", dark=dark, size=size) as page:
                await _fits(page, size)
                await shot(page, picture("call", size, dark))


async def _fits(page: Page, size: ViewportSize) -> None:
    await ready(page)
    await page.keyboard.type("asia afrika braga")
    await expect(page.locator("#place-0")).to_contain_text(PLACE)
    field, listed = await page.locator("#place").bounding_box(), await page.locator("#place-list").bounding_box()
    assert field is not None
    assert listed is not None
    assert listed["y"] >= field["y"] + field["height"] - 1
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("2")
    await page.keyboard.type("dua motor, satu luka")
    await expect(page.locator("#near-list > li")).to_have_count(1)
    await expect(page.locator("#calls-list > li")).to_have_count(2)
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert await faults_of(page) == []
    if size is DESK_SCREEN:
        for name in ("#ring", "#near", "#calls-title"):
            box = await page.locator(name).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size["height"]


@in_browser
async def test_a_call_survives_a_log_in_that_is_over(desk: Desk) -> None:
    faults = "status of 401|Failed to load"
    async with browser() as running, opened(running, desk, "/call", faults=faults) as page:
        await ready(page)
        await page.context.clear_cookies()
        await page.keyboard.type("gedung sate")
        await page.keyboard.press("Enter")
        await page.keyboard.press("4")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#calls-list > [data-state=waiting]")).to_contain_text(
            words("call")["why_no_session"]
        )
        token = session_token("operator-1")
        await page.context.add_cookies([{"name": "siaga", "value": token, "url": desk.url, "sameSite": "Strict"}])
        await page.goto(desk.url + "/call")
        await expect(page.locator("#calls-list > [data-state=open]")).to_have_count(1)
        assert [one["address"] for one in desk.incidents()] == ["gedung sate"]
