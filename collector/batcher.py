"""Gathers the lines of many messages into loads for the store, by size and age. Pure.

A load is closed when it is full, when its oldest message has waited long enough, or when nothing more has come for a
moment: a broker whose window is used up sends nothing until it gets its PUBACKs. A load holds messages of one
connection, in the order of their arrival, and loads are taken in that order. What waits is bounded by the caller, who
stops the broker while too much is held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from collector.order import Arrivals, Load


@dataclass(frozen=True, slots=True)
class Limits:
    """When a load is full: lines, bytes off the wire and messages. `age_s`: how long a message waits at most;
    `quiet_s`: how long for a next one; in seconds.

    They are looked at after each read from the socket, so a load may exceed them by what one read brings.
    """

    lines: int = 5_000
    size_bytes: int = 786_432
    messages: int = 4_000
    age_s: float = 0.1
    quiet_s: float = 0.01


class Batcher:
    """What waits for the store.

    Args:
        limits: When a load is full; may be set anew.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._closed: deque[Load] = deque()
        self._open: Load | None = None
        self._arrivals: Arrivals | None = None
        self._opened_s = 0.0
        self._last_added_s = 0.0

    def open(self, arrivals: Arrivals, now_s: float) -> Load:
        """Return the load that takes what arrives on a connection now; tell `added` afterwards."""
        load = self._open
        if load is None or self._arrivals is not arrivals:
            self._close()
            load = self._open = arrivals.begin()
            self._arrivals = arrivals
            self._opened_s = now_s
        return load

    def added(self, lines: int, size_bytes: int, now_s: float) -> bool:
        """Note what the open load got; return whether somebody waiting for a load should look again."""
        load = self._open
        assert load is not None
        first = not load.size_bytes
        load.lines += lines
        load.size_bytes += size_bytes
        self._last_added_s = now_s
        limits = self.limits
        if (
            load.lines >= limits.lines
            or load.size_bytes >= limits.size_bytes
            or len(load.packet_ids) >= limits.messages
        ):
            self._close()
            return True
        return first

    def due_in_s(self, now_s: float) -> float | None:
        """Return in how many seconds a load must go: 0 for now, None when nothing waits."""
        if self._closed:
            return 0.0
        if self._open is None:
            return None
        due_s = min(self._opened_s + self.limits.age_s, self._last_added_s + self.limits.quiet_s)
        return max(0.0, due_s - now_s)

    def take(self) -> Load | None:
        """Return the oldest load, closed, or None when nothing waits."""
        if not self._closed:
            self._close()
        return self._closed.popleft() if self._closed else None

    def _close(self) -> None:
        if self._open is not None:
            self._closed.append(self._open)
            self._open = None
            self._arrivals = None
