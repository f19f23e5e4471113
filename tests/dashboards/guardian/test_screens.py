"""Real Chromium before a stand-in for Grafana: each thing that freezes is named for what it is, within 30 s."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.async_api import Browser, Page

from dashboards.guardian.judge import RELOAD_PAUSE_S
from siaga.stack.influxdb import InfluxDB
from tests.dashboards.guardian.grafana import stand_in
from tests.dashboards.server.conftest import Walls, chromium, walls

_BOARDS = {1: "alarms", 2: "vehicles", 3: "fleet", 4: "alarm_path", 5: "traffic", 6: "weather"}
PLAN = 'language = "id"\nsource = "grafana"\n' + "".join(
    f'[[screens]]\nnumber = {number}\nshow = [{{ dashboard = "siaga_{name}" }}]\n'
    f"takeover = {str(number == 1).lower()}\n" + ('source = "board"\n' if number == 6 else "")
    for number, name in _BOARDS.items()
)
NAMED_WITHIN_S = 30.0
STILL = "for (let timer = 0; timer < 10_000; timer++) clearInterval(timer)"
"""Stops everything that a frame does by itself."""


async def opened(browser: Browser, running: Walls, number: int) -> Page:
    """Return a screen's page, in a context, and so a process, of its own."""
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{running.url}/wall/{number}?kiosk")
    return page


async def told(running: Walls) -> dict[str, Any]:
    """Return how the screens are."""
    found: dict[str, Any] = await running.get("/api/screens")
    return found


async def named(running: Walls, expected: Mapping[int, tuple[str, str]], within_s: float) -> dict[int, float]:
    """Wait until each screen has its state and reason; return after how many s."""
    began_s = time.monotonic()
    took: dict[int, float] = {}
    found: dict[str, Any] = {}
    while time.monotonic() - began_s < within_s:
        found = await told(running)
        for number, (state, reason) in expected.items():
            one = found.get(str(number), {"state": "", "reasons": []})
            if number not in took and one["state"] == state and (not reason or reason in one["reasons"]):
                took[number] = time.monotonic() - began_s
        if len(took) == len(expected):
            return took
        await asyncio.sleep(0.25)
    raise AssertionError(f"not named: {expected.keys() - took.keys()}; {found}")


@pytest.mark.slow
async def test_each_thing_that_freezes_is_named_for_what_it_is(
    tmp_path: Path, city_server: InfluxDB, record_property: Any
) -> None:
    async with AsyncExitStack() as stack:
        grafana = await stack.enter_async_context(stand_in())
        running = await stack.enter_async_context(
            walls(tmp_path, city_server, plan=PLAN, more=f'[grafana]\nurl = "{grafana.url}"\n')
        )
        browser = await stack.enter_async_context(chromium())
        others = set(psutil.Process().children(recursive=True))
        stopped = await stack.enter_async_context(chromium())
        pages = {number: await opened(browser, running, number) for number in (1, 2, 3, 5, 6)}

        pages[4] = await opened(stopped, running, 4)
        await named(running, dict.fromkeys(pages, ("good", "")), 40)

        began_s = time.monotonic()
        frames = {number: page.frames[1] for number, page in pages.items() if number != 6}
        await frames[1].evaluate(STILL)
        grafana.hangs.add("siaga_vehicles_id")
        grafana.logged_out.add("siaga_fleet_id")
        hung = asyncio.create_task(frames[5].evaluate("for (;;);"))
        ours = set(psutil.Process().children(recursive=True)) - others - _below(others)
        processes = [process for process in ours if process.name().startswith("chrom")]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            took = await named(
                running,
                {
                    1: ("frozen", "frame_still"),
                    2: ("stale", "no_answer"),
                    3: ("logged_out", "log_in_form"),
                    4: ("gone", "silent"),
                    5: ("frozen", "page_hangs"),
                },
                NAMED_WITHIN_S,
            )
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)
            hung.cancel()
        record_property("told", "named after " + ", ".join(f"{n}: {s:.1f} s" for n, s in sorted(took.items())))
        # Of the others' faults nothing is over yet.
        await named(running, {3: ("logged_out", "log_in_form"), 6: ("good", "")}, NAMED_WITHIN_S)
        text, overview = await asyncio.gather(_metrics(running), running.get("/api/wall"))
        assert 'siaga_wall_screen_state{screen="3",state="logged_out"} 1' in text
        assert 'siaga_wall_screen_state{screen="3",state="good"} 0' in text
        assert overview["screens"][2]["fault"]["state"] == "logged_out"

        # What is repaired comes back by itself: the guardian told the frozen one to load anew.
        for wrong in (grafana.hangs, grafana.logged_out):
            wrong.clear()
        await named(running, dict.fromkeys((1, 4), ("good", "")), 40)
        pauses = (time.monotonic() - began_s) // RELOAD_PAUSE_S
        assert 1 <= (await told(running))["1"]["reloads"] <= 1 + pauses, "once, and again only after a pause"


def _below(processes: set[psutil.Process]) -> set[psutil.Process]:
    """Return all that these have started, and what those have."""
    return {child for process in processes for child in process.children(recursive=True)}


async def _metrics(running: Walls) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{running.url}/metrics")).text
