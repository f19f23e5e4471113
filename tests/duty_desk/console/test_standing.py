"""What an officer must know wherever they are: a bell that sounds, a drill that runs, what comes next; and strangers'
SMS for who heads the shift."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from contract import topics
from contract.bell import BellEvent, BellReport
from contract.messages import encode
from duty_desk.channels.contacts_file import ContactsFile
from duty_desk.channels.sms.spool import Came, Spool
from duty_desk.control import ask
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, console, in_browser, shot, words
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import words as page_words
from tests.warm import Warm

POLICY = """
[channels.sms]
modem = "/dev/siaga-modem"
[[escalation.policies]]
name = "kota lama"
devices = ["box-*"]
[[escalation.policies.steps]]
after_s = 0
rings = ["officer", "supervisor"]
[[escalation.policies.steps]]
after_s = 600
rings = ["supervisor"]
channels = ["sms"]
"""
DRILL = {"name": "Latihan <b>malam</b>", "steps": [{"at_s": 600, "device": "box-2", "button": "sos"}]}
ANSWERS = (("1", "accept"), ("2", "kept: nothing that is unanswered"))
STRANGER = "<img src=x onerror=\"document.title='x'\">Pak, ada banjir\u202e\x07 di Dago"


@pytest.fixture
def desk(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk with a policy and the channel of SMS, to which strangers wrote, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    running.config.write_text(running.config.read_text() + POLICY)
    contacts = ContactsFile(tmp_path / "data" / "contacts.db")
    contacts.set("pengawas-1", "sms", "+62 811 555 0110", time.time_ns())
    contacts.close()
    spool = Spool(tmp_path / "data" / "sms.db")
    for number, (text, verdict) in enumerate(
        ((STRANGER, "kept"), ("1", "accept"), ("2", "kept: nothing that is unanswered"))
    ):
        spool.settle(Came(number, "+6281155500", text), time.time_ns(), verdict)
    spool.close()
    running.start()
    yield running
    running.process.stop()


async def say(desk: Desk, **state: Any) -> None:
    """Let the bell in the duty room say how it is."""
    now_ns = time.time_ns()
    event = BellEvent(what="sounded", at_ns=now_ns - 60 * 10**9, why="press box-1/sos")
    report = BellReport(bell="bell", timestamp_ns=now_ns, events=[event], **state)
    async with connection(desk.alarm.service("bell"), "bell") as client:
        await client.publish(topics.bell("bell"), encode(report), qos=1)


async def stands(page: Page, told: dict[str, str]) -> None:
    """Check that a page tells of the bell and of the drill."""
    await expect(page.locator("#bells-title")).to_have_text(told["bells_sound"])
    await expect(page.locator("#bells-text")).to_contain_text(told["bell_why_press"].format(place="box-1/sos"))
    await expect(page.locator("#drill")).to_contain_text("Latihan <b>malam</b>")
    await expect(page.locator("#drill")).to_contain_text(told["drill_title"])


@in_browser
async def test_a_bell_a_drill_the_next_step_and_strangers_sms_are_told_where_they_are_needed(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk, officer="pengawas-1") as page,
        box(desk.alarm) as street,
    ):
        await expect(page.locator("#drill")).to_be_hidden()
        await expect(page.locator("#bells")).to_be_hidden()
        began = await asyncio.to_thread(ask, desk.folder / "data", {"drill": {"start": DRILL, "who": "Pengawas 1"}}, 10)
        assert began is not None
        assert began["runs"]
        await say(desk, sounding=True, reasons=["press box-1/sos"])
        await stands(page, page_words("duty"))
        await street.alarm(press_body())
        next_step = page.locator("#story-next")
        await expect(next_step).to_contain_text("SMS: Pengawas 1")
        await expect(next_step).to_contain_text(words()["rings_supervisor"])
        await expect(next_step).to_contain_text(re.compile(r"09:[0-5]\d"))
        assert await faults_of(page) == []
        await shot(page, "console-standing.png", aside=True)
        await page.locator("#language").click()
        await stands(page, page_words("duty", "en"))
        await expect(next_step).to_contain_text("Next at")
        for path in ("/call", "/upcoming", "/archive", "/triage", "/synthetic", "/duty"):
            await say(desk, sounding=True, reasons=["press box-1/sos"])  # again and again, as a bell does
            await page.goto(desk.url + path)
            await stands(page, page_words("duty", "en"))
        told = page_words("duty", "en")
        messages = page.locator("#inbox-list li")
        await expect(messages).to_have_count(2)
        await expect(messages.first).to_contain_text(told["why_nothing_unanswered"])
        await expect(messages.last).to_contain_text("Pak, ada banjir   di Dago")
        await expect(messages.last.locator("img")).to_have_count(0)
        await expect(messages.last).to_contain_text(told["why_no_answer"])
        assert await faults_of(page) == []
        await shot(page, "duty-standing.png", aside=True)
        await say(desk, sounding=False, silenced=True, reasons=["press box-1/sos"])
        await expect(page.locator("#bells-title")).to_have_text(told["bells_silenced"])
        await say(desk, sounding=False)
        await expect(page.locator("#bells")).to_be_hidden()
        for who, status in (("petugas-1", 403), ("tamu-1", 403), ("admin-1", 200)):
            assert desk.request("GET", "/api/inbox", who=who)[0] == status
        stop = {"drill": {"stop": True, "who": "Pengawas 1"}}
        assert await asyncio.to_thread(ask, desk.folder / "data", stop, 10) == {"runs": False}
        await expect(page.locator("#drill")).to_be_hidden()
