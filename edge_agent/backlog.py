"""The batches that are only on the disk, oldest first. Pure; a call costs the same however many there are, on average.

A row is removed from the middle when a receipt names it; its place in the order is then passed over when it is reached.
Places of rows that are no more are cleared away when they are the most: a box runs for years.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.batch_commands import Key

_PLACES: Final = 1_000
"""So many places cost little, whatever became of their rows."""


@dataclass(slots=True)
class Row:
    """What is remembered of a batch on the disk.

    `size` in bytes as it lies there. `sent`: it may have been sent, so it is never thinned nor cut. `busy`: the disk is
    changing it just now.
    """

    readings: int
    size: int
    sent: bool = False
    thinned: bool = False
    busy: bool = False


class Backlog:
    """An index of batches, oldest first."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._order: deque[Key] = deque()
        self._whole: deque[Key] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __getitem__(self, key: Key) -> Row:
        return self._rows[key]

    def __iter__(self) -> Iterator[Key]:
        """Return all keys, in no order."""
        return iter(self._rows)

    def append(self, key: Key, row: Row) -> None:
        """Add the newest."""
        self._rows[key] = row
        self._order.append(key)
        if not row.sent and not row.thinned:
            self._whole.append(key)
        most = 2 * len(self._rows) + _PLACES
        if len(self._order) > most:
            self._order = deque(dict.fromkeys(one for one in self._order if one in self._rows))
        if len(self._whole) > most:
            self._whole = deque(dict.fromkeys(one for one in self._whole if one in self._rows))

    def put_back(self, rows: Iterable[tuple[Key, Row]]) -> None:
        """Add rows before all others, in their order."""
        for key, row in reversed(list(rows)):
            self._rows[key] = row
            self._order.appendleft(key)

    def pop(self, key: Key) -> Row | None:
        """Remove a row."""
        return self._rows.pop(key, None)

    def oldest(self) -> Key | None:
        """Return the oldest, or None when there is none or the disk is changing it just now."""
        while self._order and self._order[0] not in self._rows:
            self._order.popleft()
        if not self._order or self._rows[self._order[0]].busy:
            return None
        return self._order[0]

    def take_oldest(self, count: int) -> list[Key]:
        """Return up to `count` of the oldest and mark them busy."""
        taken: list[Key] = []
        while len(taken) < count and (key := self.oldest()) is not None:
            self._order.popleft()
            self._rows[key].busy = True
            taken.append(key)
        self._order.extendleft(reversed(taken))
        return taken

    def take_whole(self, count: int) -> list[Key]:
        """Return up to `count` of the oldest that were never sent and never thinned, and mark them busy."""
        taken: list[Key] = []
        while self._whole and len(taken) < count:
            key = self._whole.popleft()
            row = self._rows.get(key)
            if row is not None and not row.sent and not row.thinned and not row.busy:
                row.busy = True
                taken.append(key)
        return taken

    def release(self, keys: Iterable[Key]) -> None:
        """The disk is done with these: they are no longer busy, and those still whole may be taken again."""
        for key in reversed(list(keys)):
            row = self._rows.get(key)
            if row is None:
                continue
            row.busy = False
            if not row.sent and not row.thinned:
                self._whole.appendleft(key)

    def clear(self) -> list[Row]:
        """Remove and return all rows."""
        rows = list(self._rows.values())
        self._rows.clear()
        self._order.clear()
        self._whole.clear()
        return rows
