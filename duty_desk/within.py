"""Waits for an answer in time in which this process runs."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_LATE_S: Final = 1.0
"""A wait that ends later than this after its time: the loop stood still meanwhile."""


async def within(answer: asyncio.Future[Any], seconds: float) -> bool:
    """Return whether something was done within so many seconds, which goes on if it was not.

    A wait in which the loop stood still begins anew: what came meanwhile is still to be read, or was lost with it.
    """
    loop = asyncio.get_running_loop()
    late = True
    while late and not answer.done():
        until_s = loop.time() + seconds
        await asyncio.wait((answer,), timeout=seconds)
        late = loop.time() > until_s + _LATE_S
    return answer.done()
