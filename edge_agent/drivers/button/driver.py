"""The button driver: a button's level and edges, and the lamp at it, by URI.

What `gpio://` and `sim://` URIs look like stands in `uri.py`; how lost edges are made good in `edges.py`.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Protocol

from edge_agent.drivers.button.edges import Edge
from edge_agent.drivers.button.sim import open_sim_lamp, watch_sim
from edge_agent.drivers.button.trial import Trial
from edge_agent.errors import LineError
from edge_agent.kept_lines import KeptLines
from pins.uri import GpioLine, SimLine, parse_button_uri, parse_lamp_uri

__all__ = ["Edge", "LampOutput", "check_button_uri", "check_lamp_uri", "open_lamp", "watch_button"]


class LampOutput(Protocol):
    """A lamp that can be switched."""

    async def set(self, on: bool) -> None:
        """Switch the lamp.

        Raises:
            LineError: Its line is lost; open it again.
        """
        ...


def check_button_uri(uri: str) -> None:
    """Check a button's URI without touching the line.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    parse_button_uri(uri)


def check_lamp_uri(uri: str) -> None:
    """Check a lamp's URI without touching the line.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    parse_lamp_uri(uri)


async def watch_button(
    uri: str, trial: Trial | None = None, kept: KeptLines | None = None
) -> AsyncGenerator[Edge, None]:
    """Open a button's line; yield its level (`initial`), then its edges, and those of tests (`synthetic`), without end.

    `kept` lets a GPIO line outlive this process.

    Raises:
        ValueError: As `check_button_uri`.
        LineError: The line cannot be opened or is lost.
    """
    line = parse_button_uri(uri)
    trial = trial or Trial()
    edges = _watch_gpio(line, trial, kept) if isinstance(line, GpioLine) else watch_sim(line, trial)
    try:
        async with aclosing(edges):
            async for edge in edges:
                yield edge
    except OSError as error:
        raise _line_error(uri, line, error) from error


@asynccontextmanager
async def open_lamp(uri: str) -> AsyncIterator[LampOutput]:
    """Open a lamp's line; leaving the context lets it go.

    Raises:
        ValueError: As `check_lamp_uri`.
        LineError: The line cannot be opened.
    """
    line = parse_lamp_uri(uri)
    async with AsyncExitStack() as stack:
        lamp: LampOutput
        try:
            if isinstance(line, GpioLine):
                from edge_agent.drivers.button.gpio import open_gpio_lamp  # as in _watch_gpio

                lamp = await stack.enter_async_context(open_gpio_lamp(line))
            else:
                lamp = await stack.enter_async_context(open_sim_lamp(line))
        except OSError as error:
            raise _line_error(uri, line, error) from error
        yield _Lamp(uri, line, lamp)


def _watch_gpio(line: GpioLine, trial: Trial, kept: KeptLines | None) -> AsyncGenerator[Edge, None]:
    from edge_agent.drivers.button.gpio import watch_gpio  # gpiod, only for a box that has GPIO lines

    return watch_gpio(line, trial, kept)


class _Lamp:
    def __init__(self, uri: str, line: GpioLine | SimLine, lamp: LampOutput) -> None:
        self._uri = uri
        self._line = line
        self._lamp = lamp

    async def set(self, on: bool) -> None:
        try:
            await self._lamp.set(on)
        except OSError as error:
            raise _line_error(self._uri, self._line, error) from error


def _line_error(uri: str, line: GpioLine | SimLine, error: OSError) -> LineError:
    problem = error.strerror or str(error)
    if isinstance(line, SimLine):
        return LineError(uri, problem, "start the simulated board")
    if error.errno in (errno.EACCES, errno.EPERM):
        return LineError(uri, problem, "add yourself to the group gpio (sudo usermod -aG gpio $USER) and log in again")
    if error.errno == errno.EBUSY:
        return LineError(uri, problem, "another process has the line; find it with: gpioinfo")
    chips = ", ".join(sorted(path.name for path in Path("/dev").glob("gpiochip*")))
    return LineError(uri, problem, f"chips here: {chips}" if chips else "this machine has no /dev/gpiochip*")
