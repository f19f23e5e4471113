"""Commands to a board: one on the way, said again until it is answered, the others in line. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import CommandError
from firmware_bridge.frame import Payload
from firmware_bridge.messages import CommandAck, CommandKind, Type, command

MOST_WAITING: Final = 8
RESEND_NS: Final = 200_000_000
TIMEOUT_NS: Final = 2 * 10**9
_MOST_ID: Final = 65_535


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command. `result` is 0 when it was done, None when nothing was heard in time: it may be done."""

    id: int
    result: int | None
    value: int | None


@dataclass(slots=True)
class _Waiting:
    id: int
    kind: CommandKind
    index: int
    value: int
    asked_ns: int
    said_ns: int | None = None


class Commands:
    """The commands of one board.

    Only one is on the way at a time, so that they are done in their order. One whose answer was lost is done again;
    each is such that this changes nothing.

    Args:
        first_id: The first command's id, 1 to 65,535.
    """

    def __init__(self, first_id: int) -> None:
        self._next_id = first_id
        self._waiting: deque[_Waiting] = deque()

    def add(self, kind: CommandKind, index: int, value: int, now_ns: int) -> int:
        """Put a command in line and return its id.

        Raises:
            CommandError: 8 wait already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise CommandError(f"{MOST_WAITING} commands wait for the board already")
        waiting = _Waiting(self._next_id, kind, index, value, now_ns)
        self._next_id = self._next_id % _MOST_ID + 1
        self._waiting.append(waiting)
        return waiting.id

    def tick(self, now_ns: int, *, ready: bool) -> tuple[list[tuple[Type, Payload]], list[Answer]]:
        """Return what is to be said now if the board is `ready`, and those that 2 s brought no answer."""
        failed = []
        while self._waiting and now_ns - self._waiting[0].asked_ns >= TIMEOUT_NS:
            failed.append(Answer(self._waiting.popleft().id, None, None))
        if not self._waiting or not ready:
            return [], failed
        first = self._waiting[0]
        if first.said_ns is not None and now_ns - first.said_ns < RESEND_NS:
            return [], failed
        first.said_ns = now_ns
        return [command(first.id, first.kind, first.index, first.value)], failed

    def due_ns(self, *, ready: bool) -> int | None:
        """Return when `tick` is to be called, None when nothing waits."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        end_ns = first.asked_ns + TIMEOUT_NS
        if not ready:
            return end_ns
        return first.asked_ns if first.said_ns is None else min(end_ns, first.said_ns + RESEND_NS)

    def answered(self, ack: CommandAck) -> Answer | None:
        """Take an answer; None: nobody waits for it."""
        if not self._waiting or self._waiting[0].said_ns is None or self._waiting[0].id != ack.id:
            return None
        self._waiting.popleft()
        return Answer(ack.id, ack.result, ack.value)

    def board_started(self) -> list[Answer]:
        """Take that the board started anew: a reset that was on the way is done, anything else is said again."""
        if not self._waiting or self._waiting[0].said_ns is None:
            return []
        first = self._waiting[0]
        if first.kind is CommandKind.RESET:
            self._waiting.popleft()
            return [Answer(first.id, 0, 0)]
        first.said_ns = None
        return []

    def held_up(self) -> None:
        """Take that the line is lost: what was on the way is said again."""
        if self._waiting:
            self._waiting[0].said_ns = None
