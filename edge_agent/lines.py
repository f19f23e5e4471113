"""Lines that bytes come in on, chosen by URI.

| URI | line |
|---|---|
| `serial:///dev/ttyUSB0?baudrate=9600` | a tty, 8N1, locked for us alone; `exclusive=false` shares it |
| `tcp://192.168.1.20:4001` | a socket, as of a serial device server |
| `replay:///var/log/gps.log`, `replay://gps.log` | a file, as fast as it can be read |
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from edge_agent.errors import LineError
from link.backoff import Backoff

CHUNK_BYTES: Final = 4_096
CONNECT_TIMEOUT_S: Final = 10.0
DEFAULT_BAUDRATE: Final = 9_600
_EXAMPLES: Final = "serial:///dev/ttyUSB0?baudrate=9600, tcp://192.168.1.20:4001 or replay://gps.log"


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A tty. `baudrate` is 50 to 4,000,000 bits a second."""

    path: str
    baudrate: int
    exclusive: bool


@dataclass(frozen=True, slots=True)
class TcpLine:
    """A listening socket elsewhere."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ReplayLine:
    """A file of captured bytes."""

    path: Path


def check_line_uri(uri: str) -> None:
    """Check a line's URI without touching the line.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    parse_line_uri(uri)


def parse_line_uri(uri: str) -> SerialLine | TcpLine | ReplayLine:
    """Return what a line's URI names.

    Raises:
        ValueError: As `check_line_uri`.
    """
    if uri.startswith("replay://"):
        if not uri.removeprefix("replay://"):
            raise ValueError(f"{uri!r} names no file; example: replay://gps.log")
        return ReplayLine(Path(uri.removeprefix("replay://")))
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ValueError(f"{uri!r} is no line: {error}; examples: {_EXAMPLES}") from None
    if parts.scheme == "serial":
        return _serial_line(uri)
    if parts.scheme == "tcp":
        try:
            port = parts.port
        except ValueError:
            port = None
        if not parts.hostname or not port or parts.path or parts.query:
            raise ValueError(f"{uri!r} is not tcp://HOST:PORT; example: tcp://192.168.1.20:4001")
        return TcpLine(parts.hostname, port)
    raise ValueError(f"{uri!r} is no line; examples: {_EXAMPLES}")


def line_claims(uri: str) -> tuple[str, ...]:
    """Return what a line takes for itself alone, such as `serial:/dev/ttyUSB0`; two names of one port are one claim.

    Raises:
        ValueError: As `check_line_uri`.
    """
    line = parse_line_uri(uri)
    if isinstance(line, SerialLine):
        return (f"serial:{os.path.realpath(line.path)}",) if line.exclusive else ()
    return (f"tcp:{line.host}:{line.port}",) if isinstance(line, TcpLine) else ()


def reopen_backoff(uri: str) -> Backoff:
    """Return how long to wait before a line, or anything else a sensor's `uri` names, is opened again.

    A tty that is plugged in again is to be read within 2 s, and asking for one that is not there costs next to nothing.
    A device server elsewhere is not to be hammered.
    """
    return Backoff(base_s=0.02, cap_s=1.0) if uri.startswith("serial:") else Backoff(base_s=0.2, cap_s=10.0)


async def read_line_source(
    uri: str, opened: Callable[[], None] = lambda: None
) -> AsyncGenerator[tuple[bytes, int], None]:
    """Open a line and yield what comes in on it: (1 to 4,096 bytes, CLOCK_MONOTONIC in ns). Only a replay ends.

    Args:
        uri: Names the line.
        opened: Called when a tty is open, which a busy machine takes its time for.

    Raises:
        ValueError: As `check_line_uri`.
        LineError: It cannot be opened or is lost.
    """
    line = parse_line_uri(uri)
    try:
        if isinstance(line, SerialLine):
            source = _read_serial(line, opened)
        elif isinstance(line, TcpLine):
            source = _read_tcp(line)
        else:
            source = _read_file(line)
        async with aclosing(source):
            async for chunk in source:
                yield chunk, time.monotonic_ns()
    except OSError as error:
        raise line_error(uri, error) from error


