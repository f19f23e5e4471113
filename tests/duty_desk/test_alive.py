"""What systemd hears of a desk: a real process, and a stand-in of systemd that listens."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from duty_desk.alive import Alive
from link.alive import ROUND_S
from link.notify import Notifier
from siaga.stack.ports import free_port
from tests.duty_desk.conftest import Desk
from tests.warm import Warm, WarmProcess

PAIR = """
[pair]
name = "desk"
url = "http://127.0.0.1:1"
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Yield the socket on which systemd listens to each process that is started."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        yield listening


def heard(systemd: socket.socket) -> list[str]:
    """Return what waits."""
    told = []
    systemd.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            told.append(systemd.recv(4_096).decode())
    return told


def until(systemd: socket.socket, wanted: str, within_s: float = 20.0) -> list[str]:
    """Return what comes until this does, an assignment each."""
    told: list[str] = []
    deadline_s = time.monotonic() + within_s
    while wanted not in told:
        systemd.settimeout(max(0.001, deadline_s - time.monotonic()))
        try:
            told += systemd.recv(4_096).decode().split("\n")
        except TimeoutError:
            raise AssertionError(f"no {wanted} among {told}") from None
    return told


@pytest.fixture
def started(idle: Desk, warm: Warm) -> Iterator[Desk]:
    """Yield a desk that is not started yet; its brokers are not there."""
    idle.process = WarmProcess(idle.command("run"), name="desk", folder=idle.folder)
    yield idle
    idle.process.stop()


@pytest.mark.slow
def test_a_desk_tells_that_it_serves_lives_and_ends_and_a_frozen_one_tells_nothing(
    started: Desk, systemd: socket.socket
) -> None:
    started.process.start()
    until(systemd, "READY=1")
    assert started.get("/healthz")["status"] == "degraded"
    until(systemd, "WATCHDOG=1")
    until(systemd, "STATUS=0 open; no alarm broker; no telemetry broker")
    started.process.freeze()
    heard(systemd)
    systemd.settimeout(ROUND_S + 0.5)
    with pytest.raises(TimeoutError):
        systemd.recv(4_096)
    started.process.thaw()
    until(systemd, "WATCHDOG=1")
    started.process.request_stop()
    until(systemd, "STOPPING=1")
    assert started.process.wait() == 0


@pytest.mark.slow
def test_a_desk_that_stands_by_is_ready_though_no_database_answers(started: Desk, systemd: socket.socket) -> None:
    text = started.config.read_text()
    ledger = f'ledger = "postgresql://siaga@127.0.0.1:{free_port()}/ledger"\nledger_password_file = "ledger.password"\n'
    (started.folder / "ledger.password").write_text("of nothing\n")
    (started.folder / "ledger.password").chmod(0o600)
    started.config.write_text(ledger + text + PAIR)
    started.process.start()
    until(systemd, "READY=1")
    until(systemd, "WATCHDOG=1")
    until(systemd, "STATUS=stands by for nobody known; the database does not answer")
    started.process.stop()
    assert heard(systemd)[-1] == "STOPPING=1"


async def test_a_loop_that_stands_still_is_not_fed_though_the_process_lives(
    tmp_path: Path, systemd: socket.socket
) -> None:
    alive = Alive(Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}), round_s=0.01)
    alive.words = lambda: "two\nlines " + 300 * "x"
    running = asyncio.create_task(alive.run())
    await asyncio.sleep(0)
    told = heard(systemd)
    assert told == ["WATCHDOG=1\nSTATUS=two lines " + 190 * "x"]
    time.sleep(0.05)  # nothing awaits: this is a loop that hangs
    assert heard(systemd) == []
    while not heard(systemd):  # noqa: ASYNC110 - a socket is asked
        await asyncio.sleep(0.005)
    running.cancel()
    alive.close()
