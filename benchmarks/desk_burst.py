"""`make bench-desk`, the burst: 1,000 alarms in a minute, each from a box of its own, and an officer at work meanwhile.

- None lost: each alarm got its `stored` receipt, and stands in the ledger once.
- Input latency: from the moment the browser took a key (the event's own time stamp) to the frame after it, by the
  page's clock. Most keys change nothing; each few seconds one accepts.
- On top: at each key the large place is asked what it shows. That must be the oldest alarm that nobody accepted, with
  its address inside the viewport and nothing over it, also after the officer turned the wheel.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

from benchmarks.desk_client import chromium, console
from benchmarks.desk_stage import OFFICERS, Stage, Street, street
from benchmarks.figures import Figure, keep_samples, percentile

ALARMS: Final = 1_000
SECONDS: Final = 60.0
INPUT_P99_MS: Final = 100.0
_BETWEEN_KEYS_S: Final = 0.2
_ACCEPT_EACH: Final = 10
_WHEEL_EACH: Final = 7
_STORED_TIMEOUT_S: Final = 60.0
_NEXT_TIMEOUT_S: Final = 5.0
_AFTER_ACCEPT_S: Final = 0.5
"""A key that comes sooner after the large place changed is not taken for it."""

WATCH_KEYS: Final = """
window.siagaKeys = [];
{
  const channel = new MessageChannel();
  const waiting = [];
  addEventListener("keydown", (event) => {
    waiting.push({ key: event.key, began: event.timeStamp });
    // The frame callback runs before its paint, the message after it.
    if (waiting.length === 1) requestAnimationFrame(() => channel.port2.postMessage(null));
  }, { capture: true });
  channel.port1.onmessage = () => {
    const ended = performance.now();
    for (const { key, began } of waiting.splice(0)) window.siagaKeys.push({ key, ms: ended - began });
  };
}
"""
TOP: Final = """() => {
  const hero = document.getElementById("hero");
  const address = document.getElementById("hero-address");
  const box = address.getBoundingClientRect();
  const inside = box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return { id: hero.dataset.incident ?? "", seen: inside && there !== null && hero.contains(there) };
}"""
"""Which incident stands large, and whether its address is in the viewport with nothing over it."""


@dataclass(slots=True)
class Watched:
    """What was seen of the page: keys with their ms, and what was wrong at each look at the large place."""

    keys: list[tuple[str, float]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of the alarms, and what the page showed meanwhile."""

    sent: int
    seconds: float
    no_receipt: int
    not_in_ledger: int
    watched: Watched
    behind_s: float


def figures(alarms: int = ALARMS, seconds: float = SECONDS) -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    burst = asyncio.run(_measure(alarms, seconds))
    watched = burst.watched
    keep_samples("desk_burst_keys", ("key", "ms"), [(key, f"{ms:.2f}") for key, ms in watched.keys])
    keep_samples("desk_burst_looks", ("wrong",), [(wrong,) for wrong in watched.looks])
    latencies = [ms for _, ms in watched.keys]
    accepts = [ms for key, ms in watched.keys if key == " "]
    wrong = [look for look in watched.looks if look]
    for look in sorted(set(wrong)):
        print(f"the large place: {look}: {wrong.count(look)} times", flush=True)
    return [
        Figure(f"{burst.sent} alarms in {burst.seconds:.0f} s: without receipt", burst.no_receipt, 0, "", digits=0),
        Figure(f"{burst.sent} alarms: not in the ledger", burst.not_in_ledger, 0, "", digits=0),
        Figure(f"input to paint meanwhile, p99 of {len(latencies)}", percentile(latencies, 0.99), INPUT_P99_MS, "ms"),
        Figure("input to paint meanwhile, p50", percentile(latencies, 0.50), None, "ms"),
        Figure("input to paint meanwhile, slowest", max(latencies), None, "ms"),
        Figure(f"an accept to paint, p99 of {len(accepts)}", percentile(accepts, 0.99), None, "ms"),
        Figure(f"oldest unaccepted not on top and seen, of {len(watched.looks)} looks", len(wrong), 0, "", digits=0),
        Figure("last alarm to last receipt", burst.behind_s, None, "s", digits=2),
    ]


