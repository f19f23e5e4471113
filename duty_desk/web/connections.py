"""How many connections the desk bears, and which it gives up when there are more: those that keep nobody informed.

- One that waits for a whole request (silent, or sent drop by drop) is closed after REQUEST_S.
- At most MOST_UNREAD do not read what they asked for. Beyond that the one that stands longest is closed.
- When MOST stand and another comes, room is made at the cost of those that wait for a request, then of those that do
  not read, the longest standing first.
- A stream of events is never closed for it: only who is logged in has one, and their number has a bound of its own.
- For who is gone no file is read to its end.

So whoever opens connections by the thousand takes room only from others of the kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any, Final

import h11
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 512
"""Connections at once. A service has 1,024 files by default."""
MOST_UNREAD: Final = 128
"""Of those, how many may not read what they asked for; each holds about 350 KiB of it."""
EVENTS: Final = "/api/events"
REQUEST_S: Final = 10.0
"""From the connection, or the last answer on it, until a request must be there as a whole."""
_ROOM: Final = MOST // 16

_numbers = itertools.count()


class _GoneError(OSError):
    pass


class Connection(H11Protocol):
    """uvicorn's connection, with an end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = next(_numbers)
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False
        self._whole_app, self.app = self.app, self._serve

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin, after room was made."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            make_room(self, self.connections)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._gone = True
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._await_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Take note that the other end does not read as fast as it is told."""
        super().pause_writing()
        unread = [each for each in self.connections if isinstance(each, Connection) and each.unread]
        if len(unread) > MOST_UNREAD:
            _close([min(unread, key=lambda each: each.number)], self.connections)

    @property
    def idle(self) -> bool:
        """Whether it waits for a whole request."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not (self.cycle and self._answering)

    @property
    def unread(self) -> bool:
        """Whether something waits that the other end does not read, and it is no stream of events."""
        return self.transport.get_write_buffer_size() > 0 and not (self.cycle and self.scope["path"] == EVENTS)

    @property
    def _answering(self) -> bool:
        return self.cycle.response_started and not self.cycle.response_complete

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer for as long as somebody is there."""

        async def send_while_there(message: Message) -> None:
            if self._gone:
                raise _GoneError
            await send(message)

        with contextlib.suppress(_GoneError):
            await self._whole_app(scope, receive, send_while_there)

    def _await_request(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(REQUEST_S, self._look)

    def _look(self) -> None:
        if self.idle and not self.transport.is_closing():
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def make_room(newest: Connection, connections: set[Any]) -> None:
    """Close some connections for the newest, or the newest itself when each of the others is of use."""
    others = [each for each in connections if isinstance(each, Connection) and each is not newest]
    waiting = [each for each in others if each.idle]
    spared = waiting or [each for each in others if each.unread]
    _close(sorted(spared, key=lambda each: each.number)[:_ROOM] or [newest], connections)


def _close(some: list[Connection], connections: set[Any]) -> None:
    for each in some:
        connections.discard(each)
        each.transport.abort()
