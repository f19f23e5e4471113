"""The world's card: the two files of the outbox, and how a life of the agent begins.

A full card takes nothing that makes the rows of the telemetry file longer than they are, and still deletes: that is
what the reserve is for; sometimes there is none, and nothing can be deleted either. A file set aside takes all its rows
with it; the agent hears of it with the next answer.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from contract.batch import decode_batch
from edge_agent.alarm_lane import KeptPress
from edge_agent.batch_commands import Key
from tests.edge_agent.world_net import MS, Loop

Verdict = Literal["done", "refused", "full"]
Job = tuple[Callable[[], object], Callable[[object, Verdict], None]]


class FullError(Exception):
    """A job finds no room on the card."""


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

    def run(self, job: Callable[[], object], done: Callable[[object, Verdict], None]) -> None:
        """Run a job after those before it; `done` hears its result and whether the card took it."""
        self._jobs.append((job, done))
        if len(self._jobs) == 1:
            self._start()

    def kill(self) -> None:
        """The agent dies: what waits is undone, what runs may be either."""
        self._life += 1
        if self._jobs and not self.failing and self._draw.random() < 0.5:
            self._injected["commits done as the agent died"] += 1
            with suppress(FullError):
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
            done(None, "refused")
            return
        try:
            answer = job()
        except FullError:
            self._injected["writes refused by a full card"] += 1
            done(None, "full")
        else:
            done(answer, "done")


@dataclass(frozen=True, slots=True)
class CardRow:
    """A batch in the telemetry file."""

    readings: int
    body: bytes
    sent: bool
    thinned: bool


@dataclass
class Card:
    """What outlives the agent. `lost` are the contents of batches that went with a file set aside."""

    alarms: CardFile
    telemetry: CardFile
    presses: dict[str, KeptPress] = field(default_factory=dict)
    batches: dict[Key, CardRow] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    set_aside: int = 0
    lost: dict[Key, list[int]] = field(default_factory=dict)
    tmpfs: object = None
    room: int | None = None
    reserve: bool = True

    @property
    def used(self) -> int:
        """Bytes of the rows."""
        return sum(len(row.body) for row in self.batches.values())

    def write(self, rows: dict[Key, CardRow], *, instead_of: Sequence[Key] = ()) -> None:
        """Write rows in one commit, and delete those they replace.

        Raises:
            FullError: There is no room, and nothing is changed.
        """
        goes = sum(len(self.batches[key].body) for key in {*instead_of, *rows} if key in self.batches)
        more = sum(len(row.body) for row in rows.values()) - goes
        if more > 0 and self.room is not None and self.used + more > self.room:
            raise FullError
        for key in instead_of:
            self.batches.pop(key, None)
        self.batches.update(rows)

    def need_log(self) -> None:
        """Thinning and deleting need room in the log.

        Raises:
            FullError: There is none, and no reserve.
        """
        if self.room is not None and not self.reserve:
            raise FullError

    def lose_file(self, known: Callable[[Key], bool]) -> set[int]:
        """The telemetry file is found damaged and set aside; return the readings of the batches that are not known."""
        self.set_aside += 1
        lost = {key: numbers(row.body) for key, row in self.batches.items()}
        self.lost.update(lost)
        self.batches.clear()
        return {number for key in lost if not known(key) for number in lost[key]}


def numbers(body: bytes) -> list[int]:
    """Return the world's numbers of a batch's readings."""
    return [int(reading["fields"]["number"]) for reading in decode_batch(body)["readings"]]


@dataclass(frozen=True, slots=True)
class Life:
    """How this life of the agent begins."""

    boot: str
    booted_ns: int
    stream: str
    wall_ns: int
    max_bytes: int
    max_memory_bytes: int
    max_rows: int
