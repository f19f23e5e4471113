"""What systemd hears of the wall server: a real process, and a stand-in of systemd that listens."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from siaga.stack.ports import free_port
from siaga.stack.trust import Trust
from tests.dashboards.server import city
from tests.warm import WarmProcess

_PLAN = """
city = "Kota"
language = "id"
theme = "dark"
[[screens]]
number = 1
show = [{ dashboard = "siaga_city" }]
takeover = true
"""
_NEWS_S = 2.5
"""Longer than between two signs of life."""


def _until(systemd: socket.socket, wanted: str, within_s: float = 60.0) -> str:
    deadline_s = time.monotonic() + within_s
    while True:
        systemd.settimeout(max(0.001, deadline_s - time.monotonic()))
        told = systemd.recv(4_096).decode()
        if told.startswith(wanted):
            return told


def _drained(systemd: socket.socket) -> None:
    systemd.setblocking(False)
    try:
        while systemd.recv(4_096):
            pass
    except BlockingIOError:
        pass


def _stopped(pid: int | None) -> None:
    """Wait until a process that was told to stand still does: on another processor it may still be at it."""
    assert pid is not None
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)


@pytest.mark.slow
def test_systemd_hears_that_it_serves_lives_and_ends_and_nothing_of_a_frozen_one(
    tmp_path: Path, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.toml").write_text(_PLAN)
    (tmp_path / "inventory.toml").write_text(city.inventory_toml())
    (tmp_path / "password").write_text("of nobody\n")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "wall-server.toml").write_text(f"""
plan = "plan.toml"
inventory = "inventory.toml"
http = {{ port = {free_port()} }}
[alarm_broker]
host = "127.0.0.1"
port = {free_port()}
ca = "{trust.authority.trust}"
username = "centre.wall"
password_file = "password"
[store]
url = "http://127.0.0.1:{free_port()}"
database = "walls"
username = "reader"
password_file = "password"
""")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    command = [sys.executable, "-m", "siaga.main", "wall", "serve", "--config", str(tmp_path / "wall-server.toml")]
    server = WarmProcess(command, name="wall", folder=tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        server.start()
        try:
            _until(systemd, "READY=1")
            assert _until(systemd, "WATCHDOG=1") == "WATCHDOG=1\nSTATUS=no alarm broker", (
                "neither it nor a store is there"
            )
            server.freeze()
            _stopped(server.pid)
            _drained(systemd)
            with pytest.raises(TimeoutError):
                _until(systemd, "", _NEWS_S)
            server.thaw()
            _until(systemd, "WATCHDOG=1")
            server.request_stop()
            _until(systemd, "STOPPING=1")
            assert server.wait() == 0
        finally:
            server.stop()
