"""Waits for an answer in time in which this process runs."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_LATE_S: Final = 1.0
"""A wait that ends later than this after its time: the loop stood still meanwhile."""
_WAITS: Final = 2
"""A loop that is late again and again is busy: it gives up, as whoever is next must be reached."""


async def within(answer: asyncio.Future[Any], seconds: float) -> bool:
    """Return whether something was done within so many seconds, which goes on if it was not.

    A wait in which the loop stood still begins anew, once: what came meanwhile is to be read, or was lost with it.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_WAITS):
        until_s = loop.time() + seconds
        await asyncio.wait((answer,), timeout=seconds)
        if answer.done() or loop.time() <= until_s + _LATE_S:
            break
    return answer.done()
