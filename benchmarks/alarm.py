"""`make bench-alarm`: from a button's edge to the officer's eyes.

Everything is real but the hand and the button: two Mosquitto, the agents, the desk, Debian's Chromium. A press's time
is from the edge as the simulated board stamps it (CLOCK_MONOTONIC) to the page's own callback after the paint. Each
press opens an incident of its own, which is accepted and closed before the next. The page's clock is held against this
machine's at the beginning and at the end.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from benchmarks.figures import Figure, conclude, keep_samples, percentile
from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack, Size
from simulator.control import BoardControl
from simulator.layout import board_path

PRESSES: Final = 200
BOXES: Final = 8
"""A box holds a press back whose button was pressed 32 times within a minute: each is pressed seldom enough."""
P50_MS: Final = 60.0
P99_MS: Final = 250.0
_PAINT_TIMEOUT_S: Final = 10.0
_CHROMIUM: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One press: where, and after how many ms the desk had received it and the page had painted it."""

    box: str
    received_ms: float
    painted_ms: float


def main() -> int:
    """Measure and print; return the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = DemoStack(folder, Size(BOXES))
    try:
        stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
        with DeskClient(stack.page, stack.accounts) as desk, _console(stack.page, desk.log_in()) as page:
            before_ms, error_ms = _clock_difference(page)
            samples = _press_all(stack, page)
            after_ms, _ = _clock_difference(page)
    finally:
        stack.stop()
        shutil.rmtree(folder)
    # The page's clock may be off by a constant; what is left is how far it moved during the run.
    samples = [Sample(s.box, s.received_ms, s.painted_ms - (before_ms + after_ms) / 2) for s in samples]
    path = keep_samples(
        "alarm",
        ("box", "edge_to_desk_ms", "edge_to_paint_ms"),
        [(s.box, f"{s.received_ms:.2f}", f"{s.painted_ms:.2f}") for s in samples],
    )
    painted = [sample.painted_ms for sample in samples]
    return conclude(
        [
            Figure(f"press to paint, p50 of {len(samples)}", percentile(painted, 0.50), P50_MS, "ms"),
            Figure("press to paint, p99", percentile(painted, 0.99), P99_MS, "ms"),
            Figure("press to paint, slowest", max(painted), None, "ms"),
            Figure("press to desk, p50 (to the ms)", percentile([s.received_ms for s in samples], 0.5), None, "ms"),
            Figure("page's clock: uncertainty", error_ms, None, "ms"),
            Figure("page's clock: moved during the run", abs(after_ms - before_ms), None, "ms"),
        ],
        path,
    )


def _press_all(stack: DemoStack, page: Page) -> list[Sample]:
    draw = random.Random(1)
    samples: list[Sample] = []
    with DeskClient(stack.page, stack.accounts) as desk:
        for number in range(PRESSES):
            box = stack.boxes[number % len(stack.boxes)]
            time.sleep(0.05 + 0.2 * draw.random())
            samples.append(_press_once(stack, page, desk, box))
            if (number + 1) % 50 == 0:
                print(f"{number + 1} of {PRESSES} presses", flush=True)
    return samples


def _press_once(stack: DemoStack, page: Page, desk: DeskClient, box: str) -> Sample:
    known = len(page.evaluate("window.siagaPainted.map(one => one.key)"))
    with BoardControl(board_path(stack.hardware, box)) as board:
        pressed_ns = board.press(hold_ms=20).timestamp_ns
    pressed_ms = (time.time_ns() - time.monotonic_ns() + pressed_ns) / 1e6
    # Nothing is asked of the page until it had time to paint.
    time.sleep(0.1)
    painted = _wait_for_paint(page, known)
    incident = next(one for one in desk.incidents() if one["id"] == painted["incident"])
    row = next(row for row in incident["rows"] if row["key"] == painted["key"])
    desk.accept(incident["id"])
    desk.close(incident["id"])
    return Sample(box, row["received_at_ms"] - pressed_ms, painted["time_ms"] - pressed_ms)


def _wait_for_paint(page: Page, known: int) -> dict[str, Any]:
    deadline = time.monotonic() + _PAINT_TIMEOUT_S
    while True:
        painted: list[dict[str, Any]] = page.evaluate("window.siagaPainted")
        if len(painted) > known:
            return painted[-1]
        if time.monotonic() > deadline:
            raise SystemExit(f"a press was not painted within {_PAINT_TIMEOUT_S:g} s")
        time.sleep(0.05)


def _clock_difference(page: Page) -> tuple[float, float]:
    """Return how far the page's clock is ahead of this machine's in ms, and how far that may be wrong."""
    best = (0.0, float("inf"))
    for _ in range(50):
        began_ns = time.time_ns()
        there_ms: float = page.evaluate("performance.timeOrigin + performance.now()")
        ended_ns = time.time_ns()
        error_ms = (ended_ns - began_ns) / 2e6
        if error_ms < best[1]:
            best = (there_ms - (began_ns + ended_ns) / 2e6, error_ms)
    return best


@contextmanager
def _console(address: str, cookie: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_CHROMIUM)
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#health-stream[data-good=true]")
        yield page
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
