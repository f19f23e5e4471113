"""A backlog drains while people press: `make bench-edge` judges the figures.

Real agent, brokers, collector, InfluxDB and desk. The box has eight buttons, so that none chatters, on a board of their
own; a press's time is from the edge as the board stamps it (CLOCK_MONOTONIC) to the moment at which the desk has it, in
whole ms of this machine's clock. The same presses are made before, without a backlog, in the same run: what differs is
the drain. Between two presses the agent's books are read, so that each is known to have fallen into the drain.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.edge_card import proc_line
from benchmarks.edge_status import dropped_but_killed, report, try_status
from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack
from simulator.board import Board
from simulator.control import BoardControl

PRESSES: Final = 100
DRAINED: Final = 200
"""Readings that wait when the backlog is drained: no more than a batch, and what was just gathered."""
_BUTTONS: Final = tuple(f"b{number}" for number in range(8))
_PAUSE_S: Final = (0.2, 0.5)
_ARRIVE_TIMEOUT_S: Final = 30.0
_DRAIN_TIMEOUT_S: Final = 900.0
_COUNTED: Final = {
    "position": "latitude",
    "weather": "temperature_c",
    "air_quality": "pm1_ugm3",
    "water_level": "level_m",
    "electrical": "voltage_v",
}


@dataclass(slots=True)
class Drained:
    """What was seen: the backlog's readings and how many of them are in the store, and how long it took, in s.

    `presses_ms` fell into the drain, `before_ms` before it. `progress`: s since the start of the agent, and readings
    that waited.
    """

    readings: int
    stored: int
    took_s: float
    rss_kb: int
    dropped: int
    presses_ms: list[float]
    before_ms: list[float]
    progress: list[tuple[float, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Readings a second from the backlog, over the whole drain."""
        return self.readings / self.took_s


class Presser:
    """Presses the box's buttons in turn and asks the desk when it had each.

    Args:
        stack: The running stack.
        board: The board's socket.
    """

    def __init__(self, stack: DemoStack, board: Path) -> None:
        self._stack = stack
        self._board = board
        self._draw = random.Random(1)
        self._number = 0

    def press(self, while_true: Callable[[], bool]) -> list[float]:
        """Press until something no longer holds; return after how many ms the desk had each press."""
        took_ms = []
        with DeskClient(self._stack.page, self._stack.accounts) as desk:
            while while_true():
                time.sleep(self._draw.uniform(*_PAUSE_S))
                took_ms.append(self._press_once(desk))
        return took_ms

    def _press_once(self, desk: DeskClient) -> float:
        button = _BUTTONS[self._number % len(_BUTTONS)]
        self._number += 1
        with BoardControl(self._board) as board:
            pressed_ns = board.press(button, hold_ms=20).timestamp_ns
        pressed_ms = (time.time_ns() - time.monotonic_ns() + pressed_ns) / 1e6
        deadline = time.monotonic() + _ARRIVE_TIMEOUT_S
        while True:
            # The desk is not asked while the press is on its way.
            time.sleep(0.1)
            incident = next((one for one in desk.incidents() if self._is_of(one, button)), None)
            if incident is not None:
                break
            if time.monotonic() > deadline:
                raise SystemExit(f"a press was not at the desk within {_ARRIVE_TIMEOUT_S:g} s")
        desk.accept(incident["id"])
        desk.close(incident["id"])
        return float(incident["rows"][0]["received_at_ms"]) - pressed_ms

    @staticmethod
    def _is_of(incident: dict[str, Any], button: str) -> bool:
        return (incident["button"], incident["state"]) == (button, "open")


@contextmanager
def board(path: Path) -> Iterator[None]:
    """Serve a board with the buttons, on a thread of its own."""
    served = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    ended = asyncio.Event()

    async def serve() -> None:
        async with Board(path, _BUTTONS):
            loops.append(asyncio.get_running_loop())
            served.set()
            await ended.wait()
        await asyncio.sleep(0.1)  # until those that were cut off have ended

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="board")
    thread.start()
    try:
        if not served.wait(5.0):
            raise SystemExit("the board did not open")
        yield
    finally:
        for loop in loops:
            loop.call_soon_threadsafe(ended.set)
        thread.join()


def buttons_toml(path: Path) -> str:
    """Return the buttons' tables for `box.toml`."""
    return "".join(f'\n[[buttons]]\nid = "{name}"\nuri = "sim://{path}?line={name}"\n' for name in _BUTTONS)


def presses_before(presser: Presser) -> list[float]:
    """Press without a backlog."""
    left = iter(range(PRESSES))
    return presser.press(lambda: next(left, None) is not None)


def drain(
    stack: DemoStack, box: str, readings: int, ended_ns: int, presser: Presser, before_ms: list[float]
) -> Drained:
    """Start the box's agent on a backlog and press until it has drained.

    Args:
        stack: The running stack; the box's agent is not running.
        box: The box.
        readings: Readings of the backlog on its card.
        ended_ns: The time of the newest of them, in ns since 1970.
        presser: Who presses.
        before_ms: What presses took before.
    """
    agent, data = stack.agents[box], stack.folder / box
    began_s = time.monotonic()
    agent.start()
    agent.wait_ready()
    while report(data)["readings"]["waiting"] <= DRAINED and time.monotonic() < began_s + _ARRIVE_TIMEOUT_S:
        time.sleep(0.02)  # until the card has told of it
    wait_for_links(stack, data)
    progress: list[tuple[float, int]] = []

    def draining() -> bool:
        waiting = int(report(data)["readings"]["waiting"])
        progress.append((time.monotonic() - began_s, waiting))
        if progress[-1][0] > _DRAIN_TIMEOUT_S:
            raise SystemExit(f"not drained within {_DRAIN_TIMEOUT_S:g} s: {waiting} readings wait")
        return waiting > DRAINED

    presses_ms = presser.press(draining)
    rss_kb = int(proc_line(Path(f"/proc/{agent.pid}/status"), "VmHWM"))
    stored = sum(count(stack, box, kind, quantity, ended_ns) for kind, quantity in _COUNTED.items())
    took_s = progress[-1][0]
    return Drained(readings, stored, took_s, rss_kb, dropped_but_killed(data), presses_ms, before_ms, progress)


def wait_for_links(stack: DemoStack, data: Path) -> None:
    """Wait until the box and the desk are on both brokers: a press before that waits for a connection, not a drain."""
    deadline = time.monotonic() + _ARRIVE_TIMEOUT_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{stack.page}api/state", timeout=5.0) as answer:
            links: dict[str, bool] = json.load(answer)["links"]
        said = try_status(data)
        if all(links.values()) and said is not None and all(one["connected"] for one in said["sessions"].values()):
            return
        time.sleep(0.05)
    raise SystemExit(f"not on both brokers within {_ARRIVE_TIMEOUT_S:g} s")


def count(stack: DemoStack, box: str, kind: str, quantity: str, ended_ns: int) -> int:
    """Return how many points of a kind the store has of a box, up to a time."""
    where = f"device = '{box}' AND time <= {ended_ns}"
    series = stack.influxdb.query(f"SELECT count({quantity}) FROM {kind} WHERE {where}")
    return int(series[0]["values"][0][1]) if series else 0
