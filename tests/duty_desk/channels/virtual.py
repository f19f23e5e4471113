"""An event loop whose time passes only while there is nothing else to do, at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leap(selectors.DefaultSelector):
    """Waits for nothing: what would be waited for is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.leap: Callable[[float], None] = lambda _s: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("nothing will ever happen again")
        if not found and timeout is not None and timeout > 0:
            self.leap(timeout)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Its time begins at 1,000 s."""

    def __init__(self) -> None:
        selector = _Leap()
        super().__init__(selector)
        self._now_s = 1_000.0
        selector.leap = self._leap

    def time(self) -> float:
        """Return the time, in seconds."""
        return self._now_s

    def _leap(self, seconds: float) -> None:
        self._now_s += seconds


async def _end(left: set[asyncio.Task[Any]]) -> None:
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run something to its end in virtual time; what it left behind is cancelled."""
    loop = VirtualLoop()
    try:
        try:
            return loop.run_until_complete(main)
        finally:
            loop.run_until_complete(_end(asyncio.all_tasks(loop)))
    finally:
        loop.close()
