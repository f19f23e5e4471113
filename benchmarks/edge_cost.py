"""What an agent costs a box in an ordinary minute, and at its starts and stops: `make bench-edge` judges the figures.

Everything is real but the hardware: two Mosquitto with TLS, the collector, InfluxDB, the desk; the agent is
`siaga-edge` with a button and one GPS receiver of 10 fixes a second on a pty, each fix a reading.

- The minute: RSS each second and the CPU (user and system) of the process.
- The start: from the exec to the first fix counted by the agent, asked each 20 ms over its status socket; and in starts
  of their own to the first fix of that start in a batch at the broker. The processes are new, the files are in the page
  cache: on a card that was just powered up, reading them comes on top.
- The stop: from SIGTERM to the end, of each of these starts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.edge_card import proc_line
from benchmarks.edge_status import report, try_status
from benchmarks.figures import Figure, keep_samples
from contract import topics
from edge_agent.config import HEALTH_SENSOR
from link import Session
from siaga.demo.stack import DemoStack, Size
from siaga.stack.process import Process
from simulator.layout import sensor_name

SECONDS: Final = 60
WARM_UP_S: Final = 15
STARTS: Final = 5
RATE_HZ: Final = 10
RSS_MB: Final = 60.0
CPU_PERCENT: Final = 2.0
START_S: Final = 1.5
STOP_S: Final = 2.0
_TIMEOUT_S: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Second:
    """What the agent had used by a moment: RSS in kB, CPU in s; since when in s."""

    at_s: float
    rss_kb: int
    cpu_s: float


@dataclass(slots=True)
class Tap:
    """Hears a box's batches at the broker, on a thread of its own."""

    first_ns: int = 0
    """Only what was read from this moment (UTC in ns) on counts."""
    heard: threading.Event = field(default_factory=threading.Event)
    heard_s: float = 0.0
    """When the first fix was here, and below the first reading of any sensor."""
    read_s: float = 0.0

    def hear(self, topic: str, body: bytes, retained: bool) -> None:
        """Take a batch."""
        now_s = time.monotonic()
        readings = [one for one in json.loads(body)["readings"] if one["timestamp_ns"] >= self.first_ns]
        if not self.read_s and any(one["sensor"] != HEALTH_SENSOR for one in readings):
            self.read_s = now_s
        if any(one["kind"] == "position" for one in readings):
            if not self.heard.is_set():
                self.heard_s = now_s
            self.heard.set()


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of an agent: s to what was waited for, CPU s until then; s until a reading, and a fix, was at
    the broker; s to stop; the books of its readings before and after the minute.
    """

    seconds: list[Second]
    counted: list[float]
    spent: list[float]
    read_at_broker: list[float]
    at_broker: list[float]
    stops: list[float]
    before: dict[str, Any]
    after: dict[str, Any]


Told = Callable[[dict[str, Any]], bool]
"""Called with an agent's status: whether it has counted what a start is waited for."""


def run() -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = DemoStack(folder, Size(boxes=1, trackers_per_box=1, rate_hz=RATE_HZ), probes=True)
    try:
        agent = only_agent(stack)
        stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
        time.sleep(1.0)
        cost = measure(stack, agent, _has_fix)
    finally:
        stack.stop()
        shutil.rmtree(folder)
    keep("edge-cost", cost)
    return figures(cost, "fix")


def only_agent(stack: DemoStack) -> Process:
    """Return the agent of a stack of one box, run as `siaga-edge` is; call it before the stack is started."""
    [box] = stack.boxes
    command = [sys.executable, "-P", "-m", "edge_agent.main", "--config", str(stack.config / f"{box}.toml")]
    agent = stack.agents[box] = Process(command, name=box, folder=stack.folder / "log")
    return agent


def measure(stack: DemoStack, agent: Process, told: Told) -> Cost:
    """Measure starts, stops and a minute of the agent of a stack; it is left running.

    Args:
        stack: The running stack of one box, with probes.
        agent: Its agent.
        told: What a start is waited for.
    """
    [box] = stack.boxes
    data = stack.folder / box
    stops: list[float] = []
    starts = [start_to_count(agent, data, stops, told) for _ in range(STARTS)]
    read, fixed = zip(*_starts_to_broker(stack, agent, box, stops), strict=True)
    print(f"{WARM_UP_S} s to warm up, {SECONDS} s measured, load {os.getloadavg()[0]:.1f}", flush=True)
    time.sleep(WARM_UP_S)
    before = report(data)["readings"]
    seconds = _minute(agent.pid)
    after = report(data)["readings"]
    counted, spent = zip(*starts, strict=True)
    return Cost(seconds, list(counted), list(spent), list(read), list(fixed), stops, before, after)


def keep(name: str, cost: Cost) -> None:
    """Keep the samples."""
    rows: list[tuple[object, ...]] = [("minute", f"{s.at_s:.2f}", s.rss_kb, f"{s.cpu_s:.2f}") for s in cost.seconds]
    for what, samples in (
        ("start_to_count_s", cost.counted),
        ("start_cpu_s", cost.spent),
        ("start_to_broker_s", cost.at_broker),
        ("start_to_reading_at_broker_s", cost.read_at_broker),
        ("stop_s", cost.stops),
    ):
        rows += [(what, f"{took:.3f}", "", "") for took in samples]
    keep_samples(name, ("what", "s", "rss_kb", "cpu_s"), rows)


