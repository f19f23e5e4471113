"""A page's stream by hand: reads as a browser does, comes back with the id of the last event it has, and keeps all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import h11

from tests.duty_desk.conftest import session_token


@dataclass(frozen=True)
class Told:
    """One event."""

    name: str
    run: str
    number: int
    data: Any


@dataclass
class Listener:
    """A page that connects again whenever its stream ends.

    Args:
        port: Where it connects to.
        page: What it calls itself.
        who: Whose session it has.
        by_query: Whether it says the id of its last event in the address, as a page does that opens a new stream.
    """

    port: int
    page: str = "p1"
    who: str = "petugas-1"
    screen: str = "Layar 1"
    by_query: bool = False
    events: list[Told] = field(default_factory=list)
    connects: int = 0

    def __post_init__(self) -> None:
        self._arrived = asyncio.Condition()
        self._rest = b""
        self._last = ""

    async def wait(self, name: str, match: Callable[[Any], bool] = lambda _: True, timeout_s: float = 15.0) -> Any:
        """Return the data of the first event of this name that matches, from those that came before on."""

        def found() -> list[Any]:
            return [each.data for each in self.events if each.name == name and match(each.data)]

        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(found)
        return found()[0]

    async def run(self) -> None:
        """Listen, for ever."""
        while True:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                await self._once()
            self._rest = b""
            await asyncio.sleep(0.01)

    async def _once(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.connects += 1
        query = {"screen": self.screen, "page": self.page} | ({"last_event_id": self._last} if self.by_query else {})
        headers = [("host", "localhost"), ("cookie", f"siaga={session_token(self.who)}")]
        if self._last and not self.by_query:
            headers.append(("last-event-id", self._last))
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(method="GET", target=f"/api/events?{urlencode(query)}", headers=headers)
        try:
            writer.write(connection.send(request) + (connection.send(h11.EndOfMessage()) or b""))
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Data):
                    await self._feed(bytes(event.data))
                elif not isinstance(event, h11.Response):
                    return
        finally:
            writer.close()

    async def _feed(self, data: bytes) -> None:
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines())
            if "data" not in fields:
                continue
            self._last = fields["id"]
            run, _, number = fields["id"].rpartition("-")
            async with self._arrived:
                self.events.append(Told(fields["event"], run, int(number), json.loads(fields["data"])))
                self._arrived.notify_all()


@contextlib.asynccontextmanager
async def listening(port: int, **more: Any) -> AsyncIterator[Listener]:
    """Yield a page that listens."""
    listener = Listener(port, **more)
    task = asyncio.create_task(listener.run(), name="page")
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
