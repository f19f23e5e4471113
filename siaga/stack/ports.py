"""TCP ports for servers that are started a moment later, or again: nobody else of ours is given one meanwhile.

A port that was free when it was looked at is free for others too, until something listens on it. So each one given is
locked, as one byte of a file that all processes of one user share; the kernel lets a process's locks go when it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from contract.errors import SiagaError

_PORTS: Final = range(20_000, 32_000)
"""Below Linux' ephemeral ports (32768 and up), so no outgoing connection takes a port before it is listened on."""
_MOST_LOCKED: Final = 1_000
"""By one process: some of them run beside each other, and whoever runs long gives thousands."""


class NoPortError(SiagaError):
    """No port is free."""


class _Locks:
    """This process's locks, the oldest of which are let go. Without a file it goes without."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._process = 0
        self._locked: deque[int] = deque()

    def take(self, port: int) -> bool:
        """Lock a port; return whether no other process has it."""
        if self._process != os.getpid():
            self._open()
        if self._file is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._locked.append(port)
        if len(self._locked) > _MOST_LOCKED:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._locked.popleft())
        return True

    def _open(self) -> None:
        # A fork has the file, and none of the locks.
        self._process = os.getpid()
        self._locked.clear()
        if self._file is None:
            path = Path(tempfile.gettempdir()) / f"siaga-ports-{os.getuid()}"
            with suppress(OSError):
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


_given: set[int] = set()
_locks = _Locks()


def free_port(preferred: int | None = None) -> int:
    """Return a TCP port on 127.0.0.1 that nothing listens on, never the same one twice in a process.

    Args:
        preferred: The port to return when it is free, such as the one of the last start.

    Raises:
        NoPortError: None found in 1,000 tries.
    """
    choose = random.SystemRandom()
    for attempt in range(1_000):
        port = choose.choice(_PORTS)
        if attempt == 0 and preferred is not None and preferred in _PORTS:
            port = preferred
        if port in _given or not _locks.take(port):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise NoPortError(f"no free port on 127.0.0.1 between {_PORTS[0]} and {_PORTS[-1]}")
