"""How long a button is held: what counts as a press, and what as stuck. Pure: moments of CLOCK_MONOTONIC go in.

| state | what comes | next | what is told |
|---|---|---|---|
| up | a press, no hold time | down | pressed |
| up | a press, with a hold time | waiting | nothing yet |
| waiting | the hold time has passed | down | pressed, at the moment of its first edge |
| waiting | let go sooner | up | nothing, but `too_short` is counted |
| waiting | let go at the very moment of the press: its first edge was lost | up | pressed, released |
| waiting | the line is lost | down | pressed: better a false alarm than none |
| up | found held, its press told by an earlier run | down | nothing |
| down | let go | up | released |
| down | held for the time that is stuck | stuck | stuck, once |
| stuck | let go | up | released |

Without a hold time, the first edge of a press always sends, however short it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["up", "waiting", "down", "stuck"]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a button: `pressed` at the first edge's moment, `released`, or `stuck` since `monotonic_ns`."""

    what: Literal["pressed", "released", "stuck"]
    monotonic_ns: int


class Hold:
    """One button, over lost lines.

    `too_short` counts presses that were not held for the hold time.

    Args:
        hold_ns: How long a press must be held, 0 or more.
        stuck_ns: How long is stuck; more than `hold_ns`.
    """

    def __init__(self, *, hold_ns: int, stuck_ns: int) -> None:
        self._hold_ns = hold_ns
        self._stuck_ns = stuck_ns
        self._state: State = "up"
        self._since_ns = 0
        self._watched = True
        self.too_short = 0

    @property
    def stuck(self) -> bool:
        """Whether the button is stuck, as far as is known."""
        return self._state == "stuck"

    @property
    def waiting(self) -> bool:
        """Whether the hold time of a press runs."""
        return self._state == "waiting"

    def down(self, monotonic_ns: int, *, press: bool) -> list[Told]:
        """Take that the button is down; `press`: that is news, and not still the press of an earlier run."""
        self._watched = True
        if self._state != "up":
            return []
        self._since_ns = monotonic_ns
        if press and self._hold_ns:
            self._state = "waiting"
            return []
        self._state = "down"
        return [Told("pressed", monotonic_ns)] if press else []

    def up(self, monotonic_ns: int) -> list[Told]:
        """Take that the button is up."""
        self._watched = True
        state, self._state = self._state, "up"
        if state == "waiting":
            told = self._hold_over(monotonic_ns)
            return [*told, Told("released", monotonic_ns)] if told else []
        return [] if state == "up" else [Told("released", monotonic_ns)]

    def lost(self) -> list[Told]:
        """Take that the line is lost: how long the button is held is not known until it is opened again."""
        self._watched = False
        if self._state != "waiting":
            return []
        self._state = "down"
        return [Told("pressed", self._since_ns)]

    def due_ns(self) -> int | None:
        """Return when `tick` is to be called, or None."""
        if self._state == "waiting":
            return self._since_ns + self._hold_ns
        return self._since_ns + self._stuck_ns if self._state == "down" and self._watched else None

    def tick(self, now_ns: int) -> list[Told]:
        """Take that time has passed."""
        told: list[Told] = []
        while (due_ns := self.due_ns()) is not None and now_ns >= due_ns:
            waited = self._state == "waiting"
            self._state = "down" if waited else "stuck"
            told.append(Told("pressed" if waited else "stuck", self._since_ns))
        return told

    def _hold_over(self, monotonic_ns: int) -> list[Told]:
        held_ns = monotonic_ns - self._since_ns
        if 0 < held_ns < self._hold_ns:
            self.too_short += 1
            return []
        return [Told("pressed", self._since_ns)]
