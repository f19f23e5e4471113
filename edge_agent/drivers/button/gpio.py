"""Buttons and lamps on GPIO lines, by the kernel's character device (libgpiod 2).

The kernel debounces and stamps the edges with CLOCK_MONOTONIC. Its queue holds 16 edges a line; when it runs over, the
oldest is dropped, which the line's sequence number shows. A line that an earlier agent requested is taken over with
what waits in its queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Protocol

import gpiod
from gpiod.line import Bias as GpiodBias
from gpiod.line import Clock, Direction, Value
from gpiod.line import Edge as GpiodEdge

from edge_agent.drivers.button.edges import Edge, EdgeHistory
from edge_agent.drivers.button.inherited import InheritedRequest
from edge_agent.drivers.button.trial import Trial
from edge_agent.kept_lines import KeptLines, line_name
from pins.uri import Bias, GpioLine

_BIASES: dict[Bias, GpiodBias] = {
    "as-is": GpiodBias.AS_IS,
    "disabled": GpiodBias.DISABLED,
    "pull-up": GpiodBias.PULL_UP,
    "pull-down": GpiodBias.PULL_DOWN,
}


class EdgeRequest(Protocol):
    """What is used of a gpiod.LineRequest with edge detection."""

    @property
    def fd(self) -> int:
        """Readable when an edge waits."""
        ...

    def get_value(self, line: int) -> Value:
        """Return the logical level: ACTIVE is pressed, whatever the voltage."""
        ...

    def read_edge_events(self) -> Sequence[gpiod.EdgeEvent]:
        """Return the edges that wait; rising is to ACTIVE, whatever the voltage."""
        ...


def read_edges(request: EdgeRequest, offset: int, history: EdgeHistory) -> list[Edge]:
    """Read what waits in the kernel's queue, and the level again if an edge was lost.

    Raises:
        OSError: The line is gone.
    """
    edges = _edges(request.read_edge_events(), history)
    if history.level_in_doubt:
        edges += history.level(request.get_value(offset) is Value.ACTIVE, time.monotonic_ns())
    return edges


async def watch_request(
    request: EdgeRequest, offset: int, trial: Trial | None = None, before: Sequence[gpiod.EdgeEvent] | None = None
) -> AsyncGenerator[Edge, None]:
    """Yield the level of a requested line, then its edges, and those of tests.

    Args:
        request: The line.
        offset: Its number.
        trial: Asks for tests.
        before: The edges that came while nobody watched a line that is taken over; None: it was requested just now.

    Raises:
        OSError: The line is gone.
    """
    trial = trial or Trial()
    history = EdgeHistory()
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    readable = False

    def wake() -> None:
        # Once only: while the edges wait to be read, the file stays readable and the loop would spin.
        nonlocal readable
        loop.remove_reader(request.fd)
        readable = True
        woken.set()

    for edge in _opened(request, offset, before, history):
        yield edge
    try:
        with trial.served(woken.set):
            while True:
                woken.clear()
                readable = False
                loop.add_reader(request.fd, wake)
                if not trial.asked:
                    await woken.wait()
                if readable:
                    for edge in read_edges(request, offset, history):
                        yield edge
                if trial.take():
                    request.get_value(offset)  # a line that is gone says so now
                    yield history.synthetic(time.monotonic_ns())
    finally:
        loop.remove_reader(request.fd)


async def watch_gpio(line: GpioLine, trial: Trial, kept: KeptLines | None = None) -> AsyncGenerator[Edge, None]:
    """Request a line with edge detection and yield its level, then its edges, and those of tests.

    Args:
        line: The line.
        trial: Asks for tests.
        kept: Lets it outlive this process, and has it if an earlier one let it.

    Raises:
        OSError: It cannot be requested, or is gone.
    """
    try:
        with _requested(line, kept) as (request, before):
            async with aclosing(watch_request(request, line.offset, trial, before)) as edges:
                async for edge in edges:
                    yield edge
    except OSError:
        if kept is not None:
            kept.lost(line_name(line))
        raise


@contextmanager
def _requested(
    line: GpioLine, kept: KeptLines | None
) -> Iterator[tuple[EdgeRequest, Sequence[gpiod.EdgeEvent] | None]]:
    name = line_name(line)
    if kept is not None and (file := kept.take(name)) is not None:
        with InheritedRequest(file) as taken:
            yield taken, taken.waiting()
        return
    settings = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=GpiodEdge.BOTH,
        bias=_BIASES[line.bias],
        active_low=line.active_low,
        debounce_period=timedelta(milliseconds=line.debounce_ms),
        event_clock=Clock.MONOTONIC,
    )
    with gpiod.request_lines(f"/dev/{line.chip}", config={line.offset: settings}, consumer="siaga") as request:
        if kept is not None:
            kept.keep(name, request.fd)
        yield request, None


def _opened(
    request: EdgeRequest, offset: int, before: Sequence[gpiod.EdgeEvent] | None, history: EdgeHistory
) -> list[Edge]:
    """Return the level at opening, and the edges that came before it, after the level before them."""
    if not before:
        active = request.get_value(offset) is Value.ACTIVE
        return [history.opened(active, time.monotonic_ns(), 0 if before is None else None)]
    first = before[0]
    rises = first.event_type is gpiod.EdgeEvent.Type.RISING_EDGE
    return [history.opened(not rises, first.timestamp_ns, first.line_seqno - 1), *_edges(before, history)]


def _edges(events: Sequence[gpiod.EdgeEvent], history: EdgeHistory) -> list[Edge]:
    edges: list[Edge] = []
    for event in events:
        active = event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE
        edges += history.edge(active, event.timestamp_ns, event.line_seqno)
    return edges


class GpioLamp:
    """A lamp on a requested output line."""

    def __init__(self, request: gpiod.LineRequest, offset: int) -> None:
        self._request = request
        self._offset = offset

    async def set(self, on: bool) -> None:
        """Switch the lamp.

        Raises:
            OSError: The line is gone.
        """
        self._request.set_value(self._offset, Value.ACTIVE if on else Value.INACTIVE)


@asynccontextmanager
async def open_gpio_lamp(line: GpioLine) -> AsyncIterator[GpioLamp]:
    """Request an output line, off; it is off again at the end.

    Raises:
        OSError: It cannot be requested.
    """
    settings = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=line.active_low, output_value=Value.INACTIVE)
    with gpiod.request_lines(f"/dev/{line.chip}", config={line.offset: settings}, consumer="siaga") as request:
        lamp = GpioLamp(request, line.offset)
        try:
            yield lamp
        finally:
            with suppress(OSError):
                await lamp.set(False)
