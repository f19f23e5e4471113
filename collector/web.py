"""/metrics, /healthz and /readyz over HTTP, for Prometheus, systemd and `siaga collector top`. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.metrics import CONTENT_TYPE, Snapshot, readiness, render
from contract.errors import SiagaError


class ListenError(SiagaError):
    """The address for the metrics cannot be listened on."""


@asynccontextmanager
async def serving(host: str, port: int, snapshot: Callable[[], Snapshot]) -> AsyncIterator[None]:
    """Answer while the context is open.

    Args:
        host: The address to listen on.
        port: The port.
        snapshot: Returns the figures of the moment; it must not block.

    Raises:
        ListenError: It cannot listen there.
    """

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=render(snapshot()).encode(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        now = snapshot()
        status, text = readiness(now.faults, now.impaired)
        return web.Response(status=status, text=text, content_type="application/json")

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ListenError(f"[metrics] {host}:{port}: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()
