"""The page of who is on duty, and the banner on every console, in a real Chromium on a real desk."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from duty_desk.duty.roster_file import day_names
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import DESK_SCREEN, PHONE, browser, console, in_browser
from tests.duty_desk.duty.rosters import HEAD, JAKARTA
from tests.duty_desk.pages.conftest import opened, shot


def today(ahead: int = 0) -> str:
    """Return the name of a day of the week, in Jakarta.

    In the last minute of a day, or of the hour before its last, it waits: what begins then would begin meanwhile.
    """
    now = datetime.now(JAKARTA)
    if now.hour >= 22 and now.minute == 59:
        time.sleep(60.5 - now.second)
    return day_names([(datetime.now(JAKARTA) + timedelta(ahead)).weekday()], english=False)


def put(desk: Desk, *lines: str) -> None:
    """Put a roster in force, whatever it is worth, as a whole, as the command does."""
    written = desk.folder / "roster.new"
    written.write_text(HEAD + "\n".join(lines) + "\n")
    written.replace(desk.folder / "data" / "roster.csv")


def told(desk: Desk, *what: str) -> list[tuple[str, str | None, str | None]]:
    """Return from the ledger what was written down of duty: what, whom it is about, detail."""
    return [(e["what"], text, e.get("detail")) for e, text in _entries(desk) if e["what"] in what]


def _began_ns(desk: Desk) -> int:
    """Return when the latest shift began, by the desk's clock."""
    return max(int(e["at_ns"]) for e, _ in _entries(desk) if e["what"] == "shift_began")


def _now(desk: Desk) -> list[tuple[str, bool]]:
    """Return who is on duty, and whether that was confirmed."""
    return [(each["name"], each["confirmed"]) for each in desk.get("/api/duty")["now"]]


def _entries(desk: Desk) -> list[tuple[dict[str, Any], str | None]]:
    connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT body, text FROM entry LEFT JOIN aside ON aside.sequence = entry.sequence AND field = 'subject' "
            "ORDER BY entry.sequence"
        ).fetchall()
    finally:
        connection.close()
    entries: list[tuple[dict[str, Any], str | None]] = [(json.loads(body), text) for body, text in rows]
    return [(e, text) for e, text in entries if e["kind"] == "duty"]


@in_browser
@pytest.mark.parametrize(("language", "size"), [("id", DESK_SCREEN), ("en", PHONE)], ids=["desk", "phone"])
async def test_the_incoming_officer_takes_over_by_name_with_one_key(desk: Desk, language: str, size: Any) -> None:
    put(
        desk,
        f"jaga;Piket;{today()};00:00;24:00;petugas-1",
        f"jaga;Piket;{today(1)};00:00;24:00;petugas-2",
        f"jaga;Pengawas;{today()};00:00;24:00;pengawas-1;pengawas",
    )
    async with browser() as running, box(desk.alarm) as street:
        # Pressed two days ago, on a box without a line: it is from before the shift.
        await street.alarm(press_body(age_ms=2 * 86_400_000))
        await street.receipt("stored")
        async with opened(running, desk, "/duty", who="petugas-1", language=language, size=size) as page:
            await expect(page.locator("#now-list .person")).to_have_count(2)
            await expect(page.locator("#now-list .person").first).to_have_attribute("data-confirmed", "false")
            await expect(page.locator("#take-list li")).to_have_count(1)
            await expect(page.locator("#take-list")).to_contain_text("Braga")
            await expect(page.locator("#next-list")).to_contain_text("Petugas 2")
            if language == "id":
                await shot(page, "duty-id.png")
            # The keys are for the page at once; that they are is marked for who came to it by them.
            await expect(page.locator("main")).to_be_focused()
            await expect(page.locator("main")).to_have_css("box-shadow", "none")
            await page.keyboard.press("Shift+Tab")
            await page.keyboard.press("Tab")
            await expect(page.locator("main")).to_be_focused()
            await expect(page.locator("main")).not_to_have_css("box-shadow", "none")
            await page.keyboard.press("t")
            await expect(page.locator("#take")).to_be_hidden()
            await expect(page.locator("#now-list .person").first).to_have_attribute("data-confirmed", "true")
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0
    (incident,) = desk.incidents()
    timeline = desk.get(f"/api/incidents/{incident['id']}/timeline")
    taken = [line for line in timeline["lines"] if line["kind"] == "duty"]
    assert [(line["what"], line["who"]) for line in taken] == [("incident_taken", "Petugas 1")]
    # Their shift begins at midnight, and they may come an hour before.
    soon = datetime.now(JAKARTA).hour == 23
    assert desk.post("/api/duty/take", {"incidents": []}, who="petugas-2")[0] == (204 if soon else 409)
    assert desk.post("/api/duty/take", {"incidents": []}, who="tamu-1")[0] == 403
    unknown = {"incidents": ["01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f"]}
    assert desk.post("/api/duty/take", unknown, who="petugas-1")[0] == 404


@in_browser
async def test_a_fault_of_duty_is_on_every_console_and_rings_until_it_is_seen(desk: Desk) -> None:
    put(desk, f"jaga;Piket;{today(3)};00:00;24:00;petugas-1")
    async with browser() as running, console(running, desk) as page:
        await expect(page.locator("#duty")).to_be_visible()
        await expect(page.locator("#duty-text")).to_contain_text("Tidak ada petugas")
        await expect(page.locator("body")).to_have_attribute("data-siren", "fault")
        await page.locator("#duty-seen").click()
        await expect(page.locator("body")).to_have_attribute("data-siren", "")
        await expect(page.locator("#duty")).to_be_visible()
        await expect(page.locator("#duty-seen")).to_be_hidden()
        health = desk.request("GET", "/healthz", who=None)[1]
        assert health["duty"] == ["nobody"]
        async with box(desk.alarm) as street:
            await street.alarm(press_body())
            await expect(page.locator("body")).to_have_attribute("data-siren", "alarm")
    await until(lambda: bool(told(desk, "fault_began")), 15)
    assert told(desk, "fault_began") == [("fault_began", None, "nobody")]


@pytest.mark.slow
async def test_a_desk_that_is_killed_begins_no_shift_twice_and_takes_over_a_roster_within_5_s(desk: Desk) -> None:
    put(desk, f"jaga;Piket;{today()};00:00;24:00;petugas-1")
    put_ns = time.time_ns()
    await until(lambda: bool(told(desk, "shift_began")), 15)
    assert _began_ns(desk) - put_ns < 5 * 10**9
    assert desk.post("/api/duty/confirm", {"channel": "console"}, who="petugas-1")[0] == 204
    await until(lambda: bool(told(desk, "channel_confirmed")), 15)
    desk.process.kill()
    desk.start()
    # The roster is there before the past is: one is read from a file, the other from the ledger.
    await until(lambda: _now(desk) == [("Petugas 1", True)], 15)
    put(desk, f"jaga;Piket;{today()};00:00;24:00;petugas-2")
    put_ns = time.time_ns()
    await until(lambda: len(told(desk, "shift_began")) == 2, 15)
    assert _began_ns(desk) - put_ns < 5 * 10**9
    assert told(desk, "shift_began", "shift_ended") == [
        ("shift_began", "petugas-1", "Piket"),
        ("shift_ended", "petugas-1", None),
        ("shift_began", "petugas-2", "Piket"),
    ]
