"""The buttons of a board: what it tells becomes presses, releases and stuck buttons. Pure.

| the board tells | what becomes of it |
|---|---|
| a press | a press with its number; the board keeps it until it is stored |
| a press of a button it has forgotten, after a reset | a press of the board's first button, which says so |
| a press of a button without a table in `box.toml` | counted, and the board may forget it |
| a release | the button is let go |
| stuck, after 30 s | an alarm of cause `stuck`, once until it is let go |
| a beat with a button up that was down | the button is let go: its release was lost with a reset |

A level is never a press: the board counts its presses in its EEPROM, over resets of its own and of the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge_agent.drivers.board import News, NotMinded, Raised, Released
from firmware_bridge.messages import UNKNOWN_BUTTON, Beat, EventKind
from firmware_bridge.session import Told
from firmware_bridge.told import Happened

STUCK_NS: Final = 30 * 10**9
"""How long a button was held when the firmware tells that it is stuck."""

_NO_MOMENT: Final = "papan direset: saat tekan tidak diketahui / the board was reset: the moment is not known"
_NO_BUTTON: Final = "papan direset: tombol mana tidak diketahui / the board was reset: which button is not known"
_STUCK: Final = "stuck: held for 30 s; check the button and its cable for a short"


class BoardButtons:
    """The buttons of one board.

    Args:
        names: The button's name of each index that has a table.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = dict(sorted(names.items()))
        self._down: set[str] = set()
        self._stuck: set[str] = set()

    def pressed(self, name: str) -> bool:
        """Return whether a button is down, as far as is known."""
        return name in self._down

    def wrong(self, name: str) -> str | None:
        """Return what is wrong with a button, in words that say what to do."""
        return _STUCK if name in self._stuck else None

    def take(self, told: Told, now_ns: int) -> list[News]:
        """Take what the board told at `now_ns`."""
        match told:
            case Happened(kind=EventKind.PRESS):
                return [self._press(told, now_ns)]
            case Happened(kind=EventKind.RELEASE) if (name := self._names.get(told.index)) is not None:
                return self._up(name)
            case Happened(kind=EventKind.STUCK) if (name := self._names.get(told.index)) is not None:
                return self._is_stuck(name, told, now_ns)
            case Beat():
                up = [name for at, name in self._names.items() if not told.buttons >> at & 1]
                self._down |= set(self._names.values()) - set(up)
                return [news for name in up if name in self._down for news in self._up(name)]
        return []

    def _press(self, told: Happened, now_ns: int) -> News:
        name, details = self._names.get(told.index), []
        if told.index == UNKNOWN_BUTTON and self._names:
            name = next(iter(self._names.values()))
            details.append(_NO_BUTTON)
        elif name is not None:
            self._down.add(name)
        if name is None:
            return NotMinded(told.number, told.index)
        if told.happened_ns is None:
            details.append(_NO_MOMENT)
        at_ns = now_ns if told.happened_ns is None else told.happened_ns
        return Raised(name, "press", at_ns, told.number, "; ".join(details) or None)

    def _up(self, name: str) -> list[News]:
        self._down.discard(name)
        self._stuck.discard(name)
        return [Released(name)]

    def _is_stuck(self, name: str, told: Happened, now_ns: int) -> list[News]:
        known = name in self._stuck
        if not told.value:
            self._stuck.discard(name)
            return []
        self._stuck.add(name)
        since_ns = (now_ns if told.happened_ns is None else told.happened_ns) - STUCK_NS
        return [] if known else [Raised(name, "stuck", since_ns)]