def figures(cost: Cost, first: str) -> list[Figure]:
    """Return the rows.

    Args:
        cost: What was measured.
        first: What the starts were waited for, in a word.
    """
    begin, end = cost.seconds[0], cost.seconds[-1]
    took_s = end.at_s - begin.at_s
    gone = {name: (cost.after[name] - cost.before[name]) / took_s for name in ("produced", "receipted")}
    in_agent, at_broker = f"start to first {first} in the agent", "start to first fix at the broker"
    return [
        Figure("RSS, most", max(second.rss_kb for second in cost.seconds) / 1024, RSS_MB, "MB"),
        Figure("RSS more at the end than at the beginning", (end.rss_kb - begin.rss_kb) / 1024, None, "MB"),
        Figure(f"CPU of one core over {took_s:.0f} s", 100 * (end.cpu_s - begin.cpu_s) / took_s, CPU_PERCENT, "%"),
        Figure(f"{in_agent}, most of {STARTS}", max(cost.counted), START_S, "s", digits=2),
        Figure(f"{in_agent}, median", statistics.median(cost.counted), None, "s", digits=2),
        Figure("CPU time of that start, median", statistics.median(cost.spent), None, "s", digits=2),
        Figure(f"{at_broker}, most of {STARTS}", max(cost.at_broker), START_S, "s", digits=2),
        Figure(f"{at_broker}, median", statistics.median(cost.at_broker), None, "s", digits=2),
        Figure(f"stop, most of {len(cost.stops)}", max(cost.stops), STOP_S, "s", digits=2),
        Figure("readings produced", gone["produced"], None, "a second"),
        Figure("readings receipted", gone["receipted"], None, "a second"),
        Figure("readings dropped", sum(cost.after["dropped"].values()), 0, "readings", digits=0),
    ]


def _minute(pid: int) -> list[Second]:
    began = time.monotonic()
    seconds = []
    for number in range(SECONDS + 1):
        time.sleep(max(0.0, began + number - time.monotonic()))
        seconds.append(_use(pid, began))
    return seconds


def _use(pid: int, began: float) -> Second:
    proc = Path(f"/proc/{pid}")
    return Second(
        at_s=time.monotonic() - began,
        rss_kb=int(proc_line(proc / "status", "VmRSS")),
        cpu_s=cpu_s(pid),
    )


def cpu_s(pid: int) -> float:
    """Return the processor time of a process, in user mode and in the kernel, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


# --- the start


def _stop(agent: Process, stops: list[float]) -> None:
    began = time.monotonic()
    agent.stop()
    stops.append(time.monotonic() - began)


def _has_fix(status: dict[str, Any]) -> bool:
    return bool(status["report"]["sensors"].get(sensor_name(1), {}).get("fixes", 0))


def start_to_count(agent: Process, data: Path, stops: list[float], told: Told) -> tuple[float, float]:
    """Start the agent anew; return after how many s it had counted it, and its CPU time until then in s."""
    _stop(agent, stops)
    began = time.monotonic()
    agent.start()
    while time.monotonic() < began + _TIMEOUT_S:
        said = try_status(data)
        if said is not None and told(said):
            return time.monotonic() - began, cpu_s(agent.pid)
        time.sleep(0.02)
    raise SystemExit(f"no reading within {_TIMEOUT_S:g} s; the agent's last lines: {agent.output()[-2000:]}")


def _starts_to_broker(stack: DemoStack, agent: Process, box: str, stops: list[float]) -> list[tuple[float, float]]:
    """Return after how many s a reading, and a fix, of each start was in a batch at the broker."""
    tap = Tap()
    session = Session(
        stack.telemetry_broker.probe(), "tap", subscriptions=(topics.telemetry(box),), on_message=tap.hear
    )
    loop = asyncio.new_event_loop()
    listening = threading.Thread(target=loop.run_forever, name="tap")
    listening.start()
    running = asyncio.run_coroutine_threadsafe(session.run(), loop)
    try:
        asyncio.run_coroutine_threadsafe(session.wait_connected(), loop).result(_TIMEOUT_S)
        return [_start_to_broker(agent, tap, stops) for _ in range(STARTS)]
    finally:
        loop.call_soon_threadsafe(running.cancel)
        time.sleep(0.2)
        loop.call_soon_threadsafe(loop.stop)
        listening.join()
        loop.close()


def _start_to_broker(agent: Process, tap: Tap, stops: list[float]) -> tuple[float, float]:
    _stop(agent, stops)
    # What the last one left goes out too; it is of before this moment.
    tap.first_ns, tap.read_s = time.time_ns(), 0.0
    tap.heard.clear()
    began = time.monotonic()
    agent.start()
    if not tap.heard.wait(_TIMEOUT_S):
        raise SystemExit(f"no fix at the broker within {_TIMEOUT_S:g} s")
    return tap.read_s - began, tap.heard_s - began
