"""The officer's page in a real Chromium, on a real desk with real brokers: from the press to the closed incident."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import Any

import pytest
from playwright.async_api import Route, expect

from contract.identity import new_event_id
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, console, in_browser, settle, shot, words


@in_browser
@pytest.mark.parametrize("language", ["id", "en"])
async def test_each_step_is_one_key_from_the_press_to_the_closed_incident(desk: Desk, language: str) -> None:
    told = words(language)
    async with browser() as running, console(running, desk, language=language) as page, box(desk.alarm) as street:
        hero, state, story = page.locator("#hero"), page.locator("#hero-state"), page.locator("#story-list")
        await expect(page.locator("#hero-address")).to_have_text(told["idle"])
        event_id = new_event_id()
        await street.alarm(press_body(event_id=event_id))
        await expect(page.locator("#hero-address")).to_have_text("Jl. Braga 10, depan Gedung Merdeka")
        await expect(state).to_have_text(told["state_open"])
        await expect(page.locator("#hero-instructions-text")).to_contain_text("20 m")
        await expect(page.locator("#hero-photo")).to_be_visible()
        await expect(page.locator("#hero-unrecorded")).to_be_hidden()
        # What is not possible yet is not offered, and its key says so.
        await expect(page.locator("#do-resolve")).to_have_count(0)
        await page.keyboard.press("r")
        await expect(page.locator("#notice")).to_have_text(told["fault_not_possible"])
        await page.keyboard.press("Space")
        await expect(hero).to_have_attribute("data-state", "accepted")
        await expect(state).to_have_text(told["state_accepted"].format(officer="Petugas 1"))
        await street.wait("siaga/v1/down/box-1/alarm/lamp", lambda body: body["lamps"] == {"sos": "accepted"})
        await page.keyboard.press("d")
        await expect(hero).to_have_attribute("data-state", "on_the_way")
        await expect(page.locator("#hero-times li")).to_have_count(3)
        await page.keyboard.press("n")
        await page.keyboard.type("<img src=x onerror=alert(1)>")
        await shot(page, f"console-note-{language}.png", aside=True)
        await page.keyboard.press("Enter")
        await expect(page.locator("#hero-notes-text")).to_have_text("<img src=x onerror=alert(1)>")
        await expect(story).to_contain_text("<img src=x onerror=alert(1)>")
        await page.keyboard.press("r")
        await expect(state).to_have_text(told["state_resolved"])
        await street.wait("siaga/v1/down/box-1/alarm/lamp", lambda body: body["lamps"] == {"sos": "off"})
        await expect(story).to_contain_text(told["story_resolve"].format(who="Petugas 1"))
        await expect(story).to_contain_text(told["story_shown"].format(screens="Layar 1"))
        await expect(story).not_to_contain_text(told["story_delivered"].format(screens="Layar 1"))
        await page.keyboard.press("t")
        await page.keyboard.type("<b>aman</b>")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hero-address")).to_have_text(told["idle"])
        await expect(page.locator("#past-list .row-address")).to_have_text("Jl. Braga 10, depan Gedung Merdeka")
        assert [one["key"] for one in await page.evaluate("window.siagaPainted")] == [event_id]
        assert await page.locator("#story-list img, #hero-notes img, #story-list b").count() == 0
    wanted = {"delivered", "shown", "seen", "accept", "depart", "note", "resolve", "close"}
    kinds = _entries(desk, wanted)
    assert {kind: kinds.count(kind) for kind in wanted} == dict.fromkeys(wanted, 1), kinds


@in_browser
@pytest.mark.parametrize("language", ["id", "en"])
async def test_it_is_called_off_with_a_reason_and_never_without(desk: Desk, language: str) -> None:
    told = words(language)
    async with browser() as running, console(running, desk, language=language) as page, box(desk.alarm) as street:
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("b")
        await expect(page.locator("#ask-title")).to_have_text(told["ask_cancel"])
        await shot(page, f"console-cancel-{language}.png", aside=True)
        # Neither enter alone nor escape calls it off.
        await page.locator("#note").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask-missing")).to_have_text(told["reason_missing"])
        await page.keyboard.press("Escape")
        await expect(page.locator("#ask")).to_be_hidden()
        assert desk.incidents()[0]["state"] == "open"
        await page.keyboard.press("b")
        await page.keyboard.press("1")
        await expect(page.locator("[data-reason=false_alarm]")).to_have_attribute("aria-checked", "true")
        await page.keyboard.type("anak-anak")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hero-address")).to_have_text(told["idle"])
        await expect(page.locator("#past-list .row-state")).to_have_text(
            told["state_cancelled_for"].format(reason=told["reason_false_alarm"])
        )
    (incident,) = desk.incidents()
    assert (incident["state"], incident["reason"]) == ("cancelled", "false_alarm")
    assert [note["text"] for note in incident["notes"]] == ["anak-anak"]


@in_browser
async def test_the_second_officer_is_told_who_was_first(desk: Desk) -> None:
    """Fault 38."""
    async with (
        browser() as running,
        console(running, desk, officer="petugas-1") as first,
        console(running, desk, officer="petugas-2", screen="Layar 2") as second,
        box(desk.alarm) as street,
    ):
        both = asyncio.Barrier(2)

        async def together(route: Route) -> None:
            await both.wait()  # neither hears of the other before it has pressed
            await route.continue_()

        await street.alarm(press_body())
        for page in (first, second):
            await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
            await page.route("**/accept", together)
        await asyncio.gather(first.keyboard.press("Space"), second.keyboard.press("Space"))
        await expect(first.locator("#hero")).to_have_attribute("data-state", "accepted")
        (incident,) = desk.incidents()
        loser = second if incident["officer"] == "Petugas 1" else first
        await expect(loser.locator("#hero-state")).to_contain_text(incident["officer"])
        await expect(loser.locator("#notice")).to_have_text(
            words()["fault_already_accepted"].format(officer=incident["officer"])
        )


@in_browser
async def test_an_answer_that_comes_late_does_not_undo_the_news(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
        held, recorded = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            answer = await route.fetch()
            held.set()
            await recorded.wait()
            await route.fulfill(response=answer)

        await page.route("**/accept", hold)
        await street.alarm(press_body())
        await expect(page.locator("#hero")).to_have_attribute("data-state", "open")
        await page.keyboard.press("Space")
        await held.wait()
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        (incident,) = desk.incidents()
        assert desk.post(f"/api/incidents/{incident['id']}/depart", {})[0] == 200
        await expect(page.locator("#hero")).to_have_attribute("data-state", "on_the_way")
        recorded.set()
        await expect(page.locator("#notice")).to_contain_text("Braga")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "on_the_way")


@in_browser
async def test_marks_and_scripts_are_text(desk: Desk) -> None:
    lock = sqlite3.connect(desk.ledger, isolation_level=None)
    script = "<img src=x onerror=alert(1)>"
    try:
        async with browser() as running, console(running, desk) as page, box(desk.alarm) as street:
            lock.execute("BEGIN IMMEDIATE")
            await street.alarm(press_body(clock="sundial"))
            await expect(page.locator("#hero-unrecorded")).to_have_text("BELUM TERCATAT")
            await expect(page.locator("#hero-incomplete")).to_have_text("TIDAK LENGKAP")
            await expect(page.locator("#health-ledger")).to_have_attribute("data-good", "false")
            lock.execute("ROLLBACK")
            await expect(page.locator("#hero-unrecorded")).to_be_hidden()
            await expect(page.locator("#story-list")).to_contain_text("tidak lengkap")
            _report(desk, caller=script, address=script, note=script)
            await expect(page.locator("#list .row-address")).to_have_text(script)
            await page.keyboard.press("ArrowDown")
            for part in ("address", "call-text", "caller-text"):
                await expect(page.locator(f"#hero-{part}")).to_have_text(script)
            await expect(page.locator("#story-list")).to_contain_text("Laporan dicatat Operator 112")
            assert await page.locator("main img[src=x]").count() == 0
            await shot(page, "console-call.png", aside=True)
    finally:
        lock.close()


@in_browser
async def test_what_i_accepted_stays_and_another_officers_takes_a_named_yes(desk: Desk) -> None:
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
            assert desk.post(f"/api/incidents/{incident['id']}/accept", {}, who="petugas-2")[0] == 200
        await expect(state).to_have_attribute("data-state", "accepted")
        await one.alarm(press_body())
        await expect(place).to_contain_text("Braga")
        await settle(page)
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
        await settle(page)
        await page.keyboard.press("t")
        await page.keyboard.press("Enter")
        await expect(place).not_to_contain_text("Braga")
        await settle(page)
        # Now only those of the other officer are left; enter and space mean no.
        for key in ("t", "r", "d"):
            await page.keyboard.press(key)
            if key == "t":
                await page.keyboard.press("Enter")
            await expect(page.locator("#sure-text")).to_contain_text("Petugas 2")
            await expect(page.locator("#sure-yes")).to_contain_text("Petugas 2")
            await page.keyboard.press("Enter")
            await expect(page.locator("#sure")).to_be_hidden()
        assert sorted(incident["state"] for incident in desk.incidents()) == ["accepted", "accepted", "closed"]
        await page.keyboard.press("t")
        await page.keyboard.press("Enter")
        await expect(page.locator("#sure")).to_be_visible()
        await shot(page, "console-foreign.png", aside=True)
        await settle(page)
        await page.keyboard.press("y")
        await expect(page.locator("#past-list li")).to_have_count(2)


@in_browser
async def test_what_is_being_written_is_not_lost_to_a_new_alarm_which_shows_large_all_the_same(desk: Desk) -> None:
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
        await page.keyboard.press("n")
        await page.keyboard.type("am")
        await two.alarm(press_body("box-2"))
        urgent = page.locator("#urgent")
        await expect(urgent).to_contain_text("Simpang Dago")
        await expect(page.locator("body")).to_have_attribute("data-siren", "alarm")
        size = await page.locator("#urgent-address").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        assert size >= 30
        await shot(page, "console-urgent.png", aside=True)
        # Letters that are commands elsewhere are letters here.
        await page.keyboard.type("an tabrd")
        await expect(page.locator("#note")).to_have_value("aman tabrd")
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        await page.keyboard.press("Escape")
        await expect(page.locator("#hero-address")).to_contain_text("Dago")
        await expect(urgent).to_be_hidden()
        await settle(page)
        await page.keyboard.press("Space")
        await expect(page.locator("#hero")).to_have_attribute("data-state", "accepted")
        # What was begun is there when the officer comes back to it.
        await page.locator("#list .row").click()
        await expect(page.locator("#hero-address")).to_contain_text("Braga")
        await page.keyboard.press("n")
        await expect(page.locator("#note")).to_have_value("aman tabrd")
    assert {incident["device"]: incident["state"] for incident in desk.incidents()} == {
        "box-1": "accepted",
        "box-2": "accepted",
    }


def _report(desk: Desk, **more: Any) -> None:
    body = {"key": "01890a5d-ac96-774b-bcce-b302099a8057", "origin": "call", "category": "accident", **more}
    assert desk.post("/api/incidents", body, who="operator-1")[0] == 200


def _entries(desk: Desk, wanted: set[str]) -> list[str]:
    """Return the kinds of the ledger's entries, once there is one of each of these."""
    deadline = time.monotonic() + 15
    while True:
        connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
        kinds = [json.loads(body)["kind"] for (body,) in connection.execute("SELECT body FROM entry ORDER BY rowid")]
        connection.close()
        if wanted <= set(kinds):
            return kinds
        assert time.monotonic() < deadline, kinds
        time.sleep(0.05)
