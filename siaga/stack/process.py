"""A child process that never outlives its parent.

Rules:
- Started through setpriv(1) with a parent-death signal of SIGKILL, so it dies even when the parent is killed. The
  kernel ties that signal to the *thread* that started the child: start from a thread that lives as long as the child.
- Each has a session of its own, so Ctrl-C in a terminal reaches only the parent, which stops its children in order.
- Its stdout and stderr go to one log file, appended to over restarts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import weakref
from pathlib import Path
from typing import Final

from contract.errors import SiagaError

_POLL_S: Final = 0.01
_LOG_LINES: Final = 12
_FREEZE_S: Final = 2.0
_UNLESS_ORPHANED: Final = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
"""Closes the gap in which the parent dies before its child has asked for the signal."""

_live: weakref.WeakSet[Process] = weakref.WeakSet()


class ProcessError(SiagaError):
    """A process cannot be started, ended by itself, or is not ready in time; the text has its last log lines."""


def find_program(name: str) -> str:
    """Return the path of a program, looked for in PATH and in the sbin folders that an ordinary user's PATH lacks.

    Raises:
        ProcessError: It is not installed.
    """
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    if found is None:
        raise ProcessError(f"{name} is not installed; `make setup` installs it")
    return found


def live_processes() -> set[Process]:
    """Return the processes started here that still run."""
    return {process for process in _live if process.running}


def _stands_still(pid: int) -> bool:
    """Return whether each thread of a process is stopped."""
    try:
        told = [(each / "stat").read_text() for each in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return False  # one of its threads has just ended
    return all(text.rpartition(")")[2].split()[0] == "T" for text in told)


class Process:
    """One child process.

    Args:
        argv: The program, as a name or path, and its arguments.
        name: What messages and the log file call it.
        folder: Where its log `{name}.log` goes; made when missing.
        env: Its whole environment; None passes on ours.
    """

    def __init__(self, argv: list[str], *, name: str, folder: Path, env: dict[str, str] | None = None) -> None:
        self.argv = argv
        self.name = name
        self.folder = folder
        self.env = env
        self.log = folder / f"{name}.log"
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id of the last start.

        Raises:
            ProcessError: It was never started.
        """
        if self._popen is None:
            raise ProcessError(f"{self.name} was never started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs or before its start."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start it; it may be started again once it ended.

        Raises:
            ProcessError: It runs already, or its program is not installed.
        """
        if self.running:
            raise ProcessError(f"{self.name} runs already (pid {self.pid})")
        bound = [find_program("setpriv"), "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _UNLESS_ORPHANED, "siaga"]
        argv = [*bound, str(os.getpid()), find_program(self.argv[0]), *self.argv[1:]]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, start_new_session=True
            )
        _live.add(self)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask it to end (SIGTERM) and wait; after `timeout_s` seconds kill it. A process that ended is left alone."""
        self.request_stop()
        if self._popen is None:
            return
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def request_stop(self) -> None:
        """Ask it to end (SIGTERM), thawed first when frozen, without waiting."""
        if self._popen is not None and self.running:
            self._popen.send_signal(signal.SIGCONT)
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once (SIGKILL) and wait for its end."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def freeze(self) -> None:
        """Stop its clock (SIGSTOP), and wait until it stands: it keeps its connections and answers nothing."""
        if self._popen is None:
            return
        self._popen.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + _FREEZE_S
        while self.running and not _stands_still(self.pid) and time.monotonic() < deadline:
            time.sleep(_POLL_S / 10)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        if self._popen is not None:
            self._popen.send_signal(signal.SIGCONT)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Wait for its end and return its exit status, negative for a signal.

        Raises:
            ProcessError: It still runs after `timeout_s` seconds.
        """
        if self._popen is None:
            raise ProcessError(f"{self.name} was never started")
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self.error(f"still runs after {timeout_s:g} s") from None

    def wait_ready(self, timeout_s: float = 20.0) -> None:
        """Wait until it printed a line `ready` since its last start.

        Raises:
            ProcessError: It ended, or `timeout_s` seconds passed.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            if "ready" in self.output().splitlines():
                return
            self.check_waiting(deadline, timeout_s, running=running)
            time.sleep(_POLL_S)

    def check_waiting(self, deadline: float, timeout_s: float, *, running: bool) -> None:
        """Raise when waiting for it makes no more sense.

        Args:
            deadline: By `time.monotonic()`.
            timeout_s: The whole wait in seconds, for the message.
            running: Whether it ran before the last look at what is waited for.

        Raises:
            ProcessError: It ended, or the deadline passed.
        """
        if not running:
            raise self.error(f"ended with status {self.returncode}")
        if time.monotonic() > deadline:
            raise self.error(f"not ready within {timeout_s:g} s")

    def output(self) -> str:
        """Return what it wrote to its log since its last start."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def error(self, what: str) -> ProcessError:
        """Return an error that names it, `what` happened, and its last log lines."""
        tail = self.output().splitlines()[-_LOG_LINES:]
        return ProcessError("\n  ".join([f"{self.name} {what} ({self.log})", *tail]))
