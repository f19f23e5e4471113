"""More alarms than people: the small form of what `make bench-desk` measures in a minute."""

from __future__ import annotations

import asyncio

from benchmarks.desk_burst import WATCH_KEYS, look, pressed_in, send, watch
from benchmarks.desk_stage import street
from benchmarks.figures import percentile
from tests.duty_desk.conftest import Desk
from tests.duty_desk.console.browser import browser, console, in_browser

ALARMS = 100
SECONDS = 3.0
INPUT_MS = 1_000.0
"""Ten times the target: other tests run on the same processors; `make bench-desk` holds the target itself."""


@in_browser
async def test_a_hundred_alarms_in_three_seconds_none_is_lost_and_the_oldest_stays_on_top(desk: Desk) -> None:
    async with street(desk.alarm) as boxes, browser() as running, console(running, desk) as page:
        await page.evaluate(WATCH_KEYS)
        sent = [await boxes.press("burst-first")]
        sender = asyncio.create_task(send(boxes, ALARMS - 1, SECONDS, sent), name="burst-send")
        watched = await watch(page, boxes, sent, sender)
        await sender
        assert await boxes.all_stored(sent, 20.0) == 0
        await look(page, boxes, sent, watched)
        latencies = [one["ms"] for one in await page.evaluate("window.siagaKeys")]
    assert len(set(pressed_in(desk.ledger, sent))) == ALARMS
    assert watched.looks
    assert [wrong for wrong in watched.looks if wrong] == []
    assert percentile(latencies, 0.99) < INPUT_MS
