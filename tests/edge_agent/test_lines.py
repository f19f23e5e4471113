from __future__ import annotations

import asyncio
import errno
import os
import time
import tty
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from edge_agent.drivers.nmea.driver import NmeaDecoder
from edge_agent.errors import LineError
from edge_agent.lines import CHUNK_BYTES, SerialLine, _next_step, check_line_uri, line_claims, read_line_source
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS, gga, rmc


class Pty:
    """A real tty with a device at its other end."""

    def __init__(self) -> None:
        self.device, self._tty = os.openpty()
        tty.setraw(self._tty)
        self.path = os.ttyname(self._tty)
        self._plugged = True

    def unplug(self) -> None:
        if self._plugged:
            self._plugged = False
            os.close(self._tty)
            os.close(self.device)


@pytest.fixture
def pty() -> Iterator[Pty]:
    line = Pty()
    yield line
    line.unplug()


Source = AsyncGenerator[tuple[bytes, int], None]


async def _opened(pty: Pty, source: Source) -> None:
    """Wait until the tty is open: what is sent before is dropped by the opening, as with every tty."""
    first = asyncio.ensure_future(anext(source))
    while not first.done():
        os.write(pty.device, b"?")
        await asyncio.wait([first], timeout=0.01)
    assert first.result()[0].strip(b"?") == b""


async def _read_until(source: Source, end: bytes) -> bytes:
    read = bytearray()
    async for chunk, monotonic_ns in source:
        assert 1 <= len(chunk) <= CHUNK_BYTES
        assert 0 <= time.monotonic_ns() - monotonic_ns < 5 * SECOND_NS
        read += chunk
        if read.endswith(end):
            return bytes(read)
    raise AssertionError("the line ended")


