"""Buttons and lamps of a simulated board: JSON lines over a Unix socket, described in `simulator/board.py`."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_agent.drivers.button.edges import Edge, EdgeHistory
from edge_agent.drivers.button.trial import Trial
from pins.uri import SimLine

_MAX_LINE_BYTES = 4_096


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    line: str
    level: bool
    timestamp_ns: int
    sequence: int


async def watch_sim(line: SimLine, trial: Trial) -> AsyncGenerator[Edge, None]:
    """Yield the level of a board's line, then its edges, and those of tests.

    Raises:
        OSError: The board is not there, went away, or speaks another language.
    """
    history = EdgeHistory()
    async with _connect(line) as (reader, writer):
        ask = json.dumps({"watch": line.line}).encode() + b"\n"
        writer.write(ask)
        event = await _read_event(reader)
        yield history.opened(event.level, event.timestamp_ns, event.sequence)
        with trial.served(lambda: writer.write(ask)):
            while True:
                known, event = event.sequence, await _read_event(reader)
                for edge in history.edge(event.level, event.timestamp_ns, event.sequence):
                    yield edge
                # An edge has a number of its own; what has none is the level that a test asked for.
                if event.sequence == known and trial.take():
                    yield history.synthetic(time.monotonic_ns())


class SimLamp:
    """A lamp of a simulated board."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> None:
        self._reader = reader
        self._writer = writer
        self._line = line

    async def set(self, on: bool) -> None:
        """Switch the lamp.

        Raises:
            OSError: The board went away.
        """
        if self._writer.is_closing() or self._reader.at_eof():
            raise OSError(errno.EPIPE, "the simulated board went away")
        self._writer.write(json.dumps({"lamp": self._line, "on": on}).encode() + b"\n")
        await self._writer.drain()


@asynccontextmanager
async def open_sim_lamp(line: SimLine) -> AsyncIterator[SimLamp]:
    """Connect to a board's lamp; its state is left as it is at the end, as the board stands for hardware.

    Raises:
        OSError: The board is not there.
    """
    async with _connect(line) as (reader, writer):
        yield SimLamp(reader, writer, line.line)


@asynccontextmanager
async def _connect(line: SimLine) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(line.socket, limit=_MAX_LINE_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _read_event(reader: asyncio.StreamReader) -> _Event:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        raise OSError(errno.EPIPE, "the simulated board went away") from None
    except asyncio.LimitOverrunError:
        raise OSError(errno.EPROTO, f"the simulated board sent a line over {_MAX_LINE_BYTES} bytes") from None
    try:
        return _Event.model_validate_json(line)
    except ValidationError:
        raise OSError(errno.EPROTO, f"the simulated board answered {line[:200]!r}") from None
