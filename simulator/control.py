"""The hand at a simulated board: presses its buttons and looks at its lamps. Blocking; for commands, tests, checks."""

from __future__ import annotations

import itertools
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from simulator.panel import PanelError, PressRecord

_TIMEOUT_S: Final = 5.0
_SLOW_HALF_S: Final = (0.35, 0.75)
_FAST_HALF_S: Final = (0.05, 0.2)

Pattern = Literal["off", "slow", "fast", "solid", "other"]
"""What a person sees: off, slow blink (1 Hz, kept here), fast blink (5 Hz, the desk has it), solid (accepted)."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp: whether it is on, and its last changes as (CLOCK_MONOTONIC ns, on), oldest first."""

    on: bool
    changes: list[tuple[int, bool]]

    def pattern(self, now_ns: int) -> Pattern:
        """Return the pattern a person sees at `now_ns` (CLOCK_MONOTONIC).

        A lamp without change for over a second is steady; else the last two intervals must agree with each other.
        """
        if not self.changes or now_ns - self.changes[-1][0] > 1_000_000_000:
            return "solid" if self.on else "off"
        times_s = [timestamp_ns / 1e9 for timestamp_ns, _ in self.changes[-3:]]
        halves = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        if len(halves) < 2:
            return "other"
        if all(_SLOW_HALF_S[0] <= half <= _SLOW_HALF_S[1] for half in halves):
            return "slow"
        if all(_FAST_HALF_S[0] <= half <= _FAST_HALF_S[1] for half in halves):
            return "fast"
        return "other"


class BoardControl:
    """A connection to a board; `with` opens and closes it.

    Args:
        path: The board's socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            OSError: Nobody listens there.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT_S)
        try:
            self._socket.connect(str(self.path))
        except OSError:
            self._socket.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()

    def press(self, line: str = "sos", hold_ms: int = 100) -> PressRecord:
        """Press a button for `hold_ms` milliseconds; return once it is down.

        Raises:
            PanelError: The board has no such line, or the button is down already.
        """
        answer = self._ask({"press": line, "hold_ms": hold_ms})
        return PressRecord(answer["number"], answer["timestamp_ns"])

    def presses(self, line: str = "sos") -> list[PressRecord]:
        """Return every press of a button since the board began, oldest first.

        Raises:
            PanelError: The board has no such line.
        """
        return [
            PressRecord(press["number"], press["timestamp_ns"]) for press in self._ask({"presses": line})["presses"]
        ]

    def lamp(self, line: str = "sos") -> Lamp:
        """Return a lamp's state and last changes.

        Raises:
            PanelError: The board has no such line.
        """
        answer = self._ask({"lamp_of": line})
        return Lamp(answer["on"], [(timestamp_ns, on) for timestamp_ns, on in answer["changes"]])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._socket is None:
            raise PanelError(f"{self.path}: not connected; use `with`")
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self._rest:
            received = self._socket.recv(65_536)
            if not received:
                raise PanelError(f"{self.path}: the board went away")
            self._rest += received
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PanelError(answer["error"])
        return answer
