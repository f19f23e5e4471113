"""Cuts a stream of bytes into binary frames, whatever else is in it.

State       On                                              Then
seek        anything but the header                         garbage, counted in bytes
            the header                                      frame
frame       a length its field must not have                `wrong length`: seek from the second byte on
            all its bytes, tail or checksum not right       `bad tail`, `bad checksum`: seek from the second byte on
            all its bytes, all right                        the frame is out; seek behind it
            the stream's end                                `cut off`: seek from the second byte on

Going back to the second byte is what keeps a good frame that a false header in front of it seemed to contain: it is
found as soon as the false frame's last byte would have come. How the bytes are split over calls changes nothing, but
for the arrival times.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.drivers.checksums import ALGORITHMS, ChecksumKind
from edge_agent.drivers.garbled import LineJudge

MOST_FRAME_BYTES: Final = 512
"""The longest frame; it bounds what is held, and what a false header costs."""
_GARBAGE_BYTES_A_FRAME: Final = 80


@dataclass(frozen=True, slots=True)
class LengthField:
    """A frame's length where the frame itself says it: the unsigned number of `size` bytes at offset `at`, plus `plus`.

    `least` and `most` are the frame's shortest and longest length in bytes, header and all.
    """

    at: int
    size: int
    order: Literal["big", "little"]
    plus: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Checksum:
    """Where a frame's checksum is and what it covers: offsets in bytes, a negative one from the frame's end.

    It is at `at`, and covers the bytes from `first` to before `end`, each with no regard to the others.
    """

    kind: ChecksumKind
    order: Literal["big", "little"]
    at: int
    first: int
    end: int

    def is_right(self, frame: bytes) -> bool:
        """Return whether a whole frame's checksum is that of its bytes."""
        algorithm = ALGORITHMS[self.kind]
        at = self.at % len(frame)
        return int.from_bytes(frame[at : at + algorithm.size], self.order) == algorithm.of(frame[self.first : self.end])


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame is built. `length` is that of the whole frame, 1 to 512 bytes; `header` has at least one byte."""

    header: bytes
    length: int | LengthField
    checksum: Checksum | None = None
    tail: bytes = b""


def _longest(layout: Layout) -> int:
    return layout.length if isinstance(layout.length, int) else layout.length.most


class BinaryFramer:
    """One stream's framer. It holds at most one frame of `MOST_FRAME_BYTES`.

    `counters`: `frames`, `wrong length`, `bad tail`, `bad checksum`, `cut off`, `garbage bytes`.
    """

    def __init__(self, layout: Layout, counters: Counter[str]) -> None:
        self.counters = counters
        self._layout = layout
        length = layout.length
        self._known_at = max(len(layout.header), 0 if isinstance(length, int) else length.at + length.size)
        self._judge = LineJudge(min(_longest(layout), _GARBAGE_BYTES_A_FRAME))
        self._buffer = bytearray()
        self._start = 0  # of the stream's bytes, the one that the buffer begins with
        self._arrivals: deque[tuple[int, int]] = deque()  # up to which byte of the stream came when, not yet used up

    @property
    def garbled(self) -> bool:
        """Whether the line gives more garbage than frames, as `LineJudge` judges."""
        return self._judge.garbled

    def feed(self, data: bytes, monotonic_ns: int) -> list[tuple[bytes, int]]:
        """Take bytes that arrived at `monotonic_ns`; return the frames they complete, each with the arrival of its last
        byte."""
        if not data:
            return []
        self._buffer += data
        self._arrivals.append((self._start + len(self._buffer), monotonic_ns))
        return self._frames(ended=False)

    def flush(self) -> list[tuple[bytes, int]]:
        """Return what frames a false header at the stream's end hid, and begin anew."""
        frames = self._frames(ended=True)
        self._arrivals.clear()
        return frames

    def _frames(self, *, ended: bool) -> list[tuple[bytes, int]]:
        frames: list[tuple[bytes, int]] = []
        at = 0
        while True:
            header = self._seek(at, ended=ended)
            self._garbage(header - at)
            at = header
            verdict, size = self._look(at)
            if verdict == "more":
                if not ended or at == len(self._buffer):
                    break
                verdict = "cut off"
            if verdict == "good":
                self.counters["frames"] += 1
                self._judge.good()
                frames.append((bytes(self._buffer[at : at + size]), self._arrived(self._start + at + size)))
                at += size
            else:
                self.counters[verdict] += 1
                self._garbage(1)
                at += 1
        del self._buffer[:at]
        self._start += at
        self._forget(self._start)
        return frames

    def _seek(self, at: int, *, ended: bool) -> int:
        """Return where the next header begins, or where one may begin whose end is yet to come."""
        header = self._layout.header
        found = self._buffer.find(header, at)
        if found >= 0:
            return found
        if not ended:
            for size in range(min(len(header) - 1, len(self._buffer) - at), 0, -1):
                if self._buffer.endswith(header[:size]):
                    return len(self._buffer) - size
        return len(self._buffer)

    def _look(self, at: int) -> tuple[str, int]:
        """Return `good` and the size of the frame that begins at `at`, `more` when bytes are missing, or the defect."""
        layout = self._layout
        if len(self._buffer) - at < self._known_at:
            return "more", 0
        size = self._size(at)
        if size is None:
            return "wrong length", 0
        if len(self._buffer) - at < size:
            return "more", 0
        frame = bytes(self._buffer[at : at + size])
        if not frame.endswith(layout.tail):
            return "bad tail", 0
        if layout.checksum is not None and not layout.checksum.is_right(frame):
            return "bad checksum", 0
        return "good", size

    def _size(self, at: int) -> int | None:
        length = self._layout.length
        if isinstance(length, int):
            return length
        field = self._buffer[at + length.at : at + length.at + length.size]
        size = int.from_bytes(field, length.order) + length.plus
        return size if length.least <= size <= length.most else None

    def _garbage(self, size: int) -> None:
        if size:
            self.counters["garbage bytes"] += size
            self._judge.garbage(size)

    def _arrived(self, end: int) -> int:
        """Return when the byte before `end` of the stream came."""
        return next(monotonic_ns for up_to, monotonic_ns in self._arrivals if up_to >= end)

    def _forget(self, start: int) -> None:
        while self._arrivals and self._arrivals[0][0] <= start:
            self._arrivals.popleft()
