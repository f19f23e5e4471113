"""The real firmware in simavr, at the pace of the clock on the wall."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Simhost:
    """A board. `pins` are the levels of its two lamps and its siren, as they were last; `changes` are all of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.changes: list[tuple[str, ...]] = []
        self._times: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        self.pty = process.stdout.readline().split()[1]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, line: str) -> None:
        """Send a line of simhost's protocol."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def pins(self) -> tuple[str, ...]:
        return self.changes[-1] if self.changes else ()

    def obeyed(self) -> None:
        """Wait until it has done what it was sent so far."""
        self.do("time?")
        self._times.get(timeout=10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("pins "):
                self.changes.append(tuple(line.split()[2:]))
            elif line.startswith("time "):
                self._times.put(line)


@contextmanager
def simhost(folder: Path) -> Iterator[Simhost]:
    """Run the firmware that was built into a folder."""
    command = [str(folder / "simhost"), str(folder / "siaga-uno.elf")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Simhost(process)
    finally:
        process.communicate("quit\n", timeout=10)
