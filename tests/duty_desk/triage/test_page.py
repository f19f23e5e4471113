"""Triage on a real desk: what is told of a button, on the page, by the command, and that its next press rings."""

from __future__ import annotations

import json
import subprocess

import pytest
from playwright.async_api import expect

from contract.identity import new_event_id
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, in_browser
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import act, opened, shot, words

pytestmark = pytest.mark.slow


@in_browser
async def test_a_button_of_false_alarms_is_named_and_rings_as_any_other(desk: Desk) -> None:
    async with browser() as running, box(desk.alarm) as street:
        for _ in range(4):
            await street.alarm(press_body(event_id=new_event_id()))
            await street.receipt("stored")
            (incident,) = [each for each in desk.incidents() if each["state"] == "open"]
            assert incident["ringing"]
            assert incident["unanswered"] == 1
            act(desk, incident["id"], "cancel", reason="false_alarm")
        # The page reads the ledger once.
        await until(lambda: all(each["recorded"] for each in desk.incidents()), 15)
        async with opened(running, desk, "/triage", language="en") as page:
            card = page.locator(".button")
            await expect(card).to_have_count(1)
            await expect(card).to_contain_text("Braga")
            await expect(card.locator(".do")).to_have_text(words("triage", "en")["do_teach"])
            await expect(card.locator(".why li")).to_have_count(2)
            await expect(card.locator("tr").last).to_contain_text("0")
            assert await faults_of(page) == []
            assert words("triage", "en").keys() == words("triage").keys()
            await page.locator("#language").click()
            await expect(card.locator(".do")).to_have_text(words("triage")["do_teach"])
            await shot(page, "triage.png")
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0
        # The worst button of the city rings as ever.
        await street.alarm(press_body(event_id=new_event_id()))
        await street.receipt("ringing")
        (incident,) = [each for each in desk.incidents() if each["state"] == "open"]
        assert incident["ringing"]
    told = subprocess.run([*desk.command("triage"), "--json"], capture_output=True, text=True, timeout=30, check=True)
    (line,) = [json.loads(each) for each in told.stdout.splitlines()]
    assert (line["device"], line["action"], line["counts"][-1]["false_alarms"]) == ("box-1", "teach", 4)
    assert desk.request("GET", "/api/triage", who="tamu-1")[0] == 403
