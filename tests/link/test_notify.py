"""What systemd hears: datagrams on the socket it names, and nothing that waits or raises when it is not there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from link.notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_come_as_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = f"@siaga-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        assert notifier.tell("READY=1", "STATUS=well")
        assert systemd.recv(4_096) == b"READY=1\nSTATUS=well"
        notifier.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_a_systemd_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    assert not notifier.tell("READY=1")
    notifier.close()


def test_a_systemd_that_does_not_read_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        told = [notifier.tell("WATCHDOG=1") for _ in range(5_000)]
        assert told[0]
        assert not told[-1]
        notifier.close()


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_period_is_what_systemd_says_to_this_process(
    environ: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier(environ).watchdog_s == watchdog_s
