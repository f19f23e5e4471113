"""What the tests of `link` share: a session run for a while, an inbox, and brokers with rules of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from link import Endpoint, Session
from siaga.stack.process import Process, free_port

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


@contextlib.contextmanager
def broker_with(folder: Path, *rules: str, port: int | None = None) -> Iterator[int]:
    """Run a Mosquitto with these lines in its configuration and yield its port."""
    port = free_port() if port is None else port
    lines = (f"listener {port} {HOST}", "persistence false", "set_tcp_nodelay true", "user root", *rules)
    config = folder / "broker-with.conf"
    config.write_text("\n".join(lines) + "\n")
    process = Process(["mosquitto", "-c", str(config)], name="broker-with", folder=folder)
    process.start()
    try:
        _wait_for_port(process, port)
        yield port
    finally:
        process.stop()


def _wait_for_port(process: Process, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.running:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
            return
        time.sleep(0.005)
    raise AssertionError(process.log.read_text())
