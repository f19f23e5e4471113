"""The port for Prometheus: loopback, one answer a connection, and who dawdles holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from edge_agent import metrics_server
from edge_agent.metrics import CONTENT_TYPE
from edge_agent.metrics_server import HOST, serve_metrics
from siaga.stack.ports import free_port


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[Counter[str]]:
    faults: Counter[str] = Counter()
    task = asyncio.create_task(serve_metrics(port, lambda: "x 1\n", faults))
    async with asyncio.timeout(5):
        while not faults:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                await closed(writer)
                break
            await asyncio.sleep(0.005)
    yield faults
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_an_ordinary_client_reads_it() -> None:
    port = free_port()
    async with serving(port):

        def get() -> tuple[str, bytes]:
            with urllib.request.urlopen(f"http://{HOST}:{port}/metrics?x=1", timeout=5) as response:
                return response.headers["Content-Type"], response.read()

        assert await asyncio.to_thread(get) == (CONTENT_TYPE, b"x 1\n")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"404"),
        (b"POST /metrics HTTP/1.1", b"405"),
        (b"nonsense", b"405"),
        (b"", b"405"),
    ],
)
async def test_anything_else_is_refused(request_line: bytes, status: bytes) -> None:
    port = free_port()
    async with serving(port):
        assert (await answer(port, request_line + b"\r\n\r\n")).split()[1] == status


async def test_a_request_without_end_is_cut_off() -> None:
    port = free_port()
    async with serving(port):
        with suppress(ConnectionError):
            assert b"x 1" not in await answer(port, b"X: " + b"x" * 100_000)
        assert b"x 1" in await answer(port, b"GET /metrics HTTP/1.1\r\n\r\n")


async def test_who_dawdles_is_let_go_after_his_time_and_the_next_one_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_server, "TIMEOUT_S", 0.05)
    port = free_port()
    async with serving(port):
        slow = [await asyncio.open_connection(HOST, port) for _ in range(3)]
        assert b"x 1" in await answer(port, b"GET /metrics HTTP/1.1\r\n\r\n")
        for reader, writer in slow:
            assert await reader.read() == b""
            await closed(writer)


async def test_a_port_that_is_taken_is_a_fault() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        faults: Counter[str] = Counter()
        task = asyncio.create_task(serve_metrics(other.getsockname()[1], lambda: "", faults))
        async with asyncio.timeout(5):
            while not faults["metrics port"]:  # noqa: ASYNC110 - the count is all it shows
                await asyncio.sleep(0.005)
        task.cancel()
