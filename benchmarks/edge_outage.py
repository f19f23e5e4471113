"""`make bench-edge-outage`: what an hour without a link costs the card, in real time.

Everything is real but the hardware; the agent's data folder is an ext4 of its own on a loop device, whose written
sectors the kernel counts. HEALTHY_MINUTES with a link, OUTAGE_MINUTES with both brokers stopped, then the brokers come
back and the backlog drains. Before each reading of the counter the page cache is written out. A day is 23 hours at the
healthy rate, one outage and one drain; an outage shorter than an hour is stretched to one, with its drain.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.edge_card import Card, mounted, proc_line
from benchmarks.edge_status import report
from benchmarks.figures import Figure, conclude, keep_samples
from siaga.demo.stack import DemoStack, Size
from siaga.stack.process import Process

RATE_HZ: Final = 10
WRITTEN_MB_A_DAY: Final = 30.0
RSS_MB: Final = 60.0
CARD_MB: Final = 1_000
_WARM_UP_S: Final = 200.0
_SAMPLE_S: Final = 10.0
_DRAIN_TIMEOUT_S: Final = 900.0
_AFTER_S: Final = 35.0
_HOUR_S: Final = 3_600.0


@dataclass(slots=True)
class Phase:
    """What one phase wrote: its length in s, bytes, and the books at its end."""

    name: str
    took_s: float
    written: int
    books: dict[str, Any]


@dataclass(slots=True)
class Outage:
    """What was measured."""

    level: str
    healthy: Phase
    outage: Phase
    drain: Phase
    rss_kb: int
    drained_s: float
    """From the brokers' return until nothing but the newest readings waited."""
    rows: list[tuple[object, ...]] = field(default_factory=list)

    @property
    def scale(self) -> float:
        """By how much outage and drain are stretched to those of an hour."""
        return _HOUR_S / self.outage.took_s

    def healthy_mb_a_day(self) -> float:
        """Return what a day with a link writes, in MB."""
        return self.healthy.written / self.healthy.took_s * 24 * _HOUR_S / 1e6

    def outage_mb_a_day(self) -> float:
        """Return what a day with an hour of outage writes, in MB."""
        rest_s = 23 * _HOUR_S - self.drain.took_s * self.scale
        rest = self.healthy.written / self.healthy.took_s * rest_s
        return (rest + (self.outage.written + self.drain.written) * self.scale) / 1e6


def main() -> int:
    """Measure and print; return the exit status."""
    healthy_s = 60.0 * float(os.environ.get("HEALTHY_MINUTES", "5"))
    outage_s = 60.0 * float(os.environ.get("OUTAGE_MINUTES", "60"))
    found = measure(healthy_s, outage_s)
    return conclude(figures(found), keep("edge-outage", found))


def keep(name: str, found: Outage) -> Path:
    """Keep the samples of an outage and return where they are."""
    return keep_samples(name, ("phase", "s", "written_bytes", "rss_kb", "waiting"), found.rows)


def figures(found: Outage) -> list[Figure]:
    """Return the rows of an outage."""
    books = found.drain.books
    gone = books["produced"] - books["receipted"] - books["waiting"] - sum(books["dropped"].values())
    healthy_min, outage_min = found.healthy.took_s / 60, found.outage.took_s / 60
    stretched = "" if abs(found.scale - 1) < 0.01 else f", stretched from {outage_min:.0f} min"
    return [
        Figure(f"written a day, healthy link ({found.level}; {healthy_min:.0f} min)", found.healthy_mb_a_day(),
               WRITTEN_MB_A_DAY, "MB", digits=2),
        Figure(f"written a day with an hour of outage{stretched}", found.outage_mb_a_day(), WRITTEN_MB_A_DAY, "MB"),
        Figure(f"of it in the outage of {outage_min:.0f} min", found.outage.written / 1e6, None, "MB"),
        Figure("of it in the drain after it", found.drain.written / 1e6, None, "MB"),
        Figure("readings waiting at the end of the outage", found.outage.books["waiting"], None, "readings", digits=0),
        Figure("drained after", found.drained_s, None, "s"),
        Figure("RSS, most", found.rss_kb / 1024, RSS_MB, "MB"),
        Figure("readings dropped", sum(books["dropped"].values()), 0, "readings", digits=0),
        Figure("readings the books cannot account for", abs(gone), 0, "readings", digits=0),
    ]  # fmt: skip


