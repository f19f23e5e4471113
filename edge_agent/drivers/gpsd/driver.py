"""The gpsd driver: asks a gpsd for its reports, and gives one `position` a fix.

| URI | what |
|---|---|
| `gpsd://127.0.0.1:2947` | a gpsd, by its host and port (2947 when left out) |
| `gpsd://127.0.0.1?device=/dev/ttyUSB0` | one of its receivers |
| `replay://gpsd.json` | its reports, captured |
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic_ns
from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator

from edge_agent.drivers.base import EARLIEST_LIVE_NS, Driver, DriverType, Sample
from edge_agent.drivers.gpsd.report import GpsdDecoder
from edge_agent.drivers.line import LineDriver
from edge_agent.drivers.nmea.settings import FixSettings
from edge_agent.errors import LineError
from edge_agent.lines import CHUNK_BYTES, CONNECT_TIMEOUT_S

DEFAULT_PORT: Final = 2947
_EXAMPLE: Final = "gpsd://127.0.0.1:2947"
_NEXT_STEP: Final = "check that gpsd runs there (systemctl status gpsd.socket) and listens for this box (gpsd -G)"


@dataclass(frozen=True, slots=True)
class GpsdAddress:
    """A gpsd, and one of its receivers, or None for the first that gives a fix."""

    host: str
    port: int
    device: str | None


def parse_gpsd_uri(uri: str) -> GpsdAddress:
    """Return what a gpsd's URI names.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    parts = urlsplit(uri)
    try:
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if parts.scheme != "gpsd" or not parts.hostname or not port or parts.path not in ("", "/"):
        raise ValueError(f"{uri!r} is not gpsd://HOST:PORT; example: {_EXAMPLE}")
    query = parse_qs(parts.query, keep_blank_values=True)
    if set(query) - {"device"} or query.get("device") == [""]:
        raise ValueError(f"{uri!r}: it has one setting, device; example: {_EXAMPLE}?device=/dev/ttyUSB0")
    return GpsdAddress(parts.hostname, port, query["device"][-1] if query else None)


class GpsdDriver:
    """A gpsd that is watched.

    Args:
        decoder: Reads its reports.
        uri: Where it is.
    """

    def __init__(self, decoder: GpsdDecoder, uri: str) -> None:
        self.decoder = decoder
        self._uri = uri

    @property
    def counters(self) -> Counter[str]:
        """The decoder's."""
        return self.decoder.counters

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Connect, watch, and yield what each chunk completes.

        Raises:
            LineError: gpsd cannot be reached or is lost.
        """
        address = parse_gpsd_uri(self._uri)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(address.host, address.port, limit=CHUNK_BYTES)
        except TimeoutError:
            raise LineError(self._uri, f"no connection within {CONNECT_TIMEOUT_S:.0f} s", _NEXT_STEP) from None
        except OSError as error:
            raise LineError(self._uri, error.strerror or str(error), _NEXT_STEP) from error
        try:
            _end_when_half_open(writer)
            watch: dict[str, object] = {"enable": True, "json": True}
            if address.device is not None:
                watch["device"] = address.device
            writer.write(f"?WATCH={json.dumps(watch)};\n".encode())
            while chunk := await reader.read(CHUNK_BYTES):
                yield self.decoder.feed(chunk, monotonic_ns())
        except OSError as error:
            raise LineError(self._uri, error.strerror or str(error), _NEXT_STEP) from error
        finally:
            self.decoder.flush()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        raise LineError(self._uri, "gpsd closed the connection", _NEXT_STEP)

    def fault(self) -> str | None:
        """Return the decoder's fault."""
        return self.decoder.fault()


def _end_when_half_open(writer: asyncio.StreamWriter) -> None:
    """Let the kernel find out within 25 s that the other end is gone: gpsd says nothing while its receiver does not."""
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        line.setsockopt(socket.IPPROTO_TCP, option, value)


def _checked(uri: str) -> str:
    if not uri.startswith("replay://"):
        parse_gpsd_uri(uri)
    return uri


class GpsdSettings(FixSettings):
    """A gpsd, on this box or another machine."""

    uri: Annotated[str, AfterValidator(_checked)] = _EXAMPLE


def open_gpsd(settings: GpsdSettings) -> Driver:
    """Return a gpsd's driver; its captured reports may be as old as they like."""
    if not settings.live:
        return LineDriver(GpsdDecoder(rules=settings.rules()), settings.uri)
    device = parse_gpsd_uri(settings.uri).device
    decoder = GpsdDecoder(device=device, earliest_ns=EARLIEST_LIVE_NS, rules=settings.rules())
    return GpsdDriver(decoder, settings.uri)


DRIVER: Final = DriverType(
    name="gpsd",
    settings=GpsdSettings,
    open=open_gpsd,
    example="""\
[[sensors]]
id = "gps"
driver = "gpsd"
uri = "gpsd://127.0.0.1:2947"
""",
    tells_time=True,
)
