"""Keeps the record of this life on the card (`clock_floor.py`), whatever the card does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_agent.aside import aside
from edge_agent.clock import Clock
from edge_agent.clock_floor import LifeRecord, Reservation
from edge_agent.life_file import LifeFile

_log = logging.getLogger("siaga.edge.life")

UNREADABLE: Final = "clock floor unreadable"
NOT_KEPT: Final = "clock floor not kept"
LOOK_S: Final = 1.0
"""A time that somebody tells is reserved within this; a power cut before that leaves the floor where it was."""
AGAIN_S: Final = 30.0


class LifeKeeper:
    """The record of this life, and what the last one left.

    Args:
        folder: The data folder.
        clock: The box's clock; its floor is raised here.
        stream: This life's stream.
        boot: The kernel's boot id.
        began_ns: When this life began, by the monotonic clock.
        faults: Counts what the card refused.
        on_heard: Called with what the last life left, when the card has told.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        stream: str,
        boot: str,
        *,
        began_ns: int,
        faults: Counter[str],
        on_heard: Callable[[LifeRecord | None], None] = lambda left: None,
    ) -> None:
        self._file = LifeFile(folder)
        self._clock = clock
        self._faults = faults
        self._reservation = Reservation(stream, boot, began_ns)
        self._on_heard = on_heard
        self._told = ""
        self.left: LifeRecord | None = None
        self.heard = asyncio.Event()
        """Set when the card has told what the last life left."""
        self.floor_in_use = False
        """Whether the clock counts from the floor: it was below it, and nobody has told the time."""

    async def run(self) -> None:
        """Hear what the last life left, then reserve times until cancelled."""
        while not self.heard.is_set():
            try:
                self._hear(await aside(self._file.read, "life-read"))
            except OSError as error:
                self._fault(UNREADABLE, error)
                await asyncio.sleep(AGAIN_S)
        while True:
            trusted = self._clock.trusted
            record = self._reservation.due(self._clock, time.monotonic_ns())
            if record is not None and not await self._write(record, trusted=trusted):
                await asyncio.sleep(AGAIN_S)
                continue
            await asyncio.sleep(LOOK_S)

    async def end(self, *, clean: bool) -> bool:
        """Leave word of how this life ended; return whether the card has it.

        Args:
            clean: Whether everything that was in memory is on the card or receipted.
        """
        record = self._reservation.last(self._clock, time.monotonic_ns(), clean=clean)
        return record is not None and await self._write(record, trusted=self._clock.trusted)

    def _hear(self, left: LifeRecord | None) -> None:
        if self._file.damaged:
            self._fault(UNREADABLE, "it holds no record")
        self.left = left
        self._reservation.heard(left)
        if left is not None and self._clock.raise_floor(left.floor_ns):
            self.floor_in_use = True
            _log.info("nobody has told the time: it counts from where the last life ended")
        self.heard.set()
        self._on_heard(left)

    async def _write(self, record: LifeRecord, *, trusted: bool) -> bool:
        try:
            await aside(lambda: self._file.write(record), "life-write")
        except OSError as error:
            self._fault(NOT_KEPT, error)
            return False
        self._reservation.kept(record, trusted=trusted)
        self._told = ""
        return True

    def _fault(self, name: str, why: object) -> None:
        self._faults[name] += 1
        if self._told != f"{name}: {why}":
            self._told = f"{name}: {why}"
            _log.error("%s: %s; a life after a power cut may use times that were used before", name, why)