async def _measure(alarms: int, seconds: float) -> Burst:
    with Stage(boxes=1) as stage:
        async with (
            street(stage.stack.alarm_broker) as boxes,
            chromium() as running,
            console(running, stage, OFFICERS[0]) as page,
        ):
            await page.evaluate(WATCH_KEYS)
            sent = [await boxes.press("burst-first")]
            began_s = time.monotonic()
            sender = asyncio.create_task(send(boxes, alarms - 1, seconds, sent), name="burst-send")
            watched = await watch(page, boxes, sent, sender)
            await sender
            ended_s = time.monotonic()
            no_receipt = await boxes.all_stored(sent, _STORED_TIMEOUT_S)
            behind_s = time.monotonic() - ended_s
            await look(page, boxes, sent, watched)
            keys: list[dict[str, Any]] = await page.evaluate("window.siagaKeys")
            watched.keys = [(one["key"], one["ms"]) for one in keys]
        missing = len(sent) - len(pressed_in(stage.ledger, sent))
    return Burst(len(sent), ended_s - began_s, no_receipt, missing, watched, behind_s)


async def send(boxes: Street, alarms: int, seconds: float, sent: list[str]) -> None:
    """Press a button of each of so many boxes, at moments drawn from a seed and spread over the time."""
    draw = random.Random(1)
    began_s = time.monotonic()
    for number, due_s in enumerate(sorted(draw.uniform(0, seconds) for _ in range(alarms))):
        await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
        sent.append(await boxes.press(f"burst-{number}"))


async def watch(page: Page, boxes: Street, sent: Sequence[str], sender: asyncio.Task[None]) -> Watched:
    """Press keys and look at the large place until the sender is done."""
    watched = Watched()
    await _wait_for_top(page, await boxes.incident(sent[0]))
    number = 0
    while not sender.done():
        await asyncio.sleep(_BETWEEN_KEYS_S)
        number += 1
        if number % _WHEEL_EACH == 0:
            await page.mouse.move(400, 400)
            await page.mouse.wheel(0, 2_000)
        if number % _ACCEPT_EACH == 0 and watched.accepted + 1 < len(sent):
            await _accept(page, boxes, sent, watched)
        else:
            await page.keyboard.press("Shift")
        await look(page, boxes, sent, watched)
    return watched


async def _accept(page: Page, boxes: Street, sent: Sequence[str], watched: Watched) -> None:
    await asyncio.sleep(_AFTER_ACCEPT_S)
    await page.keyboard.press("Space")
    watched.accepted += 1
    await _wait_for_top(page, await boxes.incident(sent[watched.accepted]))


async def _wait_for_top(page: Page, incident_id: str) -> None:
    """Wait until an incident stands large, for as long as the officer would bear; what does not is told by the look."""
    deadline = time.monotonic() + _NEXT_TIMEOUT_S
    while (await page.evaluate(TOP))["id"] != incident_id:
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.02)


async def look(page: Page, boxes: Street, sent: Sequence[str], watched: Watched) -> None:
    """Note whether the oldest unaccepted alarm stands on top and can be seen."""
    top = await page.evaluate(TOP)
    oldest = await boxes.incident(sent[watched.accepted])
    wrong = "" if top["id"] == oldest else "another incident stands there"
    if not wrong and not top["seen"]:
        wrong = "the address is out of sight"
    watched.looks.append(wrong)


def pressed_in(ledger: Path, events: Sequence[str]) -> list[str]:
    """Return those presses that stand in a ledger exactly once."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM entry ORDER BY sequence")]
    finally:
        connection.close()
    keys = [body["alarm"]["key"] for body in bodies if body["kind"] == "press"]
    return [event for event in events if keys.count(event) == 1]
