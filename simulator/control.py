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
_SLOW_HALF_NS: Final = range(350_000_000, 750_000_000)
_FAST_HALF_NS: Final = range(40_000_000, 200_000_000)
_STEADY_NS: Final = 1_000_000_000
_FAST_HALVES: Final = 6
"""One more than the box's pattern "not delivered", three short flashes, has in a row."""
_SLOW_HALVES: Final = 2

Pattern = Literal["off", "slow", "fast", "solid", "other"]
"""What a person sees: off, slow blink (1 Hz, kept here), fast blink (5 Hz, the desk has it), solid (accepted)."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp: whether it is on, and its last changes as (CLOCK_MONOTONIC ns, on), oldest first."""

    on: bool
    changes: list[tuple[int, bool]]

    def pattern(self, now_ns: int) -> tuple[Pattern, int | None]:
        """Return the pattern a person sees at `now_ns` (CLOCK_MONOTONIC ns), and since when; None when it is not known.

        A lamp without change for over a second is steady; a blink is told after a few equal halves. Its first half may
        have begun as another pattern's, so it counts from the end of that one: not before it could be seen.
        """
        last_ns = self.changes[-1][0] if self.changes else None
        if last_ns is None or now_ns - last_ns > _STEADY_NS:
            return ("solid" if self.on else "off"), last_ns
        for name, half_ns, halves in (("fast", _FAST_HALF_NS, _FAST_HALVES), ("slow", _SLOW_HALF_NS, _SLOW_HALVES)):
            since_ns, run = self._run(half_ns)
            if run >= halves:
                return ("fast" if name == "fast" else "slow"), since_ns
        return "other", None

    def _run(self, half_ns: range) -> tuple[int, int]:
        """Return where the first of the last halves of this length ends, and how many of them there are."""
        run = 0
        since_ns = self.changes[-1][0]
        for (later_ns, _), (earlier_ns, _) in itertools.pairwise(reversed(self.changes)):
            if later_ns - earlier_ns not in half_ns:
                break
            since_ns = later_ns
            run += 1
        return since_ns, run


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

    def level(self, line: str = "sos") -> bool:
        """Return whether a button is down. Its edges are told to this connection from then on: ask it nothing else.

        Raises:
            PanelError: The board has no such line.
        """
        return bool(self._ask({"watch": line})["level"])

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

    def do(self, line: str) -> None:
        """Let something happen to a microcontroller board: a line such as `cut` or `adc 0 5000` (see `simulator.chip`).

        Raises:
            PanelError: The board is no such board, or does no such thing.
        """
        self._ask({"do": line})

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
