"""Ports for servers that start later are given to one only, whichever process asks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from siaga.stack import ports
from siaga.stack.ports import free_port

OTHER = """
import sys
from siaga.stack import ports
ports._PORTS = range(int(sys.argv[1]), int(sys.argv[2]))
for line in sys.stdin:
    print(ports.free_port(int(line)), flush=True)
"""
FIRST = 5_000 + os.getpid() % 15 * 1_000
OURS = range(FIRST, FIRST + 1_000)
"""Ports of this process' tests alone: who runs beside it is given ports too, now and then the one that is asked for."""


class Other:
    """Another process that asks for ports."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def free_port(self, preferred: int) -> int:
        """Return what it is given."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{preferred}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def another() -> Iterator[Other]:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(OURS.start), str(OURS.stop)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Other(process)


@pytest.fixture(autouse=True)
def _ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_PORTS", OURS)


def test_ports_are_below_those_of_outgoing_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1_024 < free_port() < 32_768


def test_ports_are_never_given_twice() -> None:
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == 200
    assert all(port in OURS for port in given)


def test_one_that_nothing_listens_on_yet_is_given_to_no_other_process_until_its_own_ends() -> None:
    own = free_port()
    with another() as first, another() as second:
        assert first.free_port(own) != own
        port = first.free_port(free_unlocked())
        assert second.free_port(port) != port
    with another() as third:
        assert third.free_port(port) == port


def test_a_fork_is_given_others_and_takes_none_of_its_parents_locks_away() -> None:
    own = free_port()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(free_port(own)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 10)) != own
    os.close(reading)
    os.close(writing)
    with another() as other:
        assert other.free_port(own) != own


def test_the_oldest_locks_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_locks", ports._Locks())
    monkeypatch.setattr(ports, "_MOST_LOCKED", 2)
    old, *_, new = [free_port() for _ in range(4)]
    with another() as other:
        assert other.free_port(old) == old
        assert other.free_port(new) != new


def test_one_that_something_listens_on_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", free_unlocked())) as server, another() as other:
        port = server.getsockname()[1]
        assert other.free_port(port) != port


def free_unlocked() -> int:
    """Return a port that nobody was given nor listens on."""
    with another() as gone:
        return gone.free_port(OURS.start)
