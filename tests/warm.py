"""Our programs, started at once: each is forked from a process that has imported what it needs.

It is the same program with the same command line and an own session, log and process id; only the imports, up to a
second of work each, are made once for all tests of a worker. Whoever tests a start itself starts a `Process`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from siaga.stack import process
from siaga.stack.process import Process, ProcessError

REPO: Final = Path(__file__).parents[1]
READY_S: Final = 60.0


class Forked:
    """What `Process` needs of a child, for one that is another process' child, which tells of its end.

    Args:
        told: Brings its process id, and its exit status at its end.
    """

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        told.settimeout(READY_S)
        self.pid = int(told.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it ended.

        Raises:
            subprocess.TimeoutExpired: It still runs after `timeout` seconds.
        """
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired("forked", timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        """Send it a signal while it runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended, and the word of it is on its way
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            # Without a word: who forked it was killed, and the kernel killed it too.
            self.returncode = int(self._told.recv(16) or -signal.SIGKILL)
            self._told.close()
        return self.returncode


class Warm:
    """The tests' end of the process that forks, which starts with the first that it has to fork."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._forker: subprocess.Popen[bytes] | None = None

    def fork(self, arguments: list[str], log: int) -> Forked:
        """Start Python with these arguments in our folder and environment; it writes to a file."""
        if self._control is None:
            self._begin()
        assert self._control is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            wanted = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
            socket.send_fds(self._control, [json.dumps(wanted).encode()], [log, theirs.fileno()])
        return Forked(ours)

    def end(self) -> None:
        """End it, and with it each program that is left."""
        if self._control is not None and self._forker is not None:
            self._control.close()
            self._forker.wait(READY_S)

    def _begin(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.forker", str(theirs.fileno())]
            self._forker = subprocess.Popen(command, cwd=REPO, pass_fds=[theirs.fileno()])


class WarmProcess(Process):
    """A `Process` that is forked where `warm_programs` forks.

    With an environment of its own, or when it is not Python, it is started as any.

    Args:
        argv: Python, then `-m module …` or `-c code …`.
        name: What messages and the log file call it.
        folder: Where its log goes; made when missing.
    """

    def start(self) -> None:
        """Start it; it may be started again once it ended."""
        if _warm is None or self.env is not None or self.argv[0] != sys.executable:
            super().start()
            return
        if self.running:
            raise ProcessError(f"{self.name} runs already (pid {self.pid})")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = cast("subprocess.Popen[bytes]", _warm.fork(self.argv[1:], log.fileno()))
        process._live.add(self)


_warm: Warm | None = None


@contextmanager
def warm_programs() -> Iterator[Warm]:
    """Let each `WarmProcess` be forked meanwhile; yield what forks them."""
    global _warm
    _warm = made = Warm()
    try:
        yield made
    finally:
        _warm = None
        made.end()
