"""Systemd's watchdog: fed while the agent is alive, not when it is not; and what systemd hears besides.

Fault 42 is tried on a real agent, before a stand-in of systemd that does what systemd does: it kills with SIGABRT who
was not heard from in time, and starts it again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge_agent import watchdog as watchdog_module
from edge_agent.watchdog import Watchdog
from link.notify import Notifier

REPO = Path(__file__).parents[2]


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Yield the socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def heard(systemd: socket.socket) -> list[str]:
    """Return what waits."""
    told = []
    systemd.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            told += systemd.recv(4_096).decode().split("\n")
    systemd.settimeout(20)
    return told


async def until(systemd: socket.socket, wanted: str) -> list[str]:
    told: list[str] = []
    async with asyncio.timeout(5):
        while wanted not in told:
            told += heard(systemd)
            await asyncio.sleep(0.005)
    return told


def environ(tmp_path: Path, watchdog_s: float = 0.1) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(round(watchdog_s * 1e6))}


async def test_it_is_fed_and_ready_is_told_when_it_is(tmp_path: Path, systemd: socket.socket) -> None:
    one = Watchdog(Notifier(environ(tmp_path)), lambda: None, lambda: "no fault")
    task = asyncio.create_task(one.run())
    told = await until(systemd, "WATCHDOG=1")
    assert "READY=1" not in told + await until(systemd, "WATCHDOG=1")
    one.ready()
    await until(systemd, "READY=1")
    task.cancel()
    one.stopping()
    assert "STOPPING=1" in heard(systemd)
    assert "STATUS=no fault" in told


async def test_a_button_that_cannot_be_opened_does_not_make_systemd_restart_the_box(
    tmp_path: Path, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_module, "READY_S", 0.05)
    one = Watchdog(Notifier(environ(tmp_path)), lambda: None, lambda: "")
    task = asyncio.create_task(one.run())
    await until(systemd, "READY=1")
    task.cancel()
    one.stopping()


async def test_what_only_a_restart_mends_is_not_fed(tmp_path: Path, systemd: socket.socket) -> None:
    why: list[str | None] = [None]
    one = Watchdog(Notifier(environ(tmp_path)), lambda: why[0], lambda: "")
    task = asyncio.create_task(one.run())
    await until(systemd, "WATCHDOG=1")
    why[0] = "the thread of alarms.db is dead"
    await asyncio.sleep(0)
    heard(systemd)
    fed = one.fed
    await asyncio.sleep(0.12)
    assert one.fed <= fed + 1
    why[0] = None
    await until(systemd, "WATCHDOG=1")
    task.cancel()
    one.stopping()


def test_a_start_anew_under_the_same_process_is_no_end(tmp_path: Path, systemd: socket.socket) -> None:
    Watchdog(Notifier(environ(tmp_path)), lambda: None, lambda: "").stopping(again=True)
    assert heard(systemd) == []


_AGENT = """
import asyncio, os, signal, sys, time
from pathlib import Path
import faulthandler
from edge_agent.agent import Agent
from link.notify import Notifier
from tests.edge_agent.test_agent import box
faulthandler.enable()
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))  # in the main thread: the loop stands still
asyncio.run(Agent(box(Path(sys.argv[1]), int(sys.argv[2])), lambda: None, None, Notifier(os.environ)).run())
"""


def start(tmp_path: Path, port: int, watchdog_s: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _AGENT, str(tmp_path), str(port)]
    env = {**os.environ, **environ(tmp_path, watchdog_s)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, cwd=REPO, env=env)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no process behind, however the test ends."""
    try:
        yield
    finally:
        process.kill()


def wait_for(systemd: socket.socket, wanted: str) -> None:
    while wanted not in systemd.recv(4_096).decode().split("\n"):
        pass


def wait_for_silence(systemd: socket.socket, longest_s: float) -> None:
    """Return once the watchdog was not fed for so long."""
    fed_s = time.monotonic()
    while (left_s := fed_s + longest_s - time.monotonic()) > 0:
        systemd.settimeout(left_s)
        with suppress(TimeoutError):
            if "WATCHDOG=1" in systemd.recv(4_096).decode().split("\n"):
                fed_s = time.monotonic()
    systemd.settimeout(20)


@pytest.mark.slow
def test_fault_42_a_blocked_loop_is_not_fed_and_the_agent_is_back_within_15_s(
    tmp_path: Path, systemd: socket.socket
) -> None:
    period_s, usual_start_s = 3.0, 2.0
    started_s = time.monotonic()
    with start(tmp_path, 1, period_s) as process, ended(process):
        wait_for(systemd, "READY=1")
        start_s = time.monotonic() - started_s
        wait_for(systemd, "WATCHDOG=1")
        process.send_signal(signal.SIGUSR1)
        begun_s = time.monotonic()
        wait_for_silence(systemd, period_s)
        process.send_signal(signal.SIGABRT)
        _, told = process.communicate(timeout=10)
        assert process.returncode == -signal.SIGABRT
        assert b"<lambda>" in told, "the log says where the loop stood"
    with start(tmp_path, 1, period_s) as process, ended(process):
        wait_for(systemd, "READY=1")
        # With the unit's WatchdogSec=10 it takes 7 s longer than here. A busy machine starts each process late.
        took_s = time.monotonic() - begun_s
        assert took_s < 15 - (10 - period_s) + 2 * max(0.0, start_s - usual_start_s)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0
    assert "STOPPING=1" in heard(systemd)
