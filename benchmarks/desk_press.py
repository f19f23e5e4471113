"""`make bench-desk`, the press: from a button's edge to an officer's eyes with a city around it.

A press's time is from the edge as the simulated board stamps it (CLOCK_MONOTONIC) to the page's own callback after the
paint. Beside it: incidents that stay open, and the telemetry of a city's boxes into the store. Each press opens an
incident of its own, which is accepted and closed before the next. The page's clock is held against this machine's at
the beginning and at the end of each run.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Page

from benchmarks.desk_client import Officer, chromium, console
from benchmarks.desk_stage import OFFICERS, Stage, street
from benchmarks.figures import Figure, keep_samples, percentile
from simulator.control import BoardControl
from simulator.layout import board_path

PRESSES: Final = 200
BOXES: Final = 8
"""A box holds a press back whose button was pressed 32 times within a minute: each is pressed seldom enough."""
OPEN: Final = 50
SESSIONS: Final = 300
READINGS: Final = 10
"""A second, of each session."""
P50_MS: Final = 60.0
P99_MS: Final = 100.0
_PAINT_TIMEOUT_S: Final = 10.0
_SETTLE_S: Final = 3.0
_WARM_UP: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One press: where, and after how many ms the desk had received it and the page had painted it."""

    box: str
    received_ms: float
    painted_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """All presses of one run, with how sure the page's clock is, in ms, and the readings stored a second meanwhile."""

    map: str
    samples: list[Sample]
    error_ms: float
    moved_ms: float
    stored_per_s: float


def figures(presses: int = PRESSES) -> list[Figure]:
    """Measure with the map hidden, then drawn, keep the samples and return the figures."""
    runs = asyncio.run(_measure(presses))
    keep_samples(
        "desk_press",
        ("map", "box", "edge_to_desk_ms", "edge_to_paint_ms"),
        [(r.map, s.box, f"{s.received_ms:.2f}", f"{s.painted_ms:.2f}") for r in runs for s in r.samples],
    )
    return [figure for run in runs for figure in _figures(run)]


def _figures(run: Run) -> list[Figure]:
    painted = [sample.painted_ms for sample in run.samples]
    received = [sample.received_ms for sample in run.samples]
    what = f"map {run.map}"
    # WebGL is drawn by the processor where there is no graphics card, so the drawn map is shown and not judged.
    p50_ms, p99_ms = (P50_MS, P99_MS) if run.map == "hidden" else (None, None)
    return [
        Figure(f"press to paint, {what}, p50 of {len(painted)}", percentile(painted, 0.50), p50_ms, "ms"),
        Figure(f"press to paint, {what}, p99", percentile(painted, 0.99), p99_ms, "ms"),
        Figure(f"press to paint, {what}, slowest", max(painted), None, "ms"),
        Figure(f"press to desk, {what}, p50 (to the ms)", percentile(received, 0.50), None, "ms"),
        Figure(f"press to desk, {what}, p99 (to the ms)", percentile(received, 0.99), None, "ms"),
        Figure(f"page's clock, {what}: uncertainty and move", run.error_ms + run.moved_ms, None, "ms"),
        Figure(f"readings stored, {what}", run.stored_per_s, 0.95 * SESSIONS * READINGS, "/s", at_least=True, digits=0),
    ]


async def _measure(presses: int) -> list[Run]:
    with Stage(BOXES) as stage:
        async with street(stage.stack.alarm_broker) as alarms:
            events = [await alarms.press(f"open-{number}") for number in range(OPEN)]
            missing = await alarms.all_stored(events, 30.0)
            if missing:
                raise SystemExit(f"{missing} of {OPEN} presses got no receipt")
        with stage.city(SESSIONS, READINGS) as city:
            runs = [await _run(stage, presses, drawn=drawn) for drawn in (False, True)]
        if city.lost or city.sent != city.acknowledged:
            print(f"city: {city}", flush=True)
    return runs


async def _run(stage: Stage, presses: int, *, drawn: bool) -> Run:
    async with (
        chromium(webgl=drawn) as running,
        console(running, stage, OFFICERS[0], city_map=drawn) as page,
        Officer(stage, OFFICERS[1], "Layar 2") as officer,
    ):
        await asyncio.sleep(_SETTLE_S)
        await _press_all(stage, page, officer, _WARM_UP)
        before_ms, error_ms = await clock_difference(page)
        began_s, began = time.monotonic(), stage.stored()
        samples = await _press_all(stage, page, officer, presses)
        stored_per_s = (stage.stored() - began) / (time.monotonic() - began_s)
        after_ms, _ = await clock_difference(page)
    # The page's clock may be off by a constant; what is left is how far it moved during the run.
    samples = [Sample(s.box, s.received_ms, s.painted_ms - (before_ms + after_ms) / 2) for s in samples]
    return Run("drawn" if drawn else "hidden", samples, error_ms, abs(after_ms - before_ms), stored_per_s)


async def _press_all(stage: Stage, page: Page, officer: Officer, presses: int) -> list[Sample]:
    draw = random.Random(1)
    samples: list[Sample] = []
    for number in range(presses):
        box = stage.stack.boxes[number % len(stage.stack.boxes)]
        await asyncio.sleep(0.05 + 0.2 * draw.random())
        samples.append(await _press_once(stage, page, officer, box))
        if (number + 1) % 50 == 0:
            print(f"{number + 1} of {presses} presses", flush=True)
    return samples


async def _press_once(stage: Stage, page: Page, officer: Officer, box: str) -> Sample:
    known = await page.evaluate("window.siagaPainted.length")
    with BoardControl(board_path(stage.stack.hardware, box)) as board:
        pressed_ns = board.press(hold_ms=20).timestamp_ns
    pressed_ms = (time.time_ns() - time.monotonic_ns() + pressed_ns) / 1e6
    # Nothing is asked of the page until it had time to paint.
    await asyncio.sleep(0.1)
    painted = await _wait_for_paint(page, known)
    incident = next(one for one in await officer.incidents() if one["id"] == painted["incident"])
    if incident["device"] != box:
        raise SystemExit(f"{box} was pressed, and the page painted {incident['device']}")
    row = next(row for row in incident["rows"] if row["key"] == painted["key"])
    await officer.must(incident["id"], "accept")
    await officer.must(incident["id"], "close")
    return Sample(box, row["received_at_ms"] - pressed_ms, painted["time_ms"] - pressed_ms)


async def _wait_for_paint(page: Page, known: int) -> dict[str, Any]:
    deadline = time.monotonic() + _PAINT_TIMEOUT_S
    while True:
        painted: list[dict[str, Any]] = await page.evaluate(f"window.siagaPainted.slice({known})")
        if painted:
            return painted[-1]
        if time.monotonic() > deadline:
            raise SystemExit(f"a press was not painted within {_PAINT_TIMEOUT_S:g} s")
        await asyncio.sleep(0.05)


async def clock_difference(page: Page) -> tuple[float, float]:
    """Return how far the page's clock is ahead of this machine's in ms, and how far that may be wrong."""
    best = (0.0, float("inf"))
    for _ in range(50):
        began_ns = time.time_ns()
        there_ms: float = await page.evaluate("performance.timeOrigin + performance.now()")
        ended_ns = time.time_ns()
        error_ms = (ended_ns - began_ns) / 2e6
        if error_ms < best[1]:
            best = (there_ms - (began_ns + ended_ns) / 2e6, error_ms)
    return best
