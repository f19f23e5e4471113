"""A real desk that pages a real phone's service: what the ledger has of it, a kill in between, and the page of it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from contract.identity import new_event_id
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.access.conftest import until
from tests.duty_desk.channels.push_service import PushService, push_service
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import DESK_SCREEN, PHONE, browser, in_browser
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import opened, shot
from tests.warm import Warm

pytestmark = pytest.mark.slow

POLICY = """
[[escalation.policies]]
name = "kota lama"
devices = ["box-*"]
[[escalation.policies.steps]]
after_s = 0
rings = ["officer"]
channels = ["push"]
repeat_s = 15
[[escalation.policies.steps]]
after_s = 600
rings = ["supervisor"]
channels = ["push"]
"""


NO_LOOKS = """{
const each = setInterval;
window.setInterval = (does, ms) => (ms === 5000 ? (window.goOn = () => each(does, ms)) : each(does, ms));
}"""
"""Keeps the page from looking by itself each 5 s, until `goOn()`."""


@pytest.fixture
def waiting(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk that is not started yet; it is stopped at the end."""
    made = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    yield made
    if made.process.running:
        made.process.stop()


def begin(desk: Desk, service: PushService) -> None:
    """Start the desk with a policy of its own and the tests' push service."""
    with desk.config.open("a") as file:
        file.write(f'{POLICY}\n[channels.push]\nservices = ["{service.origin}"]\n')
    desk.start()


async def phone(desk: Desk, service: PushService, who: str = "petugas-1") -> Any:
    """Turn a phone on; return its browser."""
    made = service.browser()
    status, answer = await asyncio.to_thread(
        desk.post, "/api/push/subscribe", service.subscription(made) | {"language": "id"}, who=who
    )
    assert status == 200, answer
    return made


async def press(desk: Desk, button: str = "sos") -> str:
    """Let a button be pressed, whose press is in the ledger then; return the incident."""
    async with box(desk.alarm) as street:
        await street.alarm(press_body(button=button, event_id=(event_id := new_event_id())))
        incident: str = (await street.receipt("stored", event_id=event_id))["incident_id"]
    return incident


def pages_to(desk: Desk, who: str) -> list[dict[str, Any]]:
    """Return what the ledger has of pages about incidents to an account."""
    connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT body, text FROM entry LEFT JOIN aside ON aside.sequence = entry.sequence ORDER BY entry.sequence"
        ).fetchall()
    finally:
        connection.close()
    found = [json.loads(body) | {"name": text} for body, text in rows]
    return [each for each in found if each["kind"] == "page" and "incident_id" in each and each["name"] == who]


async def test_fault_34_killed_after_a_page_it_sends_it_not_again_but_its_repeat_at_its_time(waiting: Desk) -> None:
    desk = waiting
    async with push_service() as service:
        begin(desk, service)
        mine = await phone(desk, service)
        incident = await press(desk)
        came = await service.wait(mine)
        assert came.note["incident"] == incident
        await until(lambda: [each["outcome"] for each in pages_to(desk, "petugas-1")] == ["handed"], 15)
        desk.process.kill()
        desk.start()
        (told,) = desk.get("/api/upcoming")["incidents"]
        assert told["policy"] == "kota lama"
        assert [step["reached"] for step in told["steps"]] == [True, False]
        (first, *_) = [each for each in told["steps"][0]["tried"] if each["who"] == "Petugas 1"]
        assert (first["channel"], first["outcome"], first["round"]) == ("push", "handed", 0)
        await asyncio.sleep(3)
        assert len(mine.came) == 1
        await service.wait(mine, 2, timeout_s=20)
        await until(lambda: len(pages_to(desk, "petugas-1")) == 2, 15)
        before, found = pages_to(desk, "petugas-1")
        # By the desk's clock, from when the one was taken to when the other was.
        assert 14 < (found["at_ns"] - before["at_ns"]) / 1e9 < 18
        assert found["round"] == 1
        assert (found["outcome"], found["step"], found["channel"]) == ("handed", 0, "push")
        assert desk.post(f"/api/incidents/{incident}/accept", {})[0] == 200
        assert desk.get("/api/upcoming")["incidents"] == []
        (channel,) = desk.get("/api/channels")["channels"]
        assert (channel["name"], channel["fault"]) == ("push", None)
        assert channel["worked_ms"] is not None
        assert desk.get("/healthz")["channels"] == {}


