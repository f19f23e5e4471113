"""Takes up what the last run left on the card, as soon as that can be read."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from edge_agent.alarm_lane import KeptPress
from edge_agent.books import LOST, Books
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.telemetry_lane import TelemetryLane

_log = logging.getLogger("siaga.edge")

_WAIT_S: Final = 2.0
_AGAIN_S: Final = 5.0


class LastRun:
    """What an agent that ran here before left.

    Args:
        stream: This run's: what has it on the card is not of the last one.
        faults: Counts what could not be read.
        dropped: What the lane of readings dropped, and why.
        books: Told which batches there are.
        readings: Takes up the batches.
        take: Takes up the presses, oldest first.
        wake: Called when there are batches to send.
    """

    def __init__(
        self,
        stream: str,
        *,
        faults: Counter[str],
        dropped: Counter[str],
        books: Books,
        readings: TelemetryLane,
        take: Callable[[list[KeptPress]], None],
        wake: Callable[[], None],
    ) -> None:
        self.held: dict[str, HeldButton] = {}
        """The buttons that were held down."""
        self._stream = stream
        self._faults = faults
        self._dropped = dropped
        self._books = books
        self._readings = readings
        self._take = take
        self._wake = wake
        self._asked = asyncio.Event()

    async def presses(self, alarms: AlarmOutbox) -> None:
        """Take up the presses."""
        while True:
            try:
                presses, self.held = await alarms.load()
            except OutboxError as error:
                self._cannot("presses", error)
                self._asked.set()
                await asyncio.sleep(_AGAIN_S)
            else:
                break
        self._asked.set()
        if alarms.unreadable:
            self._faults["unreadable press on the card"] += alarms.unreadable
            _log.error("%d presses on the card cannot be read; they are kept in alarms.db", alarms.unreadable)
        # A card that was slow may tell presses of this very run, some of them receipted by now.
        left = [kept for kept in presses if kept.press.stream != self._stream]
        self._take(left)
        if left:
            _log.info("from the last run: %d presses", len(left))

    async def wait_for_presses(self) -> None:
        """Wait until the card told them or could not, at most 2 s.

        A held button is known from the file. A card that tells it late may cost a second press, never one.
        """
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._asked.wait()
        except TimeoutError:
            return

    async def batches(self, batches: BatchOutbox) -> None:
        """Take up the batches."""
        while True:
            try:
                index = await batches.index()
            except OutboxError as error:
                self._cannot("batches", error)
                await asyncio.sleep(_AGAIN_S)
            else:
                break
        on_card = {row.key: row.readings for row in index.value if row.key[0] != self._stream}
        self._books.restored(on_card)
        left = self._readings.restore(index.value, index.file)
        self._books.changed()
        self._wake()
        if left:
            _log.info("from the last run: %d batches", left)
        if self._dropped[LOST]:
            _log.warning("the last run was killed with %d readings in memory", self._dropped[LOST])

    def _cannot(self, what: str, error: OutboxError) -> None:
        self._faults["card"] += 1
        _log.error("going on without the %s that the last run left: %s", what, error)
