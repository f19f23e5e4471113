"""What systemd hears of a service: that it is ready, that its loop lives, and how it is."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from link.alive import tell_life
from link.notify import Notifier
from tests.link.harness import PATIENCE_S

ROUND_S = 0.01


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Yield the socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def _heard(systemd: socket.socket) -> list[str]:
    told = []
    with suppress(BlockingIOError):
        while True:
            told.append(systemd.recv(4_096).decode())
    return told


@asynccontextmanager
async def _telling(tmp_path: Path, connected: asyncio.Event, ready_at_latest_s: float) -> AsyncIterator[None]:
    with closing(Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})) as notifier:
        telling = asyncio.create_task(
            tell_life(
                notifier,
                lambda: "two\nlines " + 300 * "x",
                connected,
                round_s=ROUND_S,
                ready_at_latest_s=ready_at_latest_s,
            )
        )
        yield
        telling.cancel()
        await asyncio.wait((telling,))


async def _hear(systemd: socket.socket, count: int) -> list[str]:
    """Return what comes, at least so many datagrams."""
    told = _heard(systemd)
    async with asyncio.timeout(PATIENCE_S):
        while len(told) < count:
            await asyncio.sleep(ROUND_S)
            told += _heard(systemd)
    return told


async def test_it_is_ready_once_connected_and_a_loop_that_stands_still_tells_nothing(
    tmp_path: Path, systemd: socket.socket
) -> None:
    connected = asyncio.Event()
    async with _telling(tmp_path, connected, 3_600.0):
        await asyncio.sleep(5 * ROUND_S)
        assert _heard(systemd) == []
        connected.set()
        told = await _hear(systemd, 3)
        assert told[:3] == ["READY=1", *2 * ["WATCHDOG=1\nSTATUS=two lines " + 190 * "x"]]
        time.sleep(5 * ROUND_S)  # nothing awaits: this is a loop that hangs
        assert _heard(systemd) == []
        assert await _hear(systemd, 1)


async def test_without_whom_it_connects_to_it_is_ready_too(tmp_path: Path, systemd: socket.socket) -> None:
    async with _telling(tmp_path, asyncio.Event(), ROUND_S):
        assert (await _hear(systemd, 2))[0] == "READY=1"
