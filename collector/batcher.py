"""Gathers lines of many messages into bodies for the store, by size and age. Pure.

A body goes out when it is full, when its oldest line has waited long enough, or when nothing more has come for a
moment: a broker whose window is used up sends nothing until it gets its PUBACKs. What waits is bounded by its caller,
who stops the broker while `messages` or `waiting_bytes` are above what it allows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class Piece(Generic[Owner]):
    """The lines of one message, and whose they are."""

    owner: Owner
    lines: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Limits:
    """When a body is full: lines, bytes and messages. `age_s`: how long a line waits at most; `quiet_s`: how long for a
    next one; in seconds.
    """

    lines: int = 5_000
    size_bytes: int = 1_048_576
    messages: int = 1_000
    age_s: float = 0.1
    quiet_s: float = 0.01


class Batcher(Generic[Owner]):
    """What waits for the store.

    Args:
        limits: When a body is full.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: deque[tuple[float, Piece[Owner]]] = deque()
        self.waiting_lines = 0
        self.waiting_bytes = 0
        self._last_added_s = 0.0

    @property
    def messages(self) -> int:
        """How many messages wait."""
        return len(self._pieces)

    def add(self, piece: Piece[Owner], now_s: float) -> bool:
        """Add a message's lines; return whether somebody waiting for a body should look again."""
        before = self._full
        first = not self._pieces
        self._pieces.append((now_s, piece))
        self._last_added_s = now_s
        self.waiting_lines += piece.count
        self.waiting_bytes += len(piece.lines) + 1
        return first or (self._full and not before)

    def due_in_s(self, now_s: float) -> float | None:
        """Return in how many seconds a body must go: 0 for now, None when nothing waits."""
        if not self._pieces:
            return None
        if self._full:
            return 0.0
        due_s = min(self._pieces[0][0] + self._limits.age_s, self._last_added_s + self._limits.quiet_s)
        return max(0.0, due_s - now_s)

    def take(self) -> list[Piece[Owner]]:
        """Return the oldest messages, as many as one body may hold and at least one when any waits."""
        taken: list[Piece[Owner]] = []
        lines = size = 0
        while self._pieces and len(taken) < self._limits.messages:
            piece = self._pieces[0][1]
            lines += piece.count
            size += len(piece.lines) + 1
            if taken and (lines > self._limits.lines or size > self._limits.size_bytes):
                break
            self._pieces.popleft()
            taken.append(piece)
            self.waiting_lines -= piece.count
            self.waiting_bytes -= len(piece.lines) + 1
        return taken

    @property
    def _full(self) -> bool:
        limits = self._limits
        return (
            self.waiting_lines >= limits.lines
            or self.waiting_bytes >= limits.size_bytes
            or len(self._pieces) >= limits.messages
        )
