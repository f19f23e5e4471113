"""A siren that would be silent is on every console before it is needed, and a desk that should not be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from contract import topics
from contract.messages import Heartbeat, encode
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.duty_desk.console.browser import browser, console, in_browser, words
from tests.warm import Warm


@pytest.fixture
def desk(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk that is to sound a siren and has no key for it, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    running.config.write_text(f'{running.config.read_text()}[escalation]\nsirens = ["box-1"]\n')
    running.start()
    yield running
    running.process.stop()


@in_browser
async def test_a_desk_without_a_command_key_says_what_to_do_in_both_languages(desk: Desk) -> None:
    async with browser() as running, console(running, desk) as page:
        for language in ("id", "en"):
            told = words(language)
            await expect(page.locator("#sirens")).to_be_visible()
            await expect(page.locator("#sirens")).to_contain_text(told["sirens_title"])
            await expect(page.locator("#sirens-text")).to_contain_text(told["sirens_no_key"])
            await expect(page.locator("#sirens-text")).to_contain_text('desk.toml: command_key = "desk.key"')
            await page.locator("#language").click()
    assert desk.get("/healthz")["sirens"] == 1


@in_browser
async def test_a_desk_that_should_not_be_there_is_on_the_page_in_both_languages(desk: Desk) -> None:
    async with (
        browser() as running,
        console(running, desk) as page,
        connection(desk.alarm.probe(), "other-desk") as other,
    ):
        await expect(page.locator("#desks")).to_be_hidden()
        for stamp in range(3):
            beat = Heartbeat(desk="desk", timestamp_ns=stamp, open_incidents=0, recording=True)
            await other.publish(topics.HEARTBEAT, encode(beat), qos=1)
        for language in ("id", "en"):
            await expect(page.locator("#desks")).to_contain_text(words(language)["desks_title"])
            await expect(page.locator("#desks-text")).to_contain_text("meja piket lain dengan nama ini berjalan")
            await expect(page.locator("#desks-text")).to_contain_text("another desk with this name runs")
            await page.locator("#language").click()
    assert desk.get("/healthz")["desks"] == 1