@pytest.mark.parametrize(
    "uri",
    [
        "serial:///dev/ttyUSB0",
        "serial:///dev/ttyUSB0?baudrate=115200&exclusive=false",
        "tcp://192.168.1.20:4001",
        "tcp://[::1]:4001",
        "replay:///var/log/gps.log",
        "replay://gps.log",
    ],
)
def test_good_uris(uri: str) -> None:
    check_line_uri(uri)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("", "is no line; examples: serial:///dev/ttyUSB0"),
        ("/dev/ttyUSB0", "is no line; examples: serial:///dev/ttyUSB0"),
        ("http://host:80", "is no line"),
        ("serial://dev/ttyUSB0", "needs three slashes"),
        ("serial:///", "needs three slashes"),
        ("serial:///dev/ttyUSB0?baudrate=fast", "baudrate is a whole number from 50"),
        ("serial:///dev/ttyUSB0?baudrate=0", "baudrate is a whole number from 50"),
        ("serial:///dev/ttyUSB0?baud=9600", "unknown setting 'baud', known: baudrate, exclusive"),
        ("serial:///dev/ttyUSB0?exclusive=yes", "exclusive is true or false"),
        ("tcp://192.168.1.20", "is not tcp://HOST:PORT"),
        ("tcp://192.168.1.20:0", "is not tcp://HOST:PORT"),
        ("tcp://192.168.1.20:99999", "is not tcp://HOST:PORT"),
        ("tcp://192.168.1.20:1/x", "is not tcp://HOST:PORT"),
        ("replay://", "names no file"),
    ],
)
def test_a_wrong_uri_is_told_what_is_wrong(uri: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_line_uri(uri)


async def test_a_tty_gives_every_byte(pty: Pty) -> None:
    every = bytes(range(256)) * 8 + b"end"
    async with asyncio.timeout(5), aclosing(read_line_source(f"serial://{pty.path}?baudrate=115200")) as source:
        await _opened(pty, source)
        sent = asyncio.create_task(asyncio.to_thread(os.write, pty.device, every))
        assert (await _read_until(source, b"end")).lstrip(b"?") == every
        assert await sent == len(every)


async def test_a_receiver_on_a_tty_with_garbage_in_between(pty: Pty) -> None:
    cycles = [rmc(f"03000{at}.00") + b"\0\xff$GP\x80" + gga(f"03000{at}.00") + b"x" * 2_000 for at in range(4)]
    decoder = NmeaDecoder()
    times: list[int | None] = []
    async with asyncio.timeout(5), aclosing(read_line_source(f"serial://{pty.path}")) as source:
        await _opened(pty, source)
        sent = asyncio.create_task(asyncio.to_thread(os.write, pty.device, b"".join(cycles) + rmc("030009.00")))
        while len(times) < 4:
            times += [sample.time_ns for sample in decoder.feed(*await anext(source))]
        await sent
    assert times == [THREE_NS + at * SECOND_NS for at in range(4)]
    assert decoder.counters["cut off"] == 4


async def test_a_device_pulled_out_is_a_lost_line(pty: Pty) -> None:
    async with asyncio.timeout(5), aclosing(read_line_source(f"serial://{pty.path}")) as source:
        await _opened(pty, source)
        pty.unplug()
        with pytest.raises(LineError, match="disconnected"):
            await _read_until(source, b"!")


async def test_a_tty_in_use_is_told(pty: Pty) -> None:
    uri = f"serial://{pty.path}"
    async with asyncio.timeout(5), aclosing(read_line_source(uri)) as source:
        await _opened(pty, source)
        with pytest.raises(LineError, match=f"find it with: fuser {pty.path}"):
            await anext(read_line_source(uri))


async def test_a_missing_tty_is_told_the_ones_there_are(tmp_path: Path) -> None:
    with pytest.raises(LineError, match=r"No such file or directory; (ttys here: /dev/|no serial port is here)"):
        await anext(read_line_source("serial:///dev/ttyNOPE"))
    (tmp_path / "plain").touch()
    with pytest.raises(LineError, match="that is no tty"):
        await anext(read_line_source(f"serial://{tmp_path}/plain"))


def test_what_to_do_about_a_forbidden_tty() -> None:
    assert "usermod -aG dialout" in _next_step(SerialLine("/dev/ttyUSB0", 9_600, True), errno.EACCES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every tty")
async def test_a_forbidden_tty_is_told_the_group(tmp_path: Path) -> None:
    (tmp_path / "tty").touch(mode=0)
    with pytest.raises(LineError, match="group dialout"):
        await anext(read_line_source(f"serial://{tmp_path}/tty"))


async def test_a_socket_gives_its_bytes_until_it_is_closed() -> None:
    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello" * 2_000 + b"!")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(send, "127.0.0.1", 0) as server:
        uri = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with aclosing(read_line_source(uri)) as source:
            assert await _read_until(source, b"!") == b"hello" * 2_000 + b"!"
            with pytest.raises(LineError, match="the other end closed the connection"):
                await anext(source)
    with pytest.raises(LineError, match="check that the device server is on"):
        await anext(read_line_source(uri))


async def test_a_replay_gives_the_file_and_ends(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (CHUNK_BYTES + 1))
    chunks = [len(chunk) async for chunk, _ in read_line_source(f"replay://{tmp_path}/log")]
    assert chunks == [CHUNK_BYTES, 1]
    with pytest.raises(LineError, match=r"No such file or directory; check the path"):
        await anext(read_line_source(f"replay://{tmp_path}/none"))


def test_two_names_of_one_tty_are_one_claim(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/null")
    assert line_claims(f"serial://{tmp_path}/by-id?baudrate=4800") == line_claims("serial:///dev/null")
    assert line_claims("serial:///dev/ttyNOPE") == ("serial:/dev/ttyNOPE",)
    assert line_claims("tcp://Server.example:4001") == ("tcp:server.example:4001",)


def test_a_shared_tty_and_a_file_are_claimed_by_nobody() -> None:
    assert line_claims("serial:///dev/ttyUSB0?exclusive=false") == ()
    assert line_claims("replay://gps.log") == ()
