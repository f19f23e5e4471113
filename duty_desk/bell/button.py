"""The button at the bell that silences it: a GPIO line, or a line of a simulated board."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Final

from link.backoff import Backoff
from pins.errors import LineError
from pins.uri import GpioLine, SimLine, parse_button_uri

_MAX_LINE_BYTES: Final = 4_096
_MOST_WAIT_S: Final = 5.0


class Button:
    """Watches a line; only its going down counts, so one that is stuck silences nothing twice.

    Args:
        uri: The line.
        pressed: Called on the event loop for each press.
    """

    def __init__(self, uri: str, pressed: Callable[[], object]) -> None:
        self.fault: str | None = "not opened yet"
        self._uri = uri
        self._pressed = pressed

    async def run(self) -> None:
        """Watch until cancelled; a line that is lost is opened anew."""
        line = parse_button_uri(self._uri)
        backoff = Backoff(base_s=0.2, cap_s=_MOST_WAIT_S)
        while True:
            try:
                levels = _gpio_levels(line) if isinstance(line, GpioLine) else _sim_levels(line)
                async with aclosing(levels):
                    before = await anext(levels)
                    self.fault = None
                    backoff.reset()
                    async for level in levels:
                        if level and not before:
                            self._pressed()
                        before = level
            except OSError as error:
                why = error.strerror or str(error)
                self.fault = str(LineError(self._uri, why, "check its line; siaga bell silence does the same"))
            await asyncio.sleep(backoff.next_s())


async def _sim_levels(line: SimLine) -> AsyncGenerator[bool, None]:
    reader, writer = await asyncio.open_unix_connection(line.socket, limit=_MAX_LINE_BYTES)
    try:
        writer.write(json.dumps({"watch": line.line}).encode() + b"\n")
        while told := await reader.readline():
            event = json.loads(told)
            if not isinstance(event, dict) or not isinstance(event.get("level"), bool):
                raise OSError(errno.EPROTO, f"the simulated board answered {told[:200]!r}")
            yield event["level"]
    except ValueError as error:
        raise OSError(errno.EPROTO, f"the simulated board: {error}") from None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    raise OSError(errno.EPIPE, "the simulated board went away")


async def _gpio_levels(line: GpioLine) -> AsyncGenerator[bool, None]:
    import gpiod  # only for a bell that has GPIO lines
    from gpiod.line import Bias, Direction, Edge, Value

    biases = {"pull-up": Bias.PULL_UP, "pull-down": Bias.PULL_DOWN, "disabled": Bias.DISABLED}
    settings = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        bias=biases.get(line.bias, Bias.AS_IS),
        active_low=line.active_low,
        debounce_period=timedelta(milliseconds=line.debounce_ms),
    )
    loop = asyncio.get_running_loop()
    with gpiod.request_lines(f"/dev/{line.chip}", config={line.offset: settings}, consumer="siaga-bell") as request:
        yield request.get_value(line.offset) is Value.ACTIVE
        woken = asyncio.Event()
        while True:
            woken.clear()
            loop.add_reader(request.fd, woken.set)
            try:
                await woken.wait()
            finally:
                loop.remove_reader(request.fd)
            for event in request.read_edge_events():
                yield event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE
