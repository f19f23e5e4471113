"""What a simulated board holds: its buttons' levels and presses, its lamps. Pure; time comes in.

It stands for hardware and for the person at the button, so its own list of presses is the truth that tests count
against.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from contract.errors import SiagaError

MAX_PRESSES: Final = 100_000
"""Presses a line keeps; a test that presses more often must look sooner."""
MAX_LAMP_CHANGES: Final = 64


class PanelError(SiagaError):
    """A request cannot be met; the text says why."""


@dataclass(frozen=True, slots=True)
class LineEvent:
    """The level of a line, and since when. `sequence` counts its edges since the board began."""

    line: str
    level: bool
    timestamp_ns: int
    sequence: int


@dataclass(frozen=True, slots=True)
class PressRecord:
    """One press by the person at the button: its number from 1, and the moment of its rising edge."""

    number: int
    timestamp_ns: int


@dataclass(slots=True)
class _Line:
    level: bool
    timestamp_ns: int
    sequence: int = 0
    presses: deque[PressRecord] = field(default_factory=lambda: deque(maxlen=MAX_PRESSES))
    number: int = 0
    lamp: bool = False
    lamp_changes: deque[tuple[int, bool]] = field(default_factory=lambda: deque(maxlen=MAX_LAMP_CHANGES))


class Panel:
    """The lines of one board, each a button (input) and a lamp (output) of the same name.

    Args:
        lines: Their names; the board has no others.
        now_ns: The moment the board began, CLOCK_MONOTONIC in ns.
    """

    def __init__(self, lines: tuple[str, ...], now_ns: int) -> None:
        self._lines = {name: _Line(level=False, timestamp_ns=now_ns) for name in lines}

    def level(self, line: str) -> LineEvent:
        """Return the present level of a button, with the moment of its last edge.

        Raises:
            PanelError: The board has no such line.
        """
        found = self._find(line)
        return LineEvent(line, found.level, found.timestamp_ns, found.sequence)

    def press(self, line: str, now_ns: int) -> tuple[PressRecord, LineEvent]:
        """Press a button down; return the press and its edge.

        Raises:
            PanelError: The board has no such line, or the button is down already.
        """
        found = self._find(line)
        if found.level:
            raise PanelError(f"{line} is pressed already")
        found.number += 1
        record = PressRecord(found.number, now_ns)
        found.presses.append(record)
        return record, self._edge(line, found, now_ns, level=True)

    def release(self, line: str, now_ns: int) -> LineEvent:
        """Let go of a button; return its edge.

        Raises:
            PanelError: The board has no such line, or the button is up already.
        """
        found = self._find(line)
        if not found.level:
            raise PanelError(f"{line} is not pressed")
        return self._edge(line, found, now_ns, level=False)

    def presses(self, line: str) -> list[PressRecord]:
        """Return the presses of a button, oldest first.

        Raises:
            PanelError: The board has no such line.
        """
        return list(self._find(line).presses)

    def set_lamp(self, line: str, on: bool, now_ns: int) -> None:
        """Switch a lamp; setting what it shows already is no change.

        Raises:
            PanelError: The board has no such line.
        """
        found = self._find(line)
        if found.lamp != on:
            found.lamp = on
            found.lamp_changes.append((now_ns, on))

    def lamp(self, line: str) -> tuple[bool, list[tuple[int, bool]]]:
        """Return whether a lamp is on, and its last 64 changes as (timestamp_ns, on), oldest first.

        Raises:
            PanelError: The board has no such line.
        """
        found = self._find(line)
        return found.lamp, list(found.lamp_changes)

    def _find(self, line: str) -> _Line:
        try:
            return self._lines[line]
        except KeyError:
            raise PanelError(f"no line {line!r} on this board; it has {', '.join(self._lines)}") from None

    def _edge(self, name: str, line: _Line, now_ns: int, *, level: bool) -> LineEvent:
        line.level = level
        line.timestamp_ns = now_ns
        line.sequence += 1
        return LineEvent(name, level, now_ns, line.sequence)