def line_error(uri: str, error: OSError) -> LineError:
    """Return what befell a line as the error that says what to do now; a `TimeoutError` befell its opening."""
    line = parse_line_uri(uri)
    if isinstance(error, TimeoutError):
        return LineError(uri, f"no connection within {CONNECT_TIMEOUT_S:.0f} s", _next_step(line, None))
    return LineError(uri, error.strerror or str(error), _next_step(line, error.errno))


def tty_candidates() -> list[str]:
    """Return the ttys of this machine that a device may be on: by their stable names first."""
    by_id = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*"))
    patterns = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyS[0-9]", "ttymxc*")
    return by_id + sorted(str(path) for pattern in patterns for path in Path("/dev").glob(pattern))


def _serial_line(uri: str) -> SerialLine:
    parts = urlsplit(uri)
    example = "example: serial:///dev/ttyUSB0?baudrate=9600"
    if parts.netloc or not parts.path.startswith("/") or parts.path == "/":
        raise ValueError(f"{uri!r} needs three slashes and the tty's path; {example}")
    query = parse_qs(parts.query, keep_blank_values=True)
    unknown = sorted(set(query) - {"baudrate", "exclusive"})
    if unknown:
        raise ValueError(f"{uri!r}: unknown setting {unknown[0]!r}, known: baudrate, exclusive; {example}")
    baudrate = query.get("baudrate", [str(DEFAULT_BAUDRATE)])[-1]
    if not (baudrate.isascii() and baudrate.isdecimal() and 50 <= int(baudrate) <= 4_000_000):
        raise ValueError(f"{uri!r}: baudrate is a whole number from 50 to 4000000; {example}")
    exclusive = query.get("exclusive", ["true"])[-1]
    if exclusive not in ("true", "false"):
        raise ValueError(f"{uri!r}: exclusive is true or false; {example}")
    return SerialLine(parts.path, int(baudrate), exclusive == "true")


async def _read_serial(line: SerialLine, opened: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    import serialx  # a box without a tty never pays for it: 2 MB and a good part of the start

    port = serialx.async_serial_for_url(line.path, baudrate=line.baudrate, exclusive=line.exclusive)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await port.open()
        try:
            opened()
            while chunk := await port.read(CHUNK_BYTES):
                yield chunk
        finally:
            await port.close()
    except serialx.SerialException as error:
        raise OSError(str(error)) from error
    raise OSError(errno.EIO, "the device hung up")


async def _read_tcp(line: TcpLine) -> AsyncGenerator[bytes, None]:
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(line.host, line.port, limit=CHUNK_BYTES)
    try:
        _keep_alive(writer.get_extra_info("socket"))
        while chunk := await reader.read(CHUNK_BYTES):
            yield chunk
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    raise OSError(errno.ECONNRESET, "the other end closed the connection")


def _keep_alive(connected: socket.socket) -> None:
    """Let the kernel find out within half a minute that the other end is gone, which a reader never would."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def _read_file(line: ReplayLine) -> AsyncGenerator[bytes, None]:
    file = await asyncio.to_thread(line.path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


def _next_step(line: SerialLine | TcpLine | ReplayLine, number: int | None) -> str:
    if isinstance(line, ReplayLine):
        return "check the path; replay:///var/log/gps.log is absolute, replay://gps.log is in this folder"
    if isinstance(line, TcpLine):
        return "check that the device server is on, its address, and that nobody else holds its port"
    if number in (errno.EACCES, errno.EPERM):
        return "add yourself to the group dialout (sudo usermod -aG dialout $USER) and log in again"
    if number == errno.EBUSY:
        return f"another process has it; find it with: fuser {line.path}"
    if number in (errno.ENOTTY, errno.EISDIR):
        return f"that is no tty; {_candidates()}"
    return _candidates()


def _candidates() -> str:
    found = tty_candidates()
    return "ttys here: " + ", ".join(found) if found else "no serial port is here; check cable and driver (dmesg)"
