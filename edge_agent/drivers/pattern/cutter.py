"""Cuts a stream of bytes into lines of text, whatever else is in it.

State     On                     Then
line      a line's end           the line is out, unless it is empty; line
          more than the most     `too long`, once a line: only its last bytes are kept; tail
tail      a line's end           the tail is out; line
any       the stream's end       `cut off`: what is left is dropped, as half a number is another number; line

A line may be known by what it begins with: it is then read from the last place that has it, as what is before is of
another line that was cut off, and without it the line is empty. Else, a line whose beginning is not known, because it
is a tail or the first one of a stream, comes with a NUL in front, so that `^` does not match in its middle.

How the bytes are split over calls changes nothing, but for the arrival times.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

MOST_LINE_BYTES: Final = 1_024
_UNKNOWN_BEGINNING: Final = b"\0"


class LineCutter:
    """One stream's cutter. It holds at most `most` bytes beside those of a call.

    `counters`: `lines`, `too long`, `cut off`, `garbage bytes` (of too long lines, and in front of a line's beginning).

    Args:
        ends: Each of these bytes ends a line.
        begins: What each line begins with; empty: anything.
        most: The longest line in bytes, without its end.
        counters: Where to count.
    """

    def __init__(self, ends: bytes, begins: bytes, most: int, counters: Counter[str]) -> None:
        self.counters = counters
        self._begins = begins
        self._most = most
        self._end = re.compile(b"[" + re.escape(ends) + b"]")
        self._buffer = bytearray()
        self._known = False  # where the line began
        self._too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` ends, without their ends; a line without its beginning is empty."""
        lines: list[bytes] = []
        position = 0
        for end in self._end.finditer(data):
            self._take(data[position : end.start()])
            position = end.end()
            if self._buffer:
                self.counters["lines"] += 1
                lines.append(self._line())
            self._buffer.clear()
            self._known = True
            self._too_long = False
        self._take(data[position:])
        return lines

    def flush(self) -> None:
        """Drop what the stream's end cut off, and begin anew."""
        if self._buffer:
            self.counters["cut off"] += 1
        self._buffer.clear()
        self._known = False
        self._too_long = False

    def _line(self) -> bytes:
        if not self._begins:
            return (b"" if self._known else _UNKNOWN_BEGINNING) + self._buffer
        begin = self._buffer.rfind(self._begins)
        self.counters["garbage bytes"] += begin if begin >= 0 else len(self._buffer)
        return bytes(self._buffer[begin:]) if begin >= 0 else b""

    def _take(self, data: bytes) -> None:
        self._buffer += data
        over = len(self._buffer) - self._most
        if over > 0:
            if not self._too_long:
                self.counters["too long"] += 1
            self._too_long = True
            self._known = False
            self.counters["garbage bytes"] += over
            del self._buffer[:over]
