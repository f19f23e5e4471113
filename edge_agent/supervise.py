"""Keeps a part of the agent running, whatever happens in it: a fault of one sensor never silences a button."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from link.backoff import Backoff

_log = logging.getLogger("siaga.edge.supervise")


async def keep_running(name: str, part: Callable[[], Awaitable[None]], faults: Counter[str]) -> None:
    """Run a part until it returns or is cancelled; one that fails is counted, told with its traceback, and run again.

    Args:
        name: What the fault is called.
        part: Starts the part.
        faults: Counts failures.
    """
    backoff = Backoff(base_s=0.5, cap_s=10.0)
    while True:
        try:
            await part()
        except Exception:  # noqa: BLE001 - a supervisor: what one part did not foresee must not end the alarm path
            faults[f"{name}: failed"] += 1
            _log.exception("%s failed and is started again", name)
        else:
            return
        await asyncio.sleep(backoff.next_s())
