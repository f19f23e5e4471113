"""Judges whether a line gives sense or garbage, as one at the wrong baud rate does. Pure."""

from __future__ import annotations

from typing import Final

GARBLED_AT: Final = 20
MOST: Final = 40


class LineJudge:
    """One line's judge.

    The line is garbled from 20 unreadable frames more than good ones on, until good ones made up for all of them (at
    most 40). Garbage between frames counts as one unreadable frame for each `frame_bytes`.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._garbage = 0
        self._unreadable = 0
        self.garbled = False

    def good(self) -> None:
        """A frame was good."""
        self._change(-1)

    def sense(self) -> None:
        """What came makes sense, however much of it is of no use: begin anew."""
        self._garbage = 0
        self._unreadable = 0
        self.garbled = False

    def bad(self) -> None:
        """A frame could not be read."""
        self._change(1)

    def garbage(self, size: int) -> None:
        """So many bytes were of no frame."""
        frames, self._garbage = divmod(self._garbage + size, self._frame_bytes)
        if frames:
            self._change(frames)

    def _change(self, by: int) -> None:
        self._unreadable = min(max(self._unreadable + by, 0), MOST)
        if self._unreadable >= GARBLED_AT:
            self.garbled = True
        elif self._unreadable == 0:
            self.garbled = False
