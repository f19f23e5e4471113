"""What the lamps and sirens of a board are to do, and what it has confirmed. Pure.

The board makes the patterns itself, so that they go on when the link dies. It forgets them when it starts anew: then
all is asked again, also silence. A siren is told for how many seconds it goes: its end needs nothing but the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_bridge.commands import Answer
from firmware_bridge.messages import CommandKind, Hello, Pattern

MOST_SIREN_S: Final = 65_535
"""The firmware's bound."""

AGAIN_NS: Final = 5 * 10**9
"""What a board refused is asked again after so long: it may have been flashed anew."""

_REFUSED: Final = {
    1: "refused: the board knows no such command; flash the firmware of this version of Siaga to it",
    2: "refused: the board has no such output; check the number in its uri",
    3: "refused: the board cannot do this; flash the firmware of this version of Siaga to it",
}


@dataclass(frozen=True, slots=True)
class Output:
    """A lamp or a siren of a board."""

    kind: CommandKind
    index: int


@dataclass(slots=True)
class _State:
    wanted: Pattern = Pattern.OFF
    until_ns: int | None = None
    version: int = 1
    confirmed: int = 0
    asked: tuple[int, int] | None = None
    refused: str | None = None
    again_ns: int = 0


class BoardOutputs:
    """The outputs of one board; each is off until something else is wanted."""

    def __init__(self) -> None:
        self._states: dict[Output, _State] = {}

    def add(self, output: Output) -> None:
        """Take that an output is used."""
        self._states.setdefault(output, _State())

    def want(self, output: Output, pattern: Pattern, until_ns: int | None = None) -> None:
        """Take what an output is to do from now on; a siren until a moment of the monotonic clock."""
        state = self._states[output]
        if (state.wanted, state.until_ns) != (pattern, until_ns):
            state.wanted, state.until_ns = pattern, until_ns
            state.version += 1
            state.again_ns = 0

    def is_done(self, output: Output) -> bool:
        """Return whether the board has confirmed what is wanted."""
        state = self._states[output]
        return state.confirmed == state.version

    def wrong(self, output: Output) -> str | None:
        """Return why the board does not do it, in words that say what to do."""
        return self._states[output].refused

    def started(self) -> None:
        """Take that the board started anew: it is dark and silent, and knows nothing."""
        for state in self._states.values():
            state.confirmed, state.asked, state.again_ns = 0, None, 0

    def due(self, hello: Hello, now_ns: int) -> list[tuple[Output, int]]:
        """Return what is to be asked of a board that is ready, and with which value; one command an output."""
        found = []
        for output, state in self._states.items():
            if state.asked is not None or state.confirmed == state.version or now_ns < state.again_ns:
                continue
            there = hello.lamps if output.kind is CommandKind.LAMP else hello.sirens
            if output.index >= there:
                what = "lamps" if output.kind is CommandKind.LAMP else "sirens"
                state.refused = f"refused: the board has {there} {what}; check the number in its uri"
                state.again_ns = now_ns + AGAIN_NS
                continue
            found.append((output, _value(state, now_ns)))
        return found

    def asked(self, output: Output, command: int) -> None:
        """Take that it was asked by this command."""
        self._states[output].asked = command, self._states[output].version

    def answered(self, answer: Answer, now_ns: int) -> None:
        """Take what became of a command; one that had no answer is asked again."""
        for state in self._states.values():
            if state.asked is None or state.asked[0] != answer.id:
                continue
            (_, version), state.asked = state.asked, None
            if answer.result == 0:
                state.confirmed, state.refused = version, None
            elif answer.result is not None:
                state.refused = _REFUSED.get(answer.result, f"refused: the board answered {answer.result}")
                state.again_ns = now_ns + AGAIN_NS


def _value(state: _State, now_ns: int) -> int:
    if state.until_ns is None:
        return state.wanted
    left_s = min(MOST_SIREN_S, -(-(state.until_ns - now_ns) // 10**9))
    return state.wanted | left_s << 8 if left_s > 0 else Pattern.OFF
