"""An HTTP server on a real socket that answers exactly the bytes it was told to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """Raw bytes, once `gate` is set, in pieces `drip_s` seconds apart; the connection is closed afterwards."""

    pieces: tuple[bytes, ...]
    drip_s: float = 0.0
    gate: asyncio.Event | None = None


def reply(status: str, body: bytes = b"", headers: str = "", *, length: int | None = None) -> Reply:
    """Return an HTTP reply; `length` says another Content-Length than the true one."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n"
    return Reply((head.encode() + body,))


def drip(status: str, body: bytes, drip_s: float) -> Reply:
    """Return an HTTP reply whose body comes byte by byte."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    return Reply((head, *(bytes([byte]) for byte in body)), drip_s)


NO_CONTENT = reply("204 No Content")


@dataclass
class Scripted:
    """The server's state: `replies` in turn, then what `answer` makes of a body, or `after`; what it was asked."""

    url: str
    replies: list[Reply]
    after: Reply = NO_CONTENT
    answer: Callable[[bytes], Reply] | None = None
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    open: set[asyncio.Task[None]] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_for_writes(self, number: int) -> None:
        """Wait until it got that many writes."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(self.bodies) >= number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; a query gets an empty result and uses up no reply."""
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self.open.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ", 2)[1]
        lengths = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0]) if lengths else 0)
        self.paths.append(path)
        headers = [line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line]
        self.heads.append({name.lower(): value for name, value in headers})
        if path.startswith("/query"):
            answer = reply("200 OK", b'{"results":[{"statement_id":0}]}')
        else:
            self.bodies.append(body)
            answer = self.replies.pop(0) if self.replies else self.answer(body) if self.answer else self.after
        async with self.changed:
            self.changed.notify_all()
        if answer.gate is not None:
            await answer.gate.wait()
        for piece in answer.pieces:
            writer.write(piece)
            await writer.drain()
            if answer.drip_s:
                await asyncio.sleep(answer.drip_s)
        writer.write_eof()
        await reader.read()


@asynccontextmanager
async def scripted(*replies: Reply) -> AsyncIterator[Scripted]:
    """Yield a running server that answers writes with these replies, then with 204."""
    state = Scripted("", list(replies))
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        try:
            yield state
        finally:
            server.close()
            left = list(state.open)
            for task in left:
                task.cancel()
            await asyncio.gather(*left)
            # The transports close in the loop's next turn.
            await asyncio.sleep(0)
