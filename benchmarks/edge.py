"""`make bench-edge`: what the agent costs a box, what an outage costs its card, and what becomes of a backlog.

    cost      memory, CPU, start and stop with one receiver of ten fixes a second   edge_cost.py
    drivers   the same with six drivers, ten readings a second in all               edge_drivers.py
    outage    sectors written with a link, and around an outage                     edge_outage.py
    backlog   72 hours without a link on the card, and a million readings drain     edge_backlog.py, edge_drain.py

All by default; `python -m benchmarks.edge backlog` does one.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import edge_cost, edge_drivers, edge_outage
from benchmarks.edge_backlog import BUDGET_BYTES, RATE_HZ, Filled, Resumed, copy, fill, newest_ns, resume, trim
from benchmarks.edge_drain import PRESSES, Drained, Presser, board, buttons_toml, drain, presses_before
from benchmarks.figures import RESULTS, Figure, conclude, keep_samples, percentile
from siaga.demo.stack import DemoStack, Size
from siaga.stack.process import Process
from simulator.layout import sensor_name

HEALTHY_S: Final = 300.0
OUTAGE_S: Final = 300.0
OUTAGE_HOURS: Final = 72
BACKLOG: Final = 1_000_000
P99_MS: Final = 100.0
_FILLED_BEFORE_S: Final = 60


def main(parts: list[str]) -> int:
    """Measure and print; return the exit status."""
    figures: list[Figure] = []
    if "cost" in parts:
        figures += edge_cost.run()
    if "drivers" in parts:
        figures += edge_drivers.run()
    if "outage" in parts:
        found = edge_outage.measure(HEALTHY_S, OUTAGE_S)
        edge_outage.keep("edge-outage-short", found)
        figures += edge_outage.figures(found)
    if "backlog" in parts:
        figures += run_backlog()
    return conclude(figures, RESULTS / "edge-*.csv")


def run_backlog(readings: int = OUTAGE_HOURS * 3_600 * RATE_HZ, backlog: int = BACKLOG) -> list[Figure]:
    """Measure a long outage and a drain, keep the samples and return the figures.

    Args:
        readings: How many the long outage has.
        backlog: How many drain.
    """
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = DemoStack(folder, Size(boxes=1, rate_hz=RATE_HZ))
    box = stack.boxes[0]
    config, data = stack.config / f"{box}.toml", stack.folder / box
    command = [sys.executable, "-P", "-m", "edge_agent.main", "--config", str(config)]
    agent = stack.agents[box] = Process(command, name=box, folder=stack.folder / "log")
    brokers = (stack.telemetry_broker, stack.alarm_broker)
    try:
        full = asyncio.run(fill(folder / "full", box, readings, ended_ns=time.time_ns() - _FILLED_BEFORE_S * 10**9))
        print(f"{full.readings} readings in virtual time took {full.took_s:.0f} s", flush=True)
        stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
        socket = stack.hardware / "bench.sock"
        with board(socket):
            agent.stop()
            config.write_text(config.read_text() + buttons_toml(socket))
            agent.start()
            agent.wait_ready()
            presser = Presser(stack, socket)
            before_ms = presses_before(presser)
            print(f"{len(before_ms)} presses without a backlog", flush=True)
            agent.stop()
            for broker in brokers:
                broker.stop()
            copy(folder / "full", data)
            resumed = resume(agent, data, sensor_name(1), full.readings)
            agent.stop()
            kept = trim(folder / "full", backlog)
            ended_ns = newest_ns(folder / "full")
            copy(folder / "full", data)
            for broker in brokers:
                broker.start()
            print(f"{kept} readings drain", flush=True)
            drained = drain(stack, box, kept, ended_ns, presser, before_ms)
    finally:
        stack.stop()
        shutil.rmtree(folder)
    _keep(drained)
    return _figures(full, resumed, drained)


def _keep(drained: Drained) -> None:
    rows: list[tuple[object, ...]] = [("before_ms", "", f"{took:.1f}") for took in drained.before_ms]
    rows += [("during_ms", "", f"{took:.1f}") for took in drained.presses_ms]
    rows += [("waiting", f"{at_s:.2f}", waiting) for at_s, waiting in drained.progress]
    keep_samples("edge-drain", ("what", "s", "value"), rows)


def _figures(full: Filled, resumed: Resumed, drained: Drained) -> list[Figure]:
    hours = full.readings / RATE_HZ / 3_600
    presses, before = drained.presses_ms, drained.before_ms
    return [
        Figure(f"{hours:.0f} h of outage on the card", full.disk_bytes / 1e6, BUDGET_BYTES / 1e6, "MB"),
        Figure(f"of {full.readings} readings in {full.batches} batches dropped", full.dropped, 0, "readings", digits=0),
        Figure("killed and started on it: to the first fix", resumed.first_s, edge_cost.START_S, "s", digits=2),
        Figure("killed and started on it: until all of it is known", resumed.known_s, None, "s", digits=2),
        Figure("RSS with it, most", resumed.rss_kb / 1024, edge_cost.RSS_MB, "MB"),
        Figure("readings waiting then", resumed.waiting, full.readings, "readings", at_least=True, digits=0),
        Figure("dropped then, but by the kill", resumed.dropped, 0, "readings", digits=0),
        Figure(f"{drained.readings} readings drained in", drained.took_s, None, "s"),
        Figure("drained", drained.rate, None, "readings a second", digits=0),
        Figure("of them in the store", drained.stored, drained.readings, "points", at_least=True, digits=0),
        Figure("in the store and never taken", drained.stored - drained.readings, 0, "points", digits=0),
        Figure("dropped meanwhile", drained.dropped, 0, "readings", digits=0),
        Figure("RSS in the drain, most", drained.rss_kb / 1024, edge_cost.RSS_MB, "MB"),
        Figure("presses in the drain", len(presses), PRESSES, "presses", at_least=True, digits=0),
        Figure("press to desk in the drain, p99", percentile(presses, 0.99), P99_MS, "ms"),
        Figure("press to desk in the drain, p50", percentile(presses, 0.5), None, "ms"),
        Figure("press to desk in the drain, slowest", max(presses), None, "ms"),
        Figure(f"the same without the drain, p99 of {len(before)}", percentile(before, 0.99), None, "ms"),
        Figure("the same without the drain, p50", percentile(before, 0.5), None, "ms"),
        Figure("the same without the drain, slowest", max(before), None, "ms"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["cost", "drivers", "outage", "backlog"]))
