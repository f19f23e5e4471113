"""Feeds systemd's watchdog while the agent is alive, and tells systemd how it is.

Rules:
- It is fed from the event loop, so a blocked loop is not fed and systemd starts the agent anew.
- It is not fed either when a thread of an outbox is dead, or when presses are due and nobody sends them: what only a
  restart mends.
- A card that stands still is none of these: its thread lives and waits for the kernel. A restart would make no card
  quicker, would lose what is in memory, and would do so again. It is a fault, told in the status (`watchman.py`).
- `READY=1` comes when the buttons are watched, and after 10 s at the latest: a button whose line is broken must not
  make systemd restart a box that does all the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from link.notify import Notifier

_log = logging.getLogger("siaga.edge.watchdog")

READY_S: Final = 10.0
ROUND_S: Final = 2.0
_PER_PERIOD: Final = 4


class Watchdog:
    """Tells systemd that the agent is ready, and that it lives.

    Args:
        notifier: Whom to tell.
        why_dead: Returns why the agent should be started anew, or None.
        status: Returns how it is, in one line.
    """

    def __init__(self, notifier: Notifier, why_dead: Callable[[], str | None], status: Callable[[], str]) -> None:
        self._notifier = notifier
        self._why_dead = why_dead
        self._status = status
        self._ready = asyncio.Event()
        self._told = ""
        self.fed = 0

    def ready(self) -> None:
        """The buttons are watched."""
        self._ready.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        period_s = self._notifier.watchdog_s
        round_s = ROUND_S if period_s is None else min(ROUND_S, period_s / _PER_PERIOD)
        loop = asyncio.get_running_loop()
        latest_s = loop.time() + READY_S
        told_ready = False
        while True:
            if not told_ready and (self._ready.is_set() or loop.time() >= latest_s):
                told_ready = True
                self._notifier.tell("READY=1")
            self._feed()
            if (status := self._status()) != self._told:
                self._told = status
                self._notifier.tell(f"STATUS={status}")
            try:
                async with asyncio.timeout(round_s):
                    await (asyncio.Event() if told_ready else self._ready).wait()
            except TimeoutError:
                pass

    def stopping(self, *, again: bool = False) -> None:
        """The agent ends; `again`: to start anew under the same process id, which is no end to systemd."""
        if not again:
            self._notifier.tell("STOPPING=1", "STATUS=stopping")
        self._notifier.close()

    def _feed(self) -> None:
        why = self._why_dead()
        if why is None:
            self.fed += 1
            self._notifier.tell("WATCHDOG=1")
        else:
            _log.critical("the watchdog is not fed: %s", why)
