"""A bad network on one machine: a TCP proxy that delays, throttles, cuts, holds, refuses and drops packets.

Rules:
- Between a client and a broker on 127.0.0.1. `up` is from the client to the broker, `down` the other way.
- A throttled direction pushes back: kernel buffers are the smallest that Linux gives (about 2 kB), and not a byte is
  read before there is room for it. Several proxies may share one `Wire`, as two connections share one modem.
- `hold` stops the bytes of the connections there are and keeps their sockets: half open, in one direction or both. New
  connections pass. `mute` does that to new ones as well, as a frozen peer does.
- Packets can be dropped where the bytes can be read: on a plain connection, or when the proxy ends the TLS (`tls`).
- Whatever is drawn at random comes from one seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

from tests.edge_agent.network_faults.packets import PacketCutter, packet_type

HOST: Final = "127.0.0.1"
Direction = Literal["up", "down"]
BOTH: Final[tuple[Direction, Direction]] = ("up", "down")

_SMALLEST_BUFFER: Final = 1
_CHUNK: Final = 16_384
_SLICE_S: Final = 0.05
_RESET: Final = struct.pack("ii", 1, 0)


class Wire:
    """What connections share: bytes a second each way, None for as many as come.

    Args:
        up: Bytes a second to the broker.
        down: Bytes a second from it.
    """

    def __init__(self, up: float | None = None, down: float | None = None) -> None:
        self.rate: dict[Direction, float | None] = {"up": up, "down": down}
        self._free_s: dict[Direction, float] = {"up": 0.0, "down": 0.0}

    def set(self, rate: float | None) -> None:
        """Change both directions."""
        self.rate = {"up": rate, "down": rate}

    def chunk(self, direction: Direction) -> int:
        """Return how many bytes to take at once."""
        rate = self.rate[direction]
        return _CHUNK if rate is None else max(1, int(rate * _SLICE_S))

    async def carry(self, direction: Direction, size: int) -> None:
        """Return when so many bytes have been carried, after those that came before."""
        rate = self.rate[direction]
        if rate is None:
            return
        now_s = asyncio.get_running_loop().time()
        self._free_s[direction] = max(now_s, self._free_s[direction]) + size / rate
        await asyncio.sleep(self._free_s[direction] - now_s)


@dataclass(frozen=True, slots=True)
class Terminate:
    """How a proxy ends TLS: as the broker to the client, and as the client to the broker."""

    as_broker: ssl.SSLContext
    as_client: ssl.SSLContext


@dataclass(slots=True)
class _Drop:
    direction: Direction
    kind: int
    holds: bytes
    left: int
    done: asyncio.Event


@dataclass(eq=False, slots=True)
class _Connection:
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    broker: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    open: dict[Direction, asyncio.Event] = field(
        default_factory=lambda: {"up": asyncio.Event(), "down": asyncio.Event()}
    )
    cutters: dict[Direction, PacketCutter] = field(
        default_factory=lambda: {"up": PacketCutter(), "down": PacketCutter()}
    )

    def ends(self, direction: Direction) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if direction == "up":
            return self.client[0], self.broker[1]
        return self.broker[0], self.client[1]


class Proxy:
    """One proxy; `async with` opens and closes it.

    Args:
        target: The broker's port on 127.0.0.1.
        seed: Of the delays.
        wire: What it shares with others; its own without.
        tls: How it ends TLS, to see packets; None to pass bytes as they are.
        see_packets: Whether the bytes are plain MQTT to look into; it is so with `tls`.
        buffer: Of the kernel, in bytes; the smallest slows whatever is more than some packets.
    """

    def __init__(
        self,
        target: int,
        *,
        seed: int = 0,
        wire: Wire | None = None,
        tls: Terminate | None = None,
        see_packets: bool = False,
        buffer: int = _SMALLEST_BUFFER,
    ) -> None:
        self.target = target
        self.wire = wire if wire is not None else Wire()
        self.delay_s = (0.0, 0.0)
        self.mute = False
        self.accepted = 0
        self.bytes: Counter[Direction] = Counter()
        self.packets: Counter[tuple[Direction, int]] = Counter()
        self.dropped = 0
        self.port = 0
        self._tls = tls
        self._buffer = buffer
        self._see = see_packets or tls is not None
        self._random = random.Random(seed)
        self._listener: asyncio.Server | None = None
        self._live: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drops: list[_Drop] = []
        self._cuts: dict[Direction, int] = {}

    @property
    def live(self) -> int:
        """How many connections stand."""
        return len(self._live)

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop everything."""
        await self.refuse()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(2):
            await asyncio.sleep(0)  # the turns in which TLS and then the socket are closed

    # --- what a network does

    async def refuse(self) -> None:
        """Refuse new connections; those there are stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def accept(self) -> None:
        """Accept connections, on the same port as before."""
        if self._listener is None:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets take it over; set later, the window would have been told already.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
            sock.bind((HOST, self.port))
            context = None if self._tls is None else self._tls.as_broker
            self._listener = await asyncio.start_server(self._accepted, sock=sock, ssl=context, limit=1)
            self.port = sock.getsockname()[1]

    def cut(self, *, reset: bool = True) -> None:
        """End the connections there are, by a reset or else by a FIN each way."""
        for connection in list(self._live):
            for _, writer in (connection.client, connection.broker):
                sock = writer.get_extra_info("socket")
                if reset and sock is not None:
                    with contextlib.suppress(OSError):
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    writer.transport.abort()
                else:
                    writer.close()
            for event in connection.open.values():
                event.set()

    def cut_after(self, direction: Direction, size: int) -> None:
        """Reset the connection on which, from now, so many bytes have passed."""
        self._cuts[direction] = self.bytes[direction] + size

    def hold(self, directions: Iterable[Direction] = BOTH) -> None:
        """Let nothing pass on the connections there are, and keep them."""
        for connection in self._live:
            for direction in directions:
                connection.open[direction].clear()

    def release(self) -> None:
        """Let what was held pass, in its order."""
        self.mute = False
        for connection in self._live:
            for event in connection.open.values():
                event.set()

    def drop(self, direction: Direction, kind: int, *, holds: bytes = b"", count: int = 1) -> asyncio.Event:
        """Drop the next packets of a type that hold some bytes; return what is set when all of them are gone.

        Raises:
            ValueError: This proxy cannot see packets.
        """
        if not self._see:
            raise ValueError("the packets are encrypted here; give it `tls`")
        done = asyncio.Event()
        self._drops.append(_Drop(direction, kind, holds, count, done))
        return done

    # --- how

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            upstream = await self._dial()
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((reader, writer), upstream)
        if not self.mute:
            for event in connection.open.values():
                event.set()
        self._live.add(connection)
        try:
            await asyncio.gather(*(self._forward(connection, direction) for direction in BOTH))
        except OSError:  # the one side is gone, so the other one goes
            pass
        finally:
            self._live.discard(connection)
            for _, each in (connection.client, connection.broker):
                each.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
            await asyncio.get_running_loop().sock_connect(sock, (HOST, self.target))
            context = None if self._tls is None else self._tls.as_client
            name = None if context is None else HOST
            return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name, limit=1)
        except BaseException:
            sock.close()
            raise

    async def _forward(self, connection: _Connection, direction: Direction) -> None:
        reader, writer = connection.ends(direction)
        writer.transport.set_write_buffer_limits(high=0)
        may_pass = connection.open[direction]
        while True:
            await may_pass.wait()
            data = await reader.read(self.wire.chunk(direction))
            if not data:
                break
            await self.wire.carry(direction, len(data))
            if any(self.delay_s):
                await asyncio.sleep(self._random.uniform(*self.delay_s))
            await may_pass.wait()
            for piece in self._pieces(connection, direction, data):
                writer.write(piece)
            await writer.drain()
            self.bytes[direction] += len(data)
            limit = self._cuts.get(direction)
            if limit is not None and self.bytes[direction] >= limit:
                del self._cuts[direction]
                raise ConnectionResetError("cut")
        if self._tls is None and writer.can_write_eof():
            writer.write_eof()
        else:
            raise ConnectionResetError("the one side has ended")

    def _pieces(self, connection: _Connection, direction: Direction, data: bytes) -> list[bytes]:
        if not self._see:
            return [data]
        packets = connection.cutters[direction].feed(data)
        self.packets.update((direction, packet_type(packet)) for packet in packets)
        return [packet for packet in packets if not self._is_dropped(direction, packet)]

    def _is_dropped(self, direction: Direction, packet: bytes) -> bool:
        for drop in self._drops:
            if (drop.direction, drop.kind) == (direction, packet_type(packet)) and drop.holds in packet:
                drop.left -= 1
                self.dropped += 1
                if drop.left == 0:
                    self._drops.remove(drop)
                    drop.done.set()
                return True
        return False
