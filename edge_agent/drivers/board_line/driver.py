"""The supervised lines of a board: which of four states a line has becomes presses, tampering and line faults. Pure.

| the line becomes | `use=button` | `use=tamper` |
|---|---|---|
| pressed | an alarm of cause `press` | an alarm of cause `tamper` |
| open or short, from neither | an alarm of cause `line_fault`, and a fault until it is mended | the same |
| anything else, from pressed | let go | let go |

What the board tells by event has settled (50 ms, a fault 500 ms). The beats tell each second how the lines are, also
after a reset, but what they say is believed only when it stayed so for half a second: the first after a reset may tell
of a line that was not measured yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.messages import Cause
from edge_agent.drivers.board import News, Raised, Released
from firmware_bridge.messages import Beat, EventKind, Hello, LineClass
from firmware_bridge.session import Told
from firmware_bridge.told import Happened

BELIEVED_MS: Final = 500
_FAULTS: Final = {
    LineClass.OPEN: ("jalur putus / the line is open", "open: a wire is cut or off, or the end-of-line resistor is"),
    LineClass.SHORT: ("jalur korslet / the line is short", "short: its two wires touch; look along the cable"),
}


@dataclass(slots=True)
class _Line:
    name: str
    tamper: bool
    held_until_ns: int
    now: LineClass | None = None
    beat: tuple[LineClass, int] | None = None


class BoardLines:
    """The lines of one board.

    Args:
        lines: Name, and whether it is for tampering, of each index that has a table.
        held_until_ns: Until when a line that is found pressed at the start is still pressed as in an earlier run, whose
            press is stored, by name.
    """

    def __init__(self, lines: Mapping[int, tuple[str, bool]], held_until_ns: Mapping[str, int]) -> None:
        self._lines = {
            index: _Line(name, tamper, held_until_ns.get(name, -(2**63))) for index, (name, tamper) in lines.items()
        }

    def pressed(self, name: str) -> bool:
        """Return whether a line is pressed, as far as is known."""
        return any(line.name == name and line.now is LineClass.PRESSED for line in self._lines.values())

    def wrong(self, name: str) -> str | None:
        """Return what is wrong with a line, in words that say what to do."""
        for line in self._lines.values():
            if line.name == name and line.now in _FAULTS:
                return _FAULTS[line.now][1]
        return None

    def take(self, told: Told, now_ns: int) -> list[News]:
        """Take what the board told at `now_ns`."""
        match told:
            case Happened(kind=EventKind.LINE) if (line := self._lines.get(told.index)) is not None:
                line.beat = None
                at_ns = now_ns if told.happened_ns is None else told.happened_ns
                return _become(line, LineClass(told.value), at_ns)
            case Beat():
                return [
                    news
                    for index, line in self._lines.items()
                    if index < len(told.lines) and _believed(line, told.lines[index], told.board_ms)
                    for news in _become(line, told.lines[index], now_ns)
                ]
            case Hello():
                for line in self._lines.values():
                    line.beat = None
        return []


def _believed(line: _Line, seen: LineClass, board_ms: int) -> bool:
    """Return whether a beat tells a state that is new and stayed so."""
    if seen is line.now:
        line.beat = None
    elif line.beat is None or line.beat[0] is not seen:
        line.beat = seen, board_ms
    elif (board_ms - line.beat[1]) % 2**32 >= BELIEVED_MS:
        line.beat = None
        return True
    return False


def _become(line: _Line, now: LineClass, at_ns: int) -> list[News]:
    before, line.now = line.now, now
    news: list[News] = []
    if before is now:
        return news
    if before is LineClass.PRESSED or (before is None and now is not LineClass.PRESSED):
        # At the start too: what an earlier run holds of a press ends now.
        news.append(Released(line.name))
    if now is LineClass.PRESSED and not (before is None and at_ns < line.held_until_ns):
        cause: Cause = "tamper" if line.tamper else "press"
        news.append(Raised(line.name, cause, at_ns))
    elif now in _FAULTS and before not in _FAULTS:
        news.append(Raised(line.name, "line_fault", at_ns, detail=_FAULTS[now][0]))
    return news
