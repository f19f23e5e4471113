"""The gpsd driver, with Debian's gpsd on a pty, and with what is no gpsd."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.drivers.base import Driver, Sample
from edge_agent.drivers.gpsd.driver import GpsdAddress, parse_gpsd_uri
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import LineError
from siaga.stack.ports import free_port
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS, gga, rmc
from tests.edge_agent.drivers.test_gpsd_report import VERSION, tpv


def driver(uri: str) -> Driver:
    kind = find_driver("gpsd")
    return kind.open(kind.settings(id="gps", driver="gpsd", uri=uri))


async def read_all(gps: Driver, samples: list[Sample]) -> None:
    async for some in gps.samples():
        samples += some


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("gpsd://localhost", GpsdAddress("localhost", 2947, None)),
        ("gpsd://10.0.0.2:2948/", GpsdAddress("10.0.0.2", 2948, None)),
        ("gpsd://[::1]?device=/dev/ttyUSB0", GpsdAddress("::1", 2947, "/dev/ttyUSB0")),
    ],
)
def test_a_uri_names_a_gpsd(uri: str, address: GpsdAddress) -> None:
    assert parse_gpsd_uri(uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "gpsd://",
        "gpsd://h:x",
        "gpsd://h:99999",
        "gpsd://h/dev/ttyUSB0",
        "gpsd://h?dev=1",
        "gpsd://h?device=",
        "tcp://h:1",
    ],
)
def test_a_uri_that_names_none_is_told_with_an_example(uri: str) -> None:
    with pytest.raises(ValueError, match="example: gpsd://127"):
        parse_gpsd_uri(uri)


def test_its_port_and_receiver_may_be_left_out() -> None:
    settings = find_driver("gpsd").settings.model_validate({"id": "gps", "driver": "gpsd"})
    assert settings.uri == "gpsd://127.0.0.1:2947"


@asynccontextmanager
async def served(*says: bytes) -> AsyncIterator[tuple[str, asyncio.Queue[bytes]]]:
    """Serve one client after the other what each of them is told, and then hang up; yield the URI and what they ask."""
    asked: asyncio.Queue[bytes] = asyncio.Queue()
    left = list(says)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0))
        asked.put_nowait(await reader.readline())
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"gpsd://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_fault_39_a_gpsd_that_hangs_up_is_asked_again_and_its_counters_go_on() -> None:
    async with served(VERSION + tpv(0) + tpv(1)[:20], VERSION + tpv(2)) as (uri, asked):
        gps, samples = driver(f"{uri}?device=/dev/ttyUSB0"), list[Sample]()
        for _ in range(2):
            with pytest.raises(LineError, match="gpsd closed the connection; check that gpsd runs there"):
                await read_all(gps, samples)
            watch = b'?WATCH={"enable": true, "json": true, "device": "/dev/ttyUSB0"};\n'
            assert asked.get_nowait() == watch
    assert [sample.time_ns for sample in samples] == [THREE_NS + SECOND_NS // 2, THREE_NS + 5 * SECOND_NS // 2]
    assert (gps.counters["fixes"], gps.counters["not json"]) == (2, 0)


async def test_nobody_there_is_a_lost_line_with_what_to_do() -> None:
    with pytest.raises(LineError, match=r"gpsd -G"):
        await anext(driver(f"gpsd://127.0.0.1:{free_port()}").samples())


async def test_captured_reports_are_replayed(tmp_path: Path) -> None:
    log = tmp_path / "gpsd.json"
    log.write_bytes(VERSION + tpv(0) + tpv(1, time="2007-04-08T03:00:00Z"))
    samples = [sample async for some in driver(f"replay://{log}").samples() for sample in some]
    assert len(samples) == 1, "the second goes back in time"


@pytest.fixture
def receiver() -> Iterator[tuple[int, str]]:
    """Return a pty: the end that a receiver writes to, and the name of the tty."""
    writes, reads = os.openpty()
    tty.setraw(reads)
    yield writes, os.ttyname(reads)
    os.close(reads)
    os.close(writes)


@pytest.mark.slow
async def test_what_gpsd_makes_of_a_receiver_on_a_tty_comes_in(receiver: tuple[int, str]) -> None:
    writes, name = receiver
    port = free_port()
    with subprocess.Popen(["gpsd", "-N", "-n", "-S", str(port), name], stderr=subprocess.DEVNULL) as gpsd:
        try:
            samples = await _drive(driver(f"gpsd://127.0.0.1:{port}"), writes)
        finally:
            gpsd.kill()
    times = [sample.time_ns for sample in samples if sample.time_ns is not None]
    assert times == sorted(set(times))
    assert {(sample.fields["latitude"], sample.fields["longitude"]) for sample in samples} == {(-6.9215, 107.6069)}
    assert samples[-1].fields["altitude_m"] == 712.5


async def _drive(gps: Driver, writes: int) -> list[Sample]:
    """Write a second of NMEA each 50 ms until three fixes came through gpsd."""
    samples: list[Sample] = []

    async def write() -> None:
        for at in range(3_000):
            clock = f"03{at // 60:02}{at % 60:02}.00"
            os.write(writes, rmc(clock) + gga(clock))
            await asyncio.sleep(0.05)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write(), name="receiver")
        while len(samples) < 3:
            with suppress(LineError):  # gpsd is not up yet
                async with aclosing(gps.samples()) as source:
                    async for some in source:
                        samples += some
                        if len(samples) >= 3:
                            break
            await asyncio.sleep(0.05)
        writing.cancel()
    return samples
