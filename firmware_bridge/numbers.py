"""Which numbered events were told and which are stored, so that none is told twice and none is passed over. Pure.

Bytes are lost on the wire, so a later press may come before an earlier one: the highest number alone would not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 64
"""The board has at most 8 events on the way, the oldest first. What lies so far below what is stored cannot come."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The numbers that are stored: all up to `floor`, and those `above` it, at most 64."""

    floor: int = 0
    above: frozenset[int] = frozenset()


class NumberLog:
    """The numbers of one board's events.

    Args:
        stored: What an earlier run left.
    """

    def __init__(self, stored: Stored | None = None) -> None:
        self._floor = 0 if stored is None else stored.floor
        self._above = set() if stored is None else set(stored.above)
        self._told: set[int] = set()

    @property
    def stored(self) -> Stored:
        """What is stored."""
        return Stored(self._floor, frozenset(self._above))

    @property
    def highest(self) -> int:
        """The highest number that is stored."""
        return max(self._above, default=self._floor)

    @property
    def told(self) -> int:
        """How many are told and not yet stored."""
        return len(self._told)

    def is_stored(self, number: int) -> bool:
        """Return whether a number is stored."""
        return number <= self._floor or number in self._above

    def tell(self, number: int) -> bool:
        """Return whether a number is new, and take that it is told now. With 64 told and none stored, none is new."""
        if self.is_stored(number) or number in self._told or len(self._told) >= WINDOW:
            return False
        self._told.add(number)
        return True

    def store(self, number: int) -> None:
        """Take that a number is stored."""
        self._told.discard(number)
        if number > self._floor:
            self._above.add(number)
        while len(self._above) > WINDOW or self._floor + 1 in self._above:
            self._floor = min(self._above)
            self._above.discard(self._floor)

    def forget(self) -> None:
        """Begin anew, because the board counts from the start again."""
        self._floor = 0
        self._above.clear()
        self._told.clear()
