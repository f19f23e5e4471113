"""A batch in memory."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.backlog import Row
from edge_agent.batch_commands import Key
from edge_agent.cutting import cut_first
from edge_agent.eviction import thin_body

ENTRY_BYTES = 600
"""Of a batch in memory beside its body, about."""


@dataclass(slots=True)
class Entry:
    """A batch that the telemetry lane has in memory.

    `since_ns`: since when its first reading was in memory only. `row`: as it is on the disk. `keeping_ns`: since when
    it is being written there. `sent`: it may have been sent, by this run or an earlier one. `resend_ns` None: it waits
    for its PUBACK or a new connection.
    """

    readings: int
    since_ns: int
    body: bytes
    row: Row | None = None
    keeping_ns: int | None = None
    thinned: bool = False
    sent: bool = False
    attempts: int = 0
    answered_ns: int = 0
    resend_ns: int | None = None
    name: str = ""

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return len(self.body) + ENTRY_BYTES

    @property
    def whole(self) -> bool:
        """Whether nobody else has its content yet, so that it may still change."""
        return not self.sent and self.row is None and self.keeping_ns is None

    def thin(self) -> int:
        """Thin it; return how many readings that cost."""
        self.body, lost = thin_body(self.body)
        self.thinned = True
        self.readings -= lost
        return lost

    def cut(self, first: Key, max_bytes: int) -> dict[Key, Entry]:
        """Return a piece of at most `max_bytes`, and the rest."""
        return {
            key: Entry(readings, self.since_ns, body, thinned=self.thinned)
            for key, readings, body in cut_first(self.body, first, max_bytes)
        }


def in_place(entries: dict[Key, Entry], key: Key, pieces: dict[Key, Entry]) -> dict[Key, Entry]:
    """Return entries with the pieces of one in its place: their order is their age."""
    return {
        new: part for one, entry in entries.items() for new, part in (pieces.items() if one == key else ((one, entry),))
    }
