"""Connections that want nothing, say nothing or do not listen: they cost little, and keep nobody out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.identity import new_event_id
from duty_desk.web.connections import MOST, REQUEST_S
from tests.duty_desk.conftest import Desk, box, events_request, press_body

CONNECTIONS = int(os.environ.get("CONNECTIONS", "700"))
"""10,000 take 20 s to open; with them it was tried by hand."""
_OWN_FILES = 500
ANSWER_S = 1.0
"""Of the desk's own work, whatever else its machine does."""
RSS_MB = 200
BIG = "/static/vendor/maplibre-gl/maplibre-gl.mjs"
UNENDING = (
    b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
)

pytestmark = pytest.mark.slow


def _memory_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")) / 1024


def _worked_s(pid: int) -> float:
    """Return how long a process has worked."""
    return sum(psutil.Process(pid).cpu_times()[:2])


@contextlib.contextmanager
def _files(count: int) -> Iterator[int]:
    """Let this process open so many files, or as many as it may; yield how many connections that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OWN_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    try:
        yield min(count, allowed - _OWN_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _crowd(port: int, number: int) -> socket.socket:
    """Return one of the crowd: it says nothing or half a request, asks and does not read, or never ends its body."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.settimeout(10)
    one.connect(("127.0.0.1", port))
    head = (
        "",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Part",
        f"GET {BIG} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        UNENDING.decode() + "{",
    )[number % 4]
    with contextlib.suppress(OSError):
        one.sendall(head.encode())
    return one


async def test_connections_that_say_nothing_or_do_not_read_cost_little_and_keep_nobody_out(desk: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(events_request())
    await reader.readuntil(b"event: snapshot")
    crowd: list[socket.socket] = []
    try:
        async with asyncio.timeout(60), box(desk.alarm) as street:
            with _files(CONNECTIONS) as many:
                crowd += await asyncio.to_thread(lambda: [_crowd(desk.port, number) for number in range(many)])
                assert (await asyncio.to_thread(desk.request, "GET", "/healthz"))[0] == 200
                # What waited while the crowd came is done; from here on it costs nothing but room.
                began, worked_s = time.monotonic(), _worked_s(desk.process.pid)
                assert (await asyncio.to_thread(desk.request, "GET", "/api/state"))[0] == 200
                assert _worked_s(desk.process.pid) - worked_s < ANSWER_S
                assert time.monotonic() - began < REQUEST_S / 2, "nobody of the crowd has to go first"
                event_id = new_event_id()
                await street.alarm(press_body(event_id=event_id))
                await street.receipt("stored", event_id=event_id)
                # The page that read its stream all the time still has it.
                await reader.readuntil(event_id.encode())
        assert _memory_mb(desk.process.pid) < RSS_MB
        assert len(psutil.Process(desk.process.pid).net_connections("tcp")) < MOST + 50
    finally:
        writer.close()
        for one in crowd:
            one.close()


async def test_a_request_that_never_ends_is_cut_off(desk: Desk) -> None:
    started = time.monotonic()
    slow = [await asyncio.open_connection("127.0.0.1", desk.port) for _ in range(3)]
    for sent, (_, writer) in zip((b"", UNENDING[:20], UNENDING), slow, strict=True):
        writer.write(sent)
    async with asyncio.timeout(REQUEST_S + 10):
        drops = asyncio.create_task(_drip(slow[2][1]), name="drip")
        for reader, _ in slow:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        drops.cancel()
    assert time.monotonic() - started > REQUEST_S / 2
    for _, writer in slow:
        writer.close()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(0.5)
        writer.write(b" ")
