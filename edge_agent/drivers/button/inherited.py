"""A button's line that an earlier agent requested: its descriptor alone is left (`edge_agent/kept_lines.py`).

gpiod makes a request out of no descriptor, so the two things that are asked of it are asked of the kernel: the ABI v2
of <linux/gpio.h>, which does not change.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import gpiod
from gpiod.line import Value

_EVENT: Final = struct.Struct("=QIIII24x")
"""struct gpio_v2_line_event: moment in ns, kind, offset, number of all lines, number of this line, padding."""
_VALUES: Final = struct.Struct("=QQ")
"""struct gpio_v2_line_values: bits, mask; the first line of a request is bit 0."""
_GET_VALUES: Final = 0xC010B40E
_KINDS: Final = {1: gpiod.EdgeEvent.Type.RISING_EDGE.value, 2: gpiod.EdgeEvent.Type.FALLING_EDGE.value}
_MOST_EVENTS: Final = 16


class InheritedRequest:
    """A request of one line with edge detection; `with` closes its descriptor at the end.

    Args:
        file: Its descriptor.
    """

    def __init__(self, file: int) -> None:
        self.fd = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def get_value(self, line: int) -> Value:
        """Return the logical level of the request's one line.

        Raises:
            OSError: The line is gone, or the descriptor is none of a line.
        """
        answer = fcntl.ioctl(self.fd, _GET_VALUES, _VALUES.pack(0, 1))
        bits, _ = _VALUES.unpack(answer)
        return Value.ACTIVE if bits & 1 else Value.INACTIVE

    def read_edge_events(self) -> Sequence[gpiod.EdgeEvent]:
        """Return the edges that wait, or wait for one.

        Raises:
            OSError: The line is gone, or the descriptor is none of a line.
        """
        events = os.read(self.fd, _EVENT.size * _MOST_EVENTS)
        if not events or len(events) % _EVENT.size:
            raise OSError(f"{len(events)} bytes are no edges of a line")
        return [_event(*fields) for fields in _EVENT.iter_unpack(events)]

    def waiting(self) -> Sequence[gpiod.EdgeEvent]:
        """Return the edges that came while nobody read, without waiting.

        Raises:
            OSError: As `read_edge_events`.
        """
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return self.read_edge_events() if poll.poll(0) else []


def _event(moment_ns: int, kind: int, offset: int, number: int, line_number: int) -> gpiod.EdgeEvent:
    if kind not in _KINDS:
        raise OSError(f"{kind} is no kind of edge")
    return gpiod.EdgeEvent(_KINDS[kind], moment_ns, offset, number, line_number)
