"""What the tests of `link` share: a session run for a while, and an inbox."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from link import Endpoint, Session

HOST = "127.0.0.1"
PATIENCE_S = 10.0
"""How long a test waits for what must come, in seconds."""


class Inbox:
    """Messages in the order in which they came."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue()

    def put(self, topic: str, body: bytes, retained: bool) -> None:
        self.queue.put_nowait((topic, body, retained))

    async def next(self) -> tuple[str, bytes, bool]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.queue.get()

    async def bodies(self, count: int) -> list[bytes]:
        return [(await self.next())[1] for _ in range(count)]


def endpoint(port: int) -> Endpoint:
    """Return a peer that a test scripts; it speaks plainly, as no broker does."""
    return Endpoint(HOST, port)


async def connected(*sessions: Session) -> None:
    """Wait until all sessions stand."""
    async with asyncio.timeout(PATIENCE_S):
        for session in sessions:
            await session.wait_connected()


@contextlib.asynccontextmanager
async def running(*sessions: Session) -> AsyncIterator[None]:
    """Run sessions, wait until they stand, and stop them at the end."""
    async with started(*sessions):
        await connected(*sessions)
        yield


@contextlib.asynccontextmanager
async def started(*sessions: Session) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run sessions without waiting, and stop them at the end; a session that fails by itself fails the test."""
    tasks = [asyncio.create_task(session.run(), name=f"session-{session.client_id}") for session in sessions]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


def silence_s(session: Session) -> float:
    """Return within how many seconds the connection that stands is given up when its broker falls silent.

    By its own keep-alive, which is longer where this machine was slow with the handshake; 2 s are for the machine.
    """
    client = session._client
    assert client is not None
    return 2.0 * client._client.keepalive + 2.0 + 2.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that no event tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is an attribute
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen on 127.0.0.1 with a scripted peer and yield its port; at the end every connection is dropped."""
    serving: set[asyncio.Task[None] | None] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    left = [task for task in serving if task is not None and not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def answer_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer each host name with 127.0.0.1: a bare machine has no /etc/hosts, and so not even `localhost`."""
    really = socket.getaddrinfo

    def answering(host: str, port: int, *, type: int, flags: int = 0) -> Any:  # noqa: A002 - socket's own name
        return really(host if flags else HOST, port, type=type, flags=flags)

    monkeypatch.setattr(socket, "getaddrinfo", answering)
