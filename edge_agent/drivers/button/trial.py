"""A press that is made by the driver itself, so that a test goes the way of a press from its first step on.

A driver that serves trials reads its line anew when it is asked, as it would for a press, and then gives an edge that
is marked `synthetic`. A driver that has no line open serves none: that is what a test is there to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Trial:
    """Asks one button's driver for a press; one at a time."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None
        self._asked = False
        self._came: asyncio.Future[int | None] | None = None

    async def press(self, timeout_s: float) -> int | None:
        """Let the driver make a press; return its moment, in ns of the monotonic clock, or None when none came.

        Args:
            timeout_s: How long to wait, in seconds.
        """
        if self._wake is None or self._came is not None:
            return None
        self._came = asyncio.get_running_loop().create_future()
        try:
            self._asked = True
            self._wake()
            async with asyncio.timeout(timeout_s):
                return await self._came
        except TimeoutError:
            return None
        finally:
            self._asked, self._came = False, None

    @contextmanager
    def served(self, wake: Callable[[], None]) -> Iterator[None]:
        """Serve trials while a line is open; `wake` is called when one is asked for. One that is lost ends a trial."""
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None
            self._settle(None)

    def take(self) -> bool:
        """Return whether a press was asked for and not made yet; it is made now."""
        asked, self._asked = self._asked, False
        return asked

    @property
    def asked(self) -> bool:
        """Whether a press was asked for and not made yet."""
        return self._asked

    def came(self, monotonic_ns: int) -> None:
        """The press came out of the driver, where every press does."""
        self._settle(monotonic_ns)

    def _settle(self, monotonic_ns: int | None) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_result(monotonic_ns)
