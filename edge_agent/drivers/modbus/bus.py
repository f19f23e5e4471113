"""The line of a bus: one request at a time goes out, and its answer or nothing comes back."""

from __future__ import annotations

import asyncio
import errno
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from edge_agent.drivers.modbus.settings import ModbusSettings
from edge_agent.drivers.modbus.wire import Answer, Exchange, Refusal, Request
from edge_agent.lines import CONNECT_TIMEOUT_S, SerialLine, TcpLine, line_error

_SHORTEST_GAP_S: Final = 0.00175
"""Modbus over serial line 1.02, 2.5.1.1: 3.5 characters, and no less than this above 19,200 baud."""
_TRANSACTIONS: Final = 65_536
_PARITIES: Final = {"none": "N", "even": "E", "odd": "O"}


class Bus(asyncio.Protocol):
    """An open line.

    `counters` counts `bytes`, and those that came while nothing was asked, `unasked bytes`; requests that had `no
    answer` in time, or one that was `garbled`. `closed` is set once the line is let go.

    Args:
        settings: The bus.
        counters: Where to count.
    """

    def __init__(self, settings: ModbusSettings, counters: Counter[str]) -> None:
        self._settings = settings
        self.closed = asyncio.Event()
        line = settings.line
        bits = 10 + (settings.parity != "none") + (settings.stop_bits - 1)
        self._character_s = bits / line.baudrate if isinstance(line, SerialLine) else 0.0
        self._gap_s = max(3.5 * self._character_s, _SHORTEST_GAP_S) if settings.frames == "rtu" else 0.0
        self._counters = counters
        self._transport: asyncio.WriteTransport | None = None
        self._exchange: Exchange | None = None
        self._answer: asyncio.Future[tuple[Answer | Refusal, int]] | None = None
        self._lost: OSError | None = None
        self._transaction = 0
        self._last_byte_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the line."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes; they are an answer only to what was asked last."""
        now_ns = time.monotonic_ns()
        self._last_byte_s = now_ns / 1e9
        self._counters["bytes"] += len(data)
        if self._exchange is None or self._answer is None or self._answer.done():
            self._counters["unasked bytes"] += len(data)
            return
        found = self._exchange.feed(data)
        if found is not None:
            self._answer.set_result((found, now_ns))

    def connection_lost(self, error: Exception | None) -> None:
        """Take that the line is gone."""
        self._lost = OSError(errno.EIO, str(error) if error is not None else "the other end closed the line")
        self.closed.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)

    async def ask(self, request: Request) -> tuple[Answer | Refusal, int] | None:
        """Send a request; return its answer and when its last byte came, by CLOCK_MONOTONIC in ns; None: none came.

        Raises:
            LineError: The line is lost.
        """
        # Once only: a device that talks without end must not keep the others from being asked.
        await asyncio.sleep(max(0.0, self._last_byte_s + self._gap_s - time.monotonic()))
        self._transaction = (self._transaction + 1) % _TRANSACTIONS
        exchange = Exchange(self._settings.frames, request, self._transaction)
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._write(exchange.data)
            self._exchange = exchange
            async with asyncio.timeout(self._timeout_s(exchange)):
                return await self._answer
        except TimeoutError:
            self._counters["garbled" if exchange.heard else "no answer"] += 1
            return None
        except OSError as error:
            raise line_error(self._settings.uri, error) from error
        finally:
            self._exchange = None

    def _write(self, data: bytes) -> None:
        if self._lost is not None or self._transport is None:
            raise self._lost or OSError(errno.ENOTCONN, "the line is not open")
        self._transport.write(data)

    def _timeout_s(self, exchange: Exchange) -> float:
        on_the_wire_s = (len(exchange.data) + exchange.answer_bytes) * self._character_s
        return self._settings.timeout_ms / 1_000 + on_the_wire_s


@asynccontextmanager
async def open_bus(settings: ModbusSettings, counters: Counter[str]) -> AsyncIterator[Bus]:
    """Open a bus's line; leaving the context closes it.

    Raises:
        LineError: It cannot be opened.
    """
    bus = Bus(settings, counters)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            transport = await _connect(settings, settings.line, bus)
    except OSError as error:
        raise line_error(settings.uri, error) from error
    try:
        yield bus
    finally:
        transport.abort()
        await bus.closed.wait()


async def _connect(settings: ModbusSettings, line: SerialLine | TcpLine, bus: Bus) -> asyncio.WriteTransport:
    loop = asyncio.get_running_loop()
    if isinstance(line, TcpLine):
        transport, _ = await loop.create_connection(lambda: bus, line.host, line.port)
        return transport
    import serialx  # as in edge_agent.lines

    try:
        port, _ = await serialx.create_serial_connection(
            loop,
            lambda: bus,
            line.path,
            line.baudrate,
            parity=serialx.Parity(_PARITIES[settings.parity]),
            stopbits=serialx.StopBits(settings.stop_bits),
            exclusive=line.exclusive,
        )
    except serialx.SerialException as error:
        raise OSError(str(error)) from error
    return port
