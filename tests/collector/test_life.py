"""What systemd hears of a collector: a real process, and a stand-in of systemd that listens."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from link.alive import ROUND_S
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.collector.test_process import COMMAND, write_config
from tests.conftest import Database
from tests.warm import WarmProcess


def _until(systemd: socket.socket, wanted: str, within_s: float = 20.0) -> None:
    """Wait for a datagram that holds this."""
    told: list[str] = []
    deadline_s = time.monotonic() + within_s
    while not told or wanted not in told[-1]:
        systemd.settimeout(max(0.001, deadline_s - time.monotonic()))
        try:
            told.append(systemd.recv(4_096).decode())
        except TimeoutError:
            raise AssertionError(f"no {wanted} among {told}") from None


def _empty(systemd: socket.socket) -> None:
    systemd.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            systemd.recv(4_096)


@pytest.mark.slow
def test_it_is_ready_without_its_broker_says_what_is_wrong_and_tells_nothing_while_frozen(
    tmp_path: Path, trust: Trust, influxdb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Mosquitto(tmp_path, "telemetry-broker", trust, "telemetry")
    broker.render()
    config = write_config(tmp_path, broker, influxdb.server, influxdb.database)
    collector = WarmProcess([*COMMAND, "run", "--config", str(config)], name="collector-1", folder=tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        try:
            collector.start()
            _until(systemd, "READY=1")
            _until(systemd, "WATCHDOG=1\nSTATUS=not connected to the broker")
            collector.freeze()
            _empty(systemd)
            systemd.settimeout(ROUND_S + 0.5)
            with pytest.raises(TimeoutError):
                systemd.recv(4_096)
            broker.start()
            collector.thaw()
            _until(systemd, "WATCHDOG=1\nSTATUS=collecting")
            collector.request_stop()
            _until(systemd, "STOPPING=1")
            assert collector.wait() == 0
        finally:
            collector.stop()
            broker.stop()
