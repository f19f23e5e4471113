"""Waiting by the monotonic clock."""

from __future__ import annotations

import asyncio
import time


class Signal:
    """Wakes everyone who waits.

    Take `current` before looking at the state and wait for it afterwards: no waking is lost in between.
    """

    def __init__(self) -> None:
        self.current = asyncio.Event()

    def wake(self) -> None:
        """Wake all who wait for `current`."""
        woken, self.current = self.current, asyncio.Event()
        woken.set()


async def wait_until(event: asyncio.Event, until_ns: int | None) -> None:
    """Wait for an event, or until a moment of the monotonic clock (None: only for the event)."""
    if until_ns is None:
        await event.wait()
        return
    left_s = (until_ns - time.monotonic_ns()) / 1e9
    if left_s <= 0:
        await asyncio.sleep(0)
        return
    try:
        async with asyncio.timeout(left_s):
            await event.wait()
    except TimeoutError:
        pass
