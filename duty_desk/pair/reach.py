"""Whether a desk that stands by could hear presses: a session with each broker that hears nothing and says nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from contract.topics import Lane
from duty_desk.pair.tenure import boottime_ns
from link import Session
from link.supervise import keep_running

if TYPE_CHECKING:
    from duty_desk.settings import Desk

_KEEP_ALIVE_S: Final = 4
_AWAY_NS: Final = 10 * 10**9
_END_S: Final = 0.5
_WORDS: Final[dict[Lane, str]] = {
    "alarm": "broker alarm / alarm broker",
    "telemetry": "broker telemetry / telemetry broker",
}


class Reach:
    """The sessions, under the account that the desk will own with.

    Args:
        config: The desk.
    """

    def __init__(self, config: Desk) -> None:
        self._sessions: dict[Lane, Session] = {
            lane: Session(broker, config.name, keep_alive_s=_KEEP_ALIVE_S) for lane, broker in config.brokers.items()
        }
        self._stood_ns = dict.fromkeys(self._sessions, boottime_ns())
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = False

    @property
    def any(self) -> bool:
        """Whether a broker is reached. Any thread may ask."""
        return any(session.connected for session in self._sessions.values())

    def start(self) -> None:
        """Begin to connect, where that is not begun. On the event loop."""
        if self._tasks or self._ended:
            return
        self._stood_ns = dict.fromkeys(self._sessions, boottime_ns())
        self._tasks = [
            asyncio.create_task(keep_running(f"reach-{lane}", session.run, Counter()), name=f"desk-reach-{lane}")
            for lane, session in self._sessions.items()
        ]

    async def stop(self) -> None:
        """End the sessions, so that those of the owner have the account for themselves."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_END_S)

    def wrong(self) -> list[str]:
        """Return what is wrong, in words: a log-in that is refused, or a broker that was not reached for 10 s."""
        told, now_ns = [], boottime_ns()
        if not self._tasks:
            return []
        for lane, session in self._sessions.items():
            if session.connected:
                self._stood_ns[lane] = now_ns
            elif session.fault is not None:
                told.append(f"{_WORDS[lane]}: {session.fault}")
            elif now_ns - self._stood_ns[lane] > _AWAY_NS:
                told.append(f"{_WORDS[lane]}: tidak terjangkau / not reached")
        return told
