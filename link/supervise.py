"""Keeps a part of a process running, whatever happens in it: a fault of one sensor never silences a button."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from link.backoff import Backoff

_log = logging.getLogger("siaga.supervise")

CLEAR_NS: Final = 60 * 10**9
"""A part that failed is well again when it has not failed for this long; it is started again each 10 s at most."""

AGAIN_S: Final = 0.5
"""How long a part that failed waits at most, the first time and after it ran for `CLEAR_NS`: a button that fails once a
day must not be deaf for as long as one that fails at once."""


class Failing:
    """Which parts fail, until each has run for a minute without failing.

    Args:
        unit: The systemd unit in whose log the traceback is.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._failed: dict[str, tuple[str, int]] = {}

    def note(self, name: str, error: BaseException) -> None:
        """Note that a part failed just now."""
        self._failed[name] = (f"failed: {error!r}; its traceback is in the log: journalctl -u {self._unit}", _now_ns())

    def now(self) -> dict[str, str]:
        """Return each part that fails, and what to do about it."""
        now_ns = _now_ns()
        self._failed = {name: one for name, one in self._failed.items() if now_ns - one[1] < CLEAR_NS}
        return {name: words for name, (words, _) in self._failed.items()}


async def keep_running(
    name: str, part: Callable[[], Awaitable[None]], faults: Counter[str], failing: Failing | None = None
) -> None:
    """Run a part until it returns or is cancelled; one that fails is counted, told with its traceback, and run again.

    Args:
        name: What the fault is called.
        part: Starts the part.
        faults: Counts failures.
        failing: Hears of failures.
    """
    backoff = Backoff(base_s=AGAIN_S, cap_s=10.0)
    while True:
        began_ns = _now_ns()
        try:
            await part()
        except Exception as error:  # noqa: BLE001 - a supervisor: what one part did not foresee must not end the others
            faults[f"{name}: failed"] += 1
            if failing is not None:
                failing.note(name, error)
            _log.exception("%s failed and is started again", name)
        else:
            return
        if _now_ns() - began_ns >= CLEAR_NS:
            backoff.reset()
        await asyncio.sleep(backoff.next_s())


def _now_ns() -> int:
    return time.monotonic_ns()
