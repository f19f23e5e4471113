"""A driver over a line of bytes: any decoder on any line that `edge_agent.lines` knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final

from pydantic import AfterValidator

from edge_agent.drivers.base import Decoder, DriverSettings, Sample
from edge_agent.errors import LineError
from edge_agent.lines import check_line_uri, line_claims, read_line_source

_WHAT_TO_DO: Final = {"garbled": "garbled: check the baud rate, the cable and the driver"}


def _line(uri: str) -> str:
    check_line_uri(uri)
    return uri


class LineSettings(DriverSettings):
    """A sensor at the end of a line; `uri` is one of `edge_agent.lines`."""

    uri: Annotated[str, AfterValidator(_line)]

    def claims(self) -> tuple[str, ...]:
        """Return the line's port, unless it is shared or a file."""
        return line_claims(self.uri)


class LineDriver:
    """A decoder over a line.

    The decoder outlives the line: what it learnt and counted stays when the line is lost and opened again, what it had
    half taken is flushed.

    Args:
        decoder: The decoder.
        uri: The line.
    """

    def __init__(self, decoder: Decoder, uri: str) -> None:
        self.decoder = decoder
        self._uri = uri

    @property
    def counters(self) -> Counter[str]:
        """The decoder's."""
        return self.decoder.counters

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Open the line and yield what each of its chunks completes.

        Raises:
            LineError: It cannot be opened or is lost; what was pending came before.
        """
        try:
            async with aclosing(read_line_source(self._uri)) as source:
                async for data, monotonic_ns in source:
                    yield self.decoder.feed(data, monotonic_ns)
            yield self.decoder.flush()
        except LineError:
            # Nothing is yielded for nothing: a line that cannot be opened has not been heard.
            if pending := self.decoder.flush():
                yield pending
            raise
        finally:
            self.decoder.flush()

    def fault(self) -> str | None:
        """Return the decoder's fault in words."""
        fault = self.decoder.fault()
        return None if fault is None else _WHAT_TO_DO.get(fault, fault)
