"""Holds one output line, a siren's or a beacon's, in a process of its own, and ends its sound by its own timer.

The agent starts it and speaks to it by lines on stdin and stdout:

| told | answered |
|---|---|
| `on 30000` | `=on` once the line is active, for so many ms from now; later `off`, when that is over |
| `off` | `=off` once the line is not active |
| either | `=lost WORDS` when it cannot be switched |
| nothing | `off` once the line is open, at the start and after it was lost; `lost WORDS` once it is |

Rules:
- Nothing but this process has the line, and nothing but its own timer is needed to make it silent: an agent that hangs,
  stands still, or is killed leaves no siren on. The end of stdin, which is the end of the agent, is `off`.
- No sound is longer than the longest it was started with, whatever it is told.
- A line that cannot be switched off is opened anew, which is off, until it can.
- It imports only what it needs: it is the price of a box with a siren, once for each output.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

AGAIN_NS: Final = 500_000_000
"""Between two attempts to open a line that is lost."""
LAST_NS: Final = 2 * 10**9
"""How long the end tries to be sure of the silence."""
_END_AGAIN_S: Final = 0.05
_LOOK_MS: Final = 1_000
_SIM_TIMEOUT_S: Final = 1.0
_MOST_TOLD_BYTES: Final = 256
_STDIN: Final = 0
_STDOUT: Final = 1


class Line(Protocol):
    """An output line that is open. Every method may raise OSError: the line is lost."""

    def set(self, on: bool) -> None:
        """Make it active, or not."""

    def close(self) -> None:
        """Let it go."""


class Guard:
    """Decides and switches; it does not wait. Moments are of CLOCK_MONOTONIC, in ns.

    Args:
        open_line: Opens the line, which is not active then. May raise OSError.
        most_ns: The longest sound.
        tell: Takes each answer.
    """

    def __init__(self, open_line: Callable[[], Line], most_ns: int, tell: Callable[[str], None]) -> None:
        self._open_line = open_line
        self._most_ns = most_ns
        self._tell = tell
        self._line: Line | None = None
        self._off_ns: int | None = None
        self._again_ns = 0
        self._lost: str | None = None

    def due_ns(self) -> int | None:
        """Return when `tick` is to be called next, or None."""
        return self._again_ns if self._line is None else self._off_ns

    def told(self, words: str, now_ns: int) -> None:
        """Take a line of the agent, and answer; one that is none of ours is `off`."""
        self._lost = None
        what, _, milliseconds = words.strip().partition(" ")
        if what == "on" and milliseconds.isascii() and milliseconds.isdecimal() and int(milliseconds) > 0:
            # Set before the line is: whatever happens in between, it ends.
            self._off_ns = now_ns + min(int(milliseconds) * 1_000_000, self._most_ns)
            self._switch(True, now_ns, "=")
        else:
            self._off_ns = None
            self._switch(False, now_ns, "=")

    def tick(self, now_ns: int) -> None:
        """End a sound whose time is over; open a line that is lost, which is silent then, whatever was told before."""
        due_ns = self.due_ns()
        if due_ns is not None and now_ns >= due_ns:
            self._off_ns = None
            self._switch(False, now_ns)

    def end(self, now_ns: int) -> bool:
        """Be silent for good; return whether that is sure."""
        self._off_ns = None
        self._switch(False, now_ns)
        if self._line is None:
            return False
        self._line.close()
        return True

    def _switch(self, on: bool, now_ns: int, answers: str = "") -> None:
        try:
            if self._line is None:
                self._line = self._open_line()
            self._line.set(on)
        except OSError as error:
            self._lose(error.strerror or str(error), now_ns, answers)
        else:
            self._lost = None
            self._tell(answers + ("on" if on else "off"))

    def _lose(self, why: str, now_ns: int, answers: str) -> None:
        line, self._line = self._line, None
        self._off_ns, self._again_ns = None, now_ns + AGAIN_NS
        if line is not None:
            with contextlib.suppress(OSError):  # it is opened anew, which is off
                line.set(False)
            with contextlib.suppress(OSError):
                line.close()
        if why != self._lost:
            self._lost = why
            self._tell(f"{answers}lost {' '.join(why.split())[:200]}")


class _Gpio:
    def __init__(self, chip: str, offset: int, active_low: bool) -> None:
        import gpiod  # only for a box that has GPIO lines
        from gpiod.line import Direction, Value

        self._on, self._off, self._offset = Value.ACTIVE, Value.INACTIVE, offset
        settings = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=active_low, output_value=Value.INACTIVE)
        self._request: Any = gpiod.request_lines(f"/dev/{chip}", config={offset: settings}, consumer="siaga")

    def set(self, on: bool) -> None:
        self._request.set_value(self._offset, self._on if on else self._off)

    def close(self) -> None:
        self._request.release()


class _Sim:
    """A lamp of a simulated board (`simulator/board.py`), which stands for a siren."""

    def __init__(self, path: str, line: str) -> None:
        self._line = line
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SIM_TIMEOUT_S)
        try:
            self._socket.connect(path)
            self.set(False)
        except OSError:
            self._socket.close()
            raise

    def set(self, on: bool) -> None:
        asked = [{"lamp": self._line, "on": on}, {"lamp_of": self._line}]
        self._socket.sendall("".join(json.dumps(each) + "\n" for each in asked).encode())
        answer = b""
        while not answer.endswith(b"\n"):
            if not (part := self._socket.recv(65_536)):
                raise OSError("the simulated board went away")
            answer += part
        told = json.loads(answer.partition(b"\n")[0])
        if told.get("on") is not on:
            raise OSError(str(told.get("error", "the simulated board did not switch")))

    def close(self) -> None:
        self._socket.close()


def opener(arguments: list[str]) -> Callable[[], Line]:
    """Return what opens a line: `gpio CHIP OFFSET high|low`, or `sim SOCKET LINE`."""
    kind, where, line, *more = arguments
    if kind == "gpio":
        return lambda: _Gpio(where, int(line), more == ["low"])
    return lambda: _Sim(where, line)


def run(guard: Guard) -> None:
    """Do what stdin says until it ends, or until SIGTERM or SIGHUP."""
    poll, told, ends = select.poll(), b"", list[bool]()
    poll.register(_STDIN, select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ends.append(True))
    # Ctrl-C reaches the whole group: the agent's end, which follows, is this one's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while not ends:
        now_ns = time.monotonic_ns()
        guard.tick(now_ns)
        due_ns = guard.due_ns()
        # A signal between the look at `ends` and the poll is seen within this time.
        if not poll.poll(_LOOK_MS if due_ns is None else min(_LOOK_MS, max(0, -(-(due_ns - now_ns) // 1_000_000)))):
            continue
        if not (part := os.read(_STDIN, 4_096)):
            return
        *lines, told = (told + part).split(b"\n")
        told = told[:_MOST_TOLD_BYTES]
        for line in lines:
            guard.told(line[:_MOST_TOLD_BYTES].decode("ascii", "replace"), time.monotonic_ns())


def main(arguments: list[str]) -> int:
    """Guard a line: the longest sound in ms, then what `opener` takes."""

    def tell(words: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: the end of stdin follows
            os.write(_STDOUT, f"{words}\n".encode())

    guard = Guard(opener(arguments[1:]), int(arguments[0]) * 1_000_000, tell)
    try:
        run(guard)
    finally:
        until_ns = time.monotonic_ns() + LAST_NS
        while not guard.end(time.monotonic_ns()) and time.monotonic_ns() < until_ns:
            time.sleep(_END_AGAIN_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
