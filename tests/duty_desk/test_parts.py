"""Each part of the desk that fails is started again and told; without its web server it ends, to be started anew."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from duty_desk import service as service_module
from duty_desk.service import Service
from duty_desk.settings import load_desk
from tests.duty_desk.conftest import REPO, Desk

pytestmark = pytest.mark.slow


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[tuple[Service, asyncio.Task[None]]]:
    """Yield a service in this process, ready; its brokers are not there."""
    service, stop, ready = Service(load_desk(desk.config)), asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(service.run(stop, ready.set))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield service, task
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def told(desk: Desk, look: Callable[[Any], Any]) -> Any:
    """Return what a look at the desk's health gives, once that is true."""
    async with asyncio.timeout(10):
        while not (seen := look(await asyncio.to_thread(desk.get, "/healthz"))):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.05)
    return seen


async def test_a_part_that_fails_is_started_again_and_told_meanwhile(
    idle: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(idle) as (service, _):
        tick, ticks = service.desk.tick, 0

        def broken() -> bool:
            nonlocal ticks
            ticks += 1
            if ticks <= 2:
                raise KeyError("unforeseen")
            return tick()

        monkeypatch.setattr(service.desk, "tick", broken)
        failing = await told(idle, lambda health: health["failing"])
        assert list(failing) == ["escalation"]
        assert "journalctl -u siaga-desk" in failing["escalation"]
        await told(idle, lambda _: ticks > 4)


async def test_without_its_web_server_the_process_ends(idle: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[uvicorn.Server] = []

    class Known(service_module._Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(service_module, "_Server", Known)
    async with running(idle) as (_, task):
        servers[0].should_exit = True
        async with asyncio.timeout(10):
            with pytest.raises(ExceptionGroup) as caught:
                await task
    assert caught.group_contains(RuntimeError, match="the web server ended")


def test_a_start_imports_nothing_that_only_later_work_needs() -> None:
    code = "import sys, duty_desk.service; print(*sorted({'aiohttp', 'alembic', 'playwright'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert done.stdout.split() == []