@in_browser
@pytest.mark.parametrize("dark", [True, False], ids=["desk", "phone"])
async def test_the_page_counts_down_tells_what_was_tried_and_goes_by_keys(waiting: Desk, dark: bool) -> None:
    desk = waiting
    async with push_service() as service, browser() as running:
        begin(desk, service)
        await phone(desk, service)
        language, size = ("id", DESK_SCREEN) if dark else ("en", PHONE)
        async with opened(running, desk, "/upcoming", who="petugas-1", language=language, dark=dark, size=size) as page:
            await page.add_init_script(NO_LOOKS)
            await page.reload()
            await expect(page.locator("#none")).to_be_visible()
            await expect(page.locator(".channel")).to_have_attribute("data-good", "false")
            # An untested channel is listed as such, in red.
            untested = page.locator(".channel p[data-good=false]")
            await expect(untested).to_have_text("belum teruji dalam 24 jam" if dark else "not tested within 24 hours")
            await expect(untested).to_have_css("color", "rgb(255, 140, 144)" if dark else "rgb(163, 16, 26)")
            incident = await press(desk)
            # By the stream, not by looking again and again.
            await expect(page.locator(".waiting")).to_have_count(1)
            tried = page.locator(".tried li[data-outcome=handed]")
            await expect(tried).to_contain_text("Petugas 1")
            await expect(page.locator(".channel")).to_have_attribute("data-good", "true")
            await page.evaluate("goOn()")
            await expect(page.locator(".waiting h3")).to_contain_text("Jl. Braga 10")
            await expect(page.locator(".steps li[data-state=next] .when small")).to_contain_text(re.compile(r"9:\d\d"))
            await expect(page.locator("[data-again]")).to_contain_text(re.compile(r"0:[01]\d"))
            if dark:
                # No console is open: the first step lets nobody's screen ring, and that is said.
                silent = page.locator(".steps [data-nobody=true]").first
                await expect(silent).to_contain_text("layar petugas (tidak ada yang siap)")
            assert await faults_of(page) == []
            await shot(page, "upcoming.png" if dark else "upcoming-phone-light.png")
            async with _late_answer(page, desk, incident):
                await press(desk, "sos-2")
                await expect(page.locator(".waiting")).to_have_count(2)
            assert await page.locator(".waiting").count() == 2
            await _by_keys(page, desk, incident)


@asynccontextmanager
async def _late_answer(page: Page, desk: Desk, incident: str) -> AsyncIterator[None]:
    """Let an answer of before come to the page only after what happens within."""
    held: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        if held.done():
            await route.continue_()
            return
        answer = await route.fetch()
        if not held.done():
            held.set_result(route.request)
        await late.wait()
        await route.fulfill(response=answer)

    await page.route("**/api/upcoming", hold)
    assert desk.post(f"/api/incidents/{incident}/note", {"note": "lihat"})[0] == 200
    await held
    yield
    async with page.expect_event("requestfinished", lambda request: request == held.result()):
        late.set()
    await page.unroute("**/api/upcoming")
    await page.wait_for_timeout(50)  # for what the page would make of it


async def _by_keys(page: Page, desk: Desk, incident: str) -> None:
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".waiting h3 a").nth(1)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    link = page.locator(".waiting h3 a").first
    await expect(link).to_be_focused()
    assert await link.get_attribute("href") == f"/?incident={incident}"
    # The focus stays where it is when what is around it changes.
    desk.post(f"/api/incidents/{desk.incidents()[-1]['id']}/accept", {})
    await expect(page.locator(".waiting")).to_have_count(1)
    await page.locator("#language").click()
    await expect(page.locator("#waiting-title")).to_have_text(
        "Not answered yet" if await _is(page, "en") else "Belum dijawab"
    )
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(f"{desk.url}/")


async def _is(page: Page, language: str) -> bool:
    lang: str = await page.evaluate("document.documentElement.lang")
    return lang == language
