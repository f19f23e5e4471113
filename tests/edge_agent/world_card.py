"""The world's card: the two files of the outbox, and how a life of the agent begins."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.alarm_lane import KeptPress
from edge_agent.telemetry_lane import Key
from tests.edge_agent.world_net import MS, Loop

Job = tuple[Callable[[], object], Callable[[object, bool], None]]


class CardFile:
    """A file of the outbox with its writer thread: jobs one by one, slow, failing, done or undone by a kill."""

    def __init__(self, loop: Loop, draw: random.Random, injected: Counter[str]) -> None:
        self._loop, self._draw, self._injected = loop, draw, injected
        self.failing = False
        self.stall_until_ns = 0
        self._jobs: deque[Job] = deque()
        self._life = 0

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs."""
        return bool(self._jobs)

    def run(self, job: Callable[[], object], done: Callable[[object, bool], None]) -> None:
        """Run a job after those before it; `done` hears its result and whether the card took it."""
        self._jobs.append((job, done))
        if len(self._jobs) == 1:
            self._start()

    def kill(self) -> None:
        """The agent dies: what waits is undone, what runs may be either."""
        self._life += 1
        if self._jobs and not self.failing and self._draw.random() < 0.5:
            self._injected["commits done as the agent died"] += 1
            self._jobs[0][0]()
        self._jobs.clear()

    def _start(self) -> None:
        life = self._life
        wait_ns = max(0, self.stall_until_ns - self._loop.now_ns) + int(self._draw.uniform(1, 60) * MS)
        self._loop.after(wait_ns, lambda: self._end() if self._life == life else None)

    def _end(self) -> None:
        job, done = self._jobs.popleft()
        if self._jobs:
            self._start()
        if self.failing:
            self._injected["writes refused by the card"] += 1
            done(None, False)
        else:
            done(job(), True)


@dataclass
class Card:
    """What outlives the agent."""

    alarms: CardFile
    telemetry: CardFile
    presses: dict[str, KeptPress] = field(default_factory=dict)
    batches: dict[Key, tuple[int, bytes]] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    readings_of: dict[Key, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Life:
    """How this life of the agent begins."""

    boot: str
    booted_ns: int
    stream: str
    wall_ns: int
    max_bytes: int
    max_memory_bytes: int
