"""What both lanes share: short pieces of work that end no other, and a count of what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from contract.errors import BodyError
from edge_agent.outbox.writer import OutboxError
from link import PublishRefusedError

_log = logging.getLogger("siaga.edge.uplink")


class Workers:
    """Starts pieces of work in a task group; what fails unforeseen in one is counted and told, and ends no other.

    Args:
        faults: Counts faults by name, for the report.
    """

    def __init__(self, faults: Counter[str]) -> None:
        self.faults = faults
        self.group: asyncio.TaskGroup | None = None

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a piece of work; the group must have been entered. While the agent stops, nothing is started."""
        assert self.group is not None  # the uplink runs before anything is sent or heard
        guarded = self._guarded(work, name)
        try:
            task = self.group.create_task(guarded, name=name)
        except RuntimeError:  # the group is being ended
            guarded.close()
            work.close()
        else:
            # One that is ended before its first step would else be told as never awaited.
            task.add_done_callback(lambda _: work.close())

    def refused(self, what: str, error: PublishRefusedError) -> None:
        """Note a PUBACK that is no success: a missing subscriber passes by itself, anything else a person must mend."""
        if error.no_subscriber:
            self.faults[f"{what}: nobody listens"] += 1
        else:
            self.faults[f"{what}: refused by the broker"] += 1
            _log.error("%s", error)

    def disk_fault(self, error: OutboxError) -> None:
        """Note that the card did not take or give something."""
        self.faults["card"] += 1
        _log.error("%s", error)

    def garbled(self, what: str, error: BodyError) -> None:
        """Note a message from the centre that is none."""
        self.faults["garbled message"] += 1
        _log.warning("%s: %s", what, error)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - a supervisor: one message that fails must not take the others with it
            self.faults[f"{name}: failed"] += 1
            _log.exception("%s failed", name)
