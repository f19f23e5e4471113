"""Which files were closed by somebody, by inotify(7): a pty tells nothing of a reader that left and came back."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from pathlib import Path
from typing import Final

_EVENT: Final = struct.Struct("=iIII")
_IN_CLOSE: Final = 0x08 | 0x10


class Closings:
    """The files that are watched. One for a process: a user may have 128 by default, and no line needs its own."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._done(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")
        self._closed: dict[int, bool] = {}

    def watch(self, path: Path) -> int:
        """Watch a file; return the number to ask with.

        Raises:
            OSError: It cannot be watched.
        """
        watch = self._done(self._libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_CLOSE), str(path))
        self._closed[watch] = False
        return watch

    def since_last(self, watch: int) -> bool:
        """Return whether anybody closed the file since the last call."""
        self._read()
        closed, self._closed[watch] = self._closed[watch], False
        return closed

    def forget(self, watch: int) -> None:
        """Watch a file no longer."""
        self._libc.inotify_rm_watch(self._fd, watch)
        del self._closed[watch]

    def _read(self) -> None:
        while True:
            try:
                events = os.read(self._fd, 4_096)
            except BlockingIOError:
                return
            while events:
                watch, _, _, length = _EVENT.unpack_from(events)
                if watch in self._closed:
                    self._closed[watch] = True
                events = events[_EVENT.size + length :]

    @staticmethod
    def _done(result: int, what: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)
        return result


@functools.cache
def closings() -> Closings:
    """Return this process's."""
    return Closings()
