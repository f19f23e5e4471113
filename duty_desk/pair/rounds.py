"""A thread that does something again and again, and that nobody waits for at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("siaga.desk.pair")


class Rounds:
    """The thread.

    Args:
        name: Its name.
        each_s: From the end of one round to the next.
        work: One round. What it raises is logged when it is not what it raised before; the next round comes anyway.
    """

    def __init__(self, name: str, each_s: float, work: Callable[[], None]) -> None:
        self._each_s = each_s
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failed = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 0.5) -> None:
        """End it after its round; one that hangs is left behind."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - a supervisor: a round that fails must not be the last
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                if reason != self._failed:
                    _log.error("%s: %s; trying again", self._thread.name, reason)
                self._failed = reason
            else:
                self._failed = ""
            self._stop.wait(self._each_s)
