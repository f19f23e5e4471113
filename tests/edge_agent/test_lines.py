from __future__ import annotations

import asyncio
import errno
import gc
import math
import os
import random
import socket
import time
import tty
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from edge_agent.clock import Clock
from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.driver import NmeaDecoder
from edge_agent.drivers.sds011.driver import Sds011Settings
from edge_agent.errors import LineError
from edge_agent.inputs import SensorReader
from edge_agent.lines import (
    CHUNK_BYTES,
    SerialLine,
    _next_step,
    check_line_uri,
    line_claims,
    read_line_source,
    reopen_backoff,
)
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
        ("tcp://[::1", "is no line: Invalid IPv6 URL; examples: serial:///dev/ttyUSB0"),
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


class Plug:
    """A tty under a stable name, as `/dev/serial/by-id` gives one, that is pulled out and put back as another tty."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "usb-1a86_USB_Serial-if00-port0"
        self.pty: Pty | None = None

    def put_in(self) -> None:
        self.pty = Pty()
        os.set_blocking(self.pty.device, False)
        self.name.symlink_to(self.pty.path)

    def pull(self) -> None:
        assert self.pty is not None
        self.name.unlink()
        self.pty.unplug()
        self.pty = None

    def send(self, data: bytes) -> None:
        assert self.pty is not None
        with suppress(BlockingIOError):
            os.write(self.pty.device, data)


def _descriptors() -> dict[str, str]:
    found = {}
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found[each.name] = str(each.readlink())
    return found


MEASURED = bytes.fromhex("AA C0 2D 00 B8 00 54 6F A8 AB")


@pytest.mark.slow
async def test_fault_39_a_tty_pulled_and_put_back_200_times_is_read_again_within_2_s_and_leaks_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plug = Plug(tmp_path)
    heard = asyncio.Event()
    faults: Counter[str] = Counter()

    def on_sample(sensor: str, sample: Sample) -> None:
        assert (sensor, sample.fields) == ("dust", {"pm2_5_ugm3": 4.5, "pm10_ugm3": 18.4})
        heard.set()

    settings = Sds011Settings(id="dust", driver="sds011", uri=f"serial://{plug.name}")
    reader = SensorReader(settings, Clock(0, 0), faults, on_sample)
    task = asyncio.create_task(reader.run())
    before: dict[str, str] = {}
    longest_s = 0.0
    for turn in range(201):
        plug.put_in()
        began = time.monotonic()
        heard.clear()
        while not heard.is_set():
            plug.send(MEASURED)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.005):
                    await heard.wait()
            assert time.monotonic() - began < 30, "not read again"
        longest_s = max(longest_s, time.monotonic() - began)
        assert reader.wrong == {}
        if turn == 0:
            # By now the loop, its threads and what serialx asks once have their own.
            before, longest_s = _descriptors(), 0.0
        elif turn == 200:
            gc.collect()
            after = _descriptors()
            # What an earlier test's thread lets go meanwhile is no leak.
            assert len(after) <= len(before), set(after.values()) - set(before.values())
        plug.pull()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    record_property("told", f"put back to read, longest of 200: {longest_s * 1e3:.0f} ms")
    assert longest_s <= 2.0
    assert 190 <= faults["sensor dust: line lost"] <= 201, "each time a fault, and once"
    assert set(faults) == {"sensor dust: line lost"}


def test_a_tty_that_stays_away_is_asked_for_each_second_and_a_server_more_seldom(tmp_path: Path) -> None:
    waits = [reopen_backoff(f"serial://{tmp_path}/gone").next_s() for _ in range(5)]
    assert max(waits) <= 0.02
    backoff = reopen_backoff(f"serial://{tmp_path}/gone")
    assert max(backoff.next_s() for _ in range(100)) <= 1.0
    elsewhere = reopen_backoff("tcp://192.168.1.20:4001")
    assert 5.0 <= max(elsewhere.next_s() for _ in range(100)) <= 10.0


@pytest.mark.slow
async def test_a_line_given_up_while_it_opens_leaks_nothing(pty: Pty) -> None:
    async def read() -> None:
        async with aclosing(read_line_source(f"serial://{pty.path}")) as source:
            async for _ in source:
                pass

    draw = random.Random(1)
    before: dict[str, str] = {}
    for turn in range(60):
        task = asyncio.create_task(read())
        await asyncio.wait([task], timeout=draw.random() * 0.015)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if turn == 0:
            async with aclosing(read_line_source(f"serial://{pty.path}")) as source:
                await _opened(pty, source)
            before = _descriptors()
    # What was opened in another thread after all is closed by a task of its own; the lock is free when it is.
    async with asyncio.timeout(5), aclosing(read_line_source(f"serial://{pty.path}")) as source:
        await _opened(pty, source)
    gc.collect()
    assert len(_descriptors()) == len(before)


async def test_the_kernel_watches_over_a_socket_that_says_nothing() -> None:
    gone = asyncio.Event()

    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(keep_quiet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5), aclosing(read_line_source(f"tcp://127.0.0.1:{port}")) as source:
            await anext(source)
            assert await asyncio.to_thread(_seconds_to_a_dead_peer, port) <= 30
        async with asyncio.timeout(5):
            await gone.wait()


def _seconds_to_a_dead_peer(port: int) -> float:
    """Return after how long the kernel gives up this process's connection to a port when nothing answers."""
    for descriptor in _descriptors():
        try:
            copy = socket.socket(fileno=os.dup(int(descriptor)))
        except OSError:
            continue
        with copy, suppress(OSError):
            if copy.family == socket.AF_INET and copy.getpeername()[1] == port:
                if not copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
                    return math.inf
                options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                idle_s, every_s, times = (copy.getsockopt(socket.IPPROTO_TCP, option) for option in options)
                return idle_s + every_s * times
    raise AssertionError("no connection to that port")
