"""A test press on a real desk, two real brokers and a real box: by the command, on the page, seen by no officer."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from contract.identity import new_event_id
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.console.browser import browser, in_browser
from tests.duty_desk.console.test_accessible import faults_of
from tests.duty_desk.pages.conftest import opened, shot, words
from tests.edge_agent.commands.stand import Stand
from tests.warm import Warm

pytestmark = pytest.mark.slow


@pytest.fixture
def stand(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> Stand:
    """Return a box, not started yet."""
    return Stand(tmp_path, {"alarm": alarm_broker, "telemetry": telemetry_broker})


@pytest.fixture
def desk(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, stand: Stand, warm: Warm
) -> Iterator[Desk]:
    """Yield a desk that commands it, asks for no test by itself, and knows a box that was never there."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    text = running.config.read_text()
    running.config.write_text(f'command_key = "{stand.private}"\n{text}[synthetic]\neach_s = 0\n')
    with (tmp_path / "inventory.toml").open("a") as inventory:
        inventory.write('[[devices]]\nname = "box-4"\nlabel = "Kotak Pasteur"\n')
    running.start()
    yield running
    running.process.stop()


def by_hand(desk: Desk, *options: str) -> tuple[int, str]:
    """Return exit status and words of the command."""
    command = [*desk.command("synthetic", "press"), "--lang", "en", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


@in_browser
async def test_a_box_presses_as_it_is_told_each_hop_is_seen_and_no_officer_sees_it(desk: Desk, stand: Stand) -> None:
    assert by_hand(desk, "--box", "box-9")[0] == 1
    async with stand.board, box(desk.alarm, "box-2") as street, browser() as running:
        stand.agent.start()
        try:
            status, told = 1, "clock not trusted"
            async with asyncio.timeout(60):
                # Its clock comes with the first state of its lamps, and what it was told late it presses late.
                while status and any(each in told for each in ("clock not trusted", "BROKEN", "test too soon")):
                    status, told = await asyncio.to_thread(by_hand, desk, "--box", "box-1")
        finally:
            await asyncio.to_thread(stand.agent.stop)
        assert status == 0, told
        assert "box-1/sos: good" in told
        for hop in ("the box answered", "by the alarm broker", "by the telemetry broker", "stored", "has its receipt"):
            assert hop in told
        event_id = new_event_id()
        await street.alarm(press_body("box-2", event_id=event_id, cause="synthetic", status="Test"))
        await street.receipt("stored", event_id=event_id)
        assert desk.incidents() == []
        view = desk.get("/api/synthetic")
        hops = {one["hop"]: one for one in view["hops"]}
        assert all(one["count"] >= 1 and one["broken_since_ms"] is None for one in hops.values())
        assert hops["alarm"]["p50_ms"] < 2_900 < hops["telemetry"]["p50_ms"], "the other lane begins 3 s later"
        assert {one["device"]: (one["outcome"], one["by"]) for one in view["boxes"]} == {
            "box-1": ("good", "person"),
            "box-2": ("arrived", "box"),
            "box-3": (None, None),
        }
        assert view["shares"][1]["in_time"] >= 1
        assert desk.get("/healthz")["synthetic"] == []
        async with opened(running, desk, "/synthetic", language="en") as page:
            await expect(page.locator("#boxes tr")).to_have_count(4)
            await expect(page.locator("#boxes")).to_contain_text(words("synthetic", "en")["outcome_good"])
            await expect(page.locator("#hops tr")).to_have_count(6)
            # What never connected is told apart from what is to be mended.
            await expect(page.locator("#never-count")).to_have_text(re.compile(r"never connected: 1$"))
            await expect(page.locator("#never-names")).to_have_text("Kotak Pasteur (box-4)")
            await expect(page.locator("#troubles")).not_to_contain_text("box-4")
            assert await faults_of(page) == []
            await page.locator("#language").click()
            await expect(page.locator("#hops")).to_contain_text(words("synthetic")["hop_alarm"])
            await shot(page, "synthetic.png")
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.long
async def test_a_box_that_freezes_is_shown_within_20_s_and_a_frozen_broker_is_named_within_60_s(
    desk: Desk, stand: Stand
) -> None:
    desk.process.stop()
    desk.config.write_text(desk.config.read_text().replace("each_s = 0", "each_s = 30"))
    desk.start()
    took = {}
    async with stand.board:
        stand.agent.start()
        try:
            await until(lambda: bool(desk.get("/api/synthetic")["shares"][0]["in_time"] > 0), 60)
            # Right after a test is the worst moment for the next one to name what breaks.
            os.kill(desk.telemetry.pid, signal.SIGSTOP)
            began_s = time.monotonic()
            try:
                await until(lambda: desk.get("/healthz")["synthetic"] == ["telemetry"], 90)
                took["hop named"] = time.monotonic() - began_s
            finally:
                os.kill(desk.telemetry.pid, signal.SIGCONT)
            await until(lambda: desk.get("/healthz")["synthetic"] == [], 90)
            os.kill(stand.agent.pid, signal.SIGSTOP)
            began_s = time.monotonic()
            try:
                await until(lambda: bool(desk.get("/healthz")["unreachable"] == 3), 40)
                took["box frozen"] = time.monotonic() - began_s
            finally:
                os.kill(stand.agent.pid, signal.SIGCONT)
        finally:
            await asyncio.to_thread(stand.agent.stop)
    print(took)
    assert took["hop named"] < 60
    assert took["box frozen"] < 20
