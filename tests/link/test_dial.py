"""Dialling: addresses one after the other, look-ups that fail or hang, and nothing left open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from link import dial
from link.dial import Dialer, Endpoint
from tests.link.harness import answer_names

_REAL = socket.getaddrinfo


@pytest.fixture
def listening() -> Iterator[int]:
    """Yield a port on 127.0.0.1 that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def full() -> Iterator[int]:
    """Yield a port on 127.0.0.1 whose queue is full: a connection to it is neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]


async def test_an_address_is_dialled_without_delay_on_the_wire(listening: int) -> None:
    with (await Dialer(Endpoint("127.0.0.1", listening)).dial(5.0)).socket as connected:
        assert connected.getpeername() == ("127.0.0.1", listening)
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not connected.getblocking()


async def test_the_next_address_is_tried_when_one_refuses(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)) as closed:
        refusing = closed.getsockname()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (refusing, ("127.0.0.1", listening))]
    monkeypatch.setattr(socket, "getaddrinfo", _answering(found))
    with (await Dialer(Endpoint("broker.example", listening)).dial(5.0)).socket as connected:
        assert connected.getpeername() == ("127.0.0.1", listening)


async def test_a_refused_connection_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await Dialer(Endpoint("127.0.0.1", port)).dial(5.0)


async def test_the_last_good_address_serves_when_names_cannot_be_looked_up(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_names(monkeypatch)
    dialer = Dialer(Endpoint("alarm.siaga.example", listening))
    (await dialer.dial(5.0)).socket.close()
    monkeypatch.setattr(socket, "getaddrinfo", _failing)
    with (await dialer.dial(5.0)).socket as connected:
        assert connected.getpeername() == ("127.0.0.1", listening)


async def test_fault_22_the_last_good_address_is_known_after_a_restart(
    listening: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer_names(monkeypatch)
    before = Dialer(Endpoint("alarm.siaga.example", listening), tmp_path / "alarm.address")
    (await before.dial(5.0)).socket.close()
    assert before._remembering is not None
    before._remembering.join(5.0)
    monkeypatch.setattr(socket, "getaddrinfo", _no_names)
    after = Dialer(Endpoint("alarm.siaga.example", listening), tmp_path / "alarm.address")
    with (await after.dial(5.0)).socket as connected:
        assert connected.getpeername() == ("127.0.0.1", listening)
    with pytest.raises(socket.gaierror):
        await Dialer(Endpoint("other.siaga.example", listening), tmp_path / "alarm.address").dial(5.0)


async def test_a_card_that_stands_still_holds_up_no_dial(
    listening: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "stuck")  # to open it blocks until another end is there
    monkeypatch.setattr(dial, "_RECALL_SHARE", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", _no_names)
    dialer = Dialer(Endpoint("alarm.siaga.example", listening), tmp_path / "stuck")
    for _ in range(3):
        with pytest.raises(socket.gaierror):  # and no TimeoutError: it did not wait for the card
            await dialer.dial(10.0)
    monkeypatch.setattr(socket, "getaddrinfo", _REAL)
    answer_names(monkeypatch)
    for _ in range(3):
        (await dialer.dial(10.0)).socket.close()
    assert sum(thread.name == "last-address" for thread in threading.enumerate()) <= 2
    with (tmp_path / "stuck").open("wb"):  # lets the threads end
        pass


async def test_an_unknown_name_raises_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _failing)
    with pytest.raises(socket.gaierror):
        await Dialer(Endpoint("broker.example", 1883)).dial(5.0)


async def test_a_name_that_is_none_raises_an_os_error() -> None:
    with pytest.raises(OSError, match="no host name"):
        await Dialer(Endpoint("a" * 64 + ".example", 1883)).dial(5.0)


async def test_a_look_up_that_hangs_ends_the_dial_in_time_runs_once_and_its_answer_is_used(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    calls: list[str] = []

    def slow(host: str, port: int, **options: Any) -> Any:
        if options.get("flags"):
            return _REAL(host, port, **options)
        calls.append(host)
        answer.wait(10)
        return _REAL("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    dialer = Dialer(Endpoint("broker.example", listening))
    for _ in range(3):
        with pytest.raises(TimeoutError, match="look-up takes too long"):
            await dialer.dial(0.1)
    answer.set()
    with (await dialer.dial(5.0)).socket as connected:
        assert connected.getpeername() == ("127.0.0.1", listening)
    assert calls == ["broker.example"]


async def test_a_dial_without_answer_ends_at_its_timeout_and_leaves_no_socket(full: int) -> None:
    gc.collect()  # what other tests left for it must not close in the middle of the count
    before = psutil.Process().num_fds()
    with pytest.raises(TimeoutError):
        await Dialer(Endpoint("127.0.0.1", full)).dial(0.05)
    assert psutil.Process().num_fds() == before


async def test_a_cancelled_dial_ends_at_once_and_leaves_no_socket(full: int) -> None:
    gc.collect()  # what other tests left for it must not close in the middle of the count
    before = psutil.Process().num_fds()
    dialling = asyncio.create_task(Dialer(Endpoint("127.0.0.1", full)).dial(30.0))
    done, _ = await asyncio.wait((dialling,), timeout=0.02)
    assert not done
    start = time.monotonic()
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    assert time.monotonic() - start < 10.0
    assert psutil.Process().num_fds() == before


def _answering(found: list[Any]) -> Any:
    def getaddrinfo(host: str, port: int, **options: Any) -> Any:
        return _failing() if options.get("flags") else found

    return getaddrinfo


def _no_names(host: str, port: int, **options: Any) -> Any:
    return _REAL(host, port, **options) if options.get("flags") else _failing()


def _failing(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
