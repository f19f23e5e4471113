"""What the desk sends to one broker: receipts and incidents in order, lamps as they are at the moment of sending."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from link import LinkError, PublishRefusedError, Session

MAX_QUEUED: Final = 2_000
"""Messages that may wait for one broker; the oldest goes first, as boxes ask again for what they miss."""
WORKERS: Final = 4
"""Publishes waiting for their PUBACK at once; one that never comes holds up only one worker."""
_LOOK_S: Final = 0.05
"""Between two looks whether what waits may go out."""

_log = logging.getLogger("siaga.desk.outbound")


class Outbound:
    """A bounded queue to one broker.

    Args:
        session: The session to that broker.
        lamps: Makes topic and body of a device's lamps.
        may: Whether anything may go out now; else it waits.
    """

    def __init__(
        self, session: Session, lamps: Callable[[str], tuple[str, bytes]], may: Callable[[], bool] = lambda: True
    ) -> None:
        self.session = session
        self.dropped = 0
        self._make_lamps = lamps
        self._may = may
        self._refused: dict[str, str] = {}
        self._messages: deque[tuple[str, bytes, bool]] = deque()
        self._lamps: dict[str, None] = {}
        self._wake = asyncio.Event()

    @property
    def fault(self) -> str | None:
        """What a person must mend, in words: a log-in or a kind of message that the broker refuses; None without."""
        return self.session.fault or next(iter(self._refused.values()), None)

    def send(self, topic: str, body: bytes, *, retain: bool = False) -> None:
        """Send a message soon; without a connection it is dropped, because whoever needs it asks again."""
        if not self.session.connected:
            self.dropped += 1
            return
        if len(self._messages) >= MAX_QUEUED:
            self._messages.popleft()
            self.dropped += 1
        self._messages.append((topic, body, retain))
        self._wake.set()

    def lamps(self, device: str) -> None:
        """Send a device's lamps soon."""
        if self.session.connected:
            self._lamps[device] = None
            self._wake.set()

    async def work(self) -> None:
        """Publish what waits, for ever. Several of these run beside one another."""
        while True:
            if (self._messages or self._lamps) and not self._may():
                await asyncio.sleep(_LOOK_S)
                continue
            taken = self._take()
            if taken is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            topic, body, retain = taken
            kind = topic.rpartition("/")[2]
            try:
                await self.session.publish(topic, body, retain=retain)
            except PublishRefusedError as error:
                if error.no_subscriber:
                    self._refused.pop(kind, None)
                else:
                    self._refused[kind] = str(error)
                    _log.error("%s", error)
            except LinkError as error:
                _log.info("%s", error)
            else:
                self._refused.pop(kind, None)

    def _take(self) -> tuple[str, bytes, bool] | None:
        if self._messages:
            return self._messages.popleft()
        if self._lamps:
            device = next(iter(self._lamps))
            del self._lamps[device]
            return (*self._make_lamps(device), False)
        return None
