"""Awaits the end of processes that are not our children, whoever is slow to reap them."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self


class Ends:
    """Watches processes by pidfd (pidfd_open(2)): readable once the process ended, reaped or not.

    Args:
        pids: Processes that run now.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._fds = {os.pidfd_open(pid): pid for pid in pids}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._fds:
            os.close(fd)

    def alive_after(self, timeout_s: float) -> list[int]:
        """Return the processes that still run after `timeout_s` seconds; at once when none does."""
        waiting = set(self._fds)
        deadline = time.monotonic() + timeout_s
        while waiting:
            ended, _, _ = select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))
            if not ended:
                break
            waiting -= set(ended)
        return sorted(self._fds[fd] for fd in waiting)