def measure(healthy_s: float, outage_s: float) -> Outage:
    """Measure an outage.

    Args:
        healthy_s: How long the link is there before it.
        outage_s: How long it is not.
    """
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = DemoStack(folder, Size(boxes=1, rate_hz=RATE_HZ))
    box = stack.boxes[0]
    command = [sys.executable, "-P", "-m", "edge_agent.main", "--config", str(stack.config / f"{box}.toml")]
    agent = stack.agents[box] = Process(command, name=box, folder=stack.folder / "log")
    try:
        with mounted(folder / box, folder / "card.img", CARD_MB) as card:
            try:
                stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
                return _Watch(stack, agent, card).measure(healthy_s, outage_s)
            finally:
                stack.stop()
    finally:
        shutil.rmtree(folder)


class _Watch:
    def __init__(self, stack: DemoStack, agent: Process, card: Card) -> None:
        self._stack = stack
        self._agent = agent
        self._card = card
        self._began_s = time.monotonic()
        self._rss_kb = 0
        self._rows: list[tuple[object, ...]] = []

    def measure(self, healthy_s: float, outage_s: float) -> Outage:
        brokers = (self._stack.telemetry_broker, self._stack.alarm_broker)
        self._sample("warm up", _WARM_UP_S)
        healthy = self._phase("healthy", healthy_s)
        for broker in brokers:
            broker.stop()
        outage = self._phase("outage", outage_s)
        for broker in brokers:
            broker.start()
        before, began_s = self._written(), time.monotonic()
        drained_s = self._drain()
        # What the drain deletes is written by then, and the last batch of the outage has its receipt.
        self._sample("drain", _AFTER_S)
        drain = Phase("drain", time.monotonic() - began_s, self._written() - before, self.books())
        return Outage(self._card.level, healthy, outage, drain, self._rss_kb, drained_s, self._rows)

    def books(self) -> dict[str, Any]:
        """Return the agent's books of readings."""
        books: dict[str, Any] = report(self._card.folder)["readings"]
        return books

    def _phase(self, name: str, length_s: float) -> Phase:
        before, began_s = self._written(), time.monotonic()
        self._sample(name, length_s)
        phase = Phase(name, time.monotonic() - began_s, self._written() - before, self.books())
        print(f"{name}: {phase.took_s:.0f} s, {phase.written / 1e6:.2f} MB written, {phase.books}", flush=True)
        return phase

    def _drain(self) -> float:
        """Wait until nothing waits but what is newer than two seconds; return how long that took, in s."""
        began_s = time.monotonic()
        while time.monotonic() < began_s + _DRAIN_TIMEOUT_S:
            if self.books()["waiting"] <= 2 * RATE_HZ:
                return time.monotonic() - began_s
            self._sample("drain", 1.0)
        raise SystemExit(f"not drained within {_DRAIN_TIMEOUT_S:g} s: {self.books()}")

    def _sample(self, name: str, length_s: float) -> None:
        end_s = time.monotonic() + length_s
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _SAMPLE_S))
            rss_kb = int(proc_line(Path(f"/proc/{self._agent.pid}/status"), "VmRSS"))
            self._rss_kb = max(self._rss_kb, rss_kb)
            at_s = time.monotonic() - self._began_s
            row = (name, f"{at_s:.1f}", self._card.written(self._agent.pid), rss_kb, self.books()["waiting"])
            self._rows.append(row)

    def _written(self) -> int:
        return self._card.written(self._agent.pid, settle=True)


if __name__ == "__main__":
    sys.exit(main())
