"""What the lamp at a button shows. Pure: events and monotonic time go in, a pattern comes out.

    pattern         meaning                               shown
    off             nothing is open                       dark
    kept            the box has the press, nobody else    slow blink, 1 Hz
    not_delivered   10 s without any receipt              three short flashes a second
    received        the desk has it                       fast blink, 5 Hz
    accepted        an officer answers                    solid

A press without receipt outranks what the desk said before it: the person who pressed wants to know about this press.
The pattern goes on when the link dies, because it is made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from contract.messages import Lamps, LampState

Pattern = Literal["off", "kept", "not_delivered", "received", "accepted"]

NOT_DELIVERED_AFTER_NS = 10 * 10**9
TEST_PATTERNS: Final[tuple[Pattern, ...]] = ("kept", "received", "accepted", "not_delivered")
TEST_STEP_NS: Final = 3 * 10**9
"""A lamp test shows each pattern for so long. A press ends it at once."""

# Each pattern as its period and the moments within it, in ms, at which the lamp changes, beginning with on at 0.
_PATTERNS: dict[Pattern, tuple[int, tuple[int, ...]]] = {
    "kept": (1_000, (0, 500)),
    "received": (200, (0, 100)),
    "not_delivered": (1_000, (0, 80, 200, 280, 400, 480)),
}
_MS = 1_000_000


def level_at(pattern: Pattern, since_ns: int) -> tuple[bool, int | None]:
    """Return whether the lamp is lit, and in how many ns that changes (None: not by itself).

    Args:
        pattern: What to show.
        since_ns: Time since the pattern began, in ns, not negative.
    """
    shape = _PATTERNS.get(pattern)
    if shape is None:
        return pattern == "accepted", None
    period_ms, changes_ms = shape
    phase_ns = since_ns % (period_ms * _MS)
    index = max(i for i, change in enumerate(changes_ms) if change * _MS <= phase_ns)
    following = changes_ms[index + 1] if index + 1 < len(changes_ms) else period_ms
    return index % 2 == 0, following * _MS - phase_ns


class Lamp:
    """The state of one button's lamp."""

    def __init__(self) -> None:
        self._unanswered: dict[str, int] = {}
        self._desk: LampState = "off"
        self._test_ns: int | None = None
        self.wrong: str | None = None
        """What is wrong with its output now, in words that say what to do."""

    def pressed(self, event_id: str, monotonic_ns: int) -> None:
        """A press was taken: nobody has it but the box."""
        self._unanswered[event_id] = monotonic_ns

    def receipted(self, event_id: str) -> None:
        """The desk has this press, in whatever stage; its own lamp message follows."""
        if self._unanswered.pop(event_id, None) is not None and self._desk == "off":
            self._desk = "received"

    def told(self, state: LampState) -> None:
        """The desk said what to show."""
        self._desk = state

    def pattern(self, monotonic_ns: int) -> tuple[Pattern, int | None]:
        """Return what to show now, and in how many ns that changes by itself (None: it does not)."""
        if not self._unanswered:
            return self._tested(monotonic_ns) if self._desk == "off" else (self._desk, None)
        oldest_ns = min(self._unanswered.values())
        left_ns = oldest_ns + NOT_DELIVERED_AFTER_NS - monotonic_ns
        return ("kept", left_ns) if left_ns > 0 else ("not_delivered", None)

    def test(self, monotonic_ns: int) -> bool:
        """Show each pattern for 3 s from now on; return False while it shows a press, which nothing may hide."""
        if self._unanswered or self._desk != "off":
            return False
        self._test_ns = monotonic_ns
        return True

    def _tested(self, monotonic_ns: int) -> tuple[Pattern, int | None]:
        at_ns = None if self._test_ns is None else monotonic_ns - self._test_ns
        if at_ns is None or not 0 <= at_ns < len(TEST_PATTERNS) * TEST_STEP_NS:
            self._test_ns = None
            return "off", None
        return TEST_PATTERNS[at_ns // TEST_STEP_NS], TEST_STEP_NS - at_ns % TEST_STEP_NS


class LampPanel:
    """The lamps of one box, and the version of the desk's last word on them.

    Args:
        buttons: The names of the buttons.
    """

    def __init__(self, buttons: Iterable[str]) -> None:
        self._lamps = {button: Lamp() for button in buttons}
        self._version = -1
        self.run: str | None = None
        """Which run of the desk the last word came from, where it says so."""

    def __contains__(self, button: str) -> bool:
        return button in self._lamps

    def __getitem__(self, button: str) -> Lamp:
        return self._lamps[button]

    def told(self, message: Lamps) -> bool:
        """Take the desk's whole state; return False for one that is not newer than the last."""
        if message.version <= self._version:
            return False
        self._version = message.version
        self.run = message.run or self.run
        for button, lamp in self._lamps.items():
            lamp.told(message.lamps.get(button, "off"))
        return True

    def receipted(self, event_id: str) -> None:
        """The desk has this press, whichever button it was."""
        for lamp in self._lamps.values():
            lamp.receipted(event_id)
