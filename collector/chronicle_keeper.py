"""Writes what the walls need beside readings into the store: `collector.chronicle`, heard by the books' session.

A store that does not answer is asked again, later and later, up to MOST_PAUSE_S; what it refuses for what it is is
counted and left.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from collector.chronicle import Chronicle, lines_of
from contract.chronicle import INCIDENT, Point
from link.backoff import Backoff
from store import Store, StoreError, StoreRefusedError, StoreTooLargeError

_log = logging.getLogger("siaga.collector.chronicle")

GATHER_S: Final = 1.0
MOST_PAUSE_S: Final = 30.0
_HOUR: Final = "hour"


class ChronicleKeeper:
    """The writer.

    Args:
        store: The store, entered, as an account that may write.
        gather_s: How long messages are gathered before they are written, in seconds.
    """

    def __init__(self, store: Store, *, gather_s: float = GATHER_S) -> None:
        self.chronicle = Chronicle()
        self._store = store
        self._gather_s = gather_s
        self._came = asyncio.Event()
        self._trouble: dict[str, str] = {}

    def hear(self, topic: str, body: bytes, retained: bool) -> None:
        """Take in a message of the books' session."""
        self.chronicle.take(topic, body, time.time_ns(), retained=retained)
        if len(self.chronicle):
            self._came.set()

    def told(self) -> tuple[str, ...]:
        """Return what people should know now; nothing while all is well."""
        return tuple(f"{what} do not reach the walls: {why}" for what, why in self._trouble.items())

    async def run(self) -> None:
        """Write until cancelled."""
        backoff = Backoff(self._gather_s, MOST_PAUSE_S)
        while True:
            await self._came.wait()
            self._came.clear()
            await asyncio.sleep(self._gather_s)
            while len(self.chronicle):
                if await self._write_some():
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next_s())

    async def _write_some(self) -> bool:
        """Write what waits, a portion of each; return whether the store took or refused it for good."""
        incidents, points = self.chronicle.waiting()
        went = True
        # Apart, because a store without the policy `hour` still takes the others.
        if incidents:
            if await self._write("incidents", [point for _, _, point in incidents], policy=_HOUR):
                self.chronicle.incidents_written(incidents)
            else:
                went = False
        if points:
            if await self._write("reports of boxes and desk", points):
                self.chronicle.points_written(points)
            else:
                went = False
        return went

    async def _write(self, what: str, points: list[Point], *, policy: str = "") -> bool:
        try:
            await self._store.write(lines_of(points), policy=policy)
        except (StoreRefusedError, StoreTooLargeError) as error:
            self.chronicle.counters["refused by the store"] += len(points)
            _log.error("%d %s: %s", len(points), INCIDENT if policy else what, error)
        except StoreError as error:
            if what not in self._trouble:
                _log.warning("%s wait for the store: %s", what, error)
            self._trouble[what] = str(error)
            return False
        else:
            self.chronicle.counters["written"] += len(points)
        if self._trouble.pop(what, None) is not None:
            _log.info("%s are written again", what)
        return True
