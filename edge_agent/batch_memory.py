"""The batches in memory: which wait to be sent, and which are nowhere else. Pure.

Rules:
- When the oldest reading is in memory only for long enough, all that is only here goes to the disk in one commit.
- A batch that is being written is not sent for the first time, so that the disk knows which may have been sent; but for
  60 s at most: a card that hangs for ever holds nothing up for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_agent.backlog import Row
from edge_agent.batch_commands import Key, NewRow
from edge_agent.batch_entry import Entry, in_place

KEEPING_NS = 60 * 10**9


class BatchMemory:
    """The batches in memory. `fresh` are those that wait to be sent, oldest first; the others are in flight."""

    def __init__(self) -> None:
        self.fresh: dict[Key, Entry] = {}
        self.bytes = 0
        self.readings = 0
        self.written = 0
        """Readings that are on the disk as well."""
        self._unkept: dict[Key, Entry] = {}

    def add(self, key: Key, entry: Entry) -> None:
        """Take a batch; one without a row is nowhere else."""
        self.fresh[key] = entry
        self.bytes += entry.size
        self.readings += entry.readings
        if entry.row is None:
            self._unkept[key] = entry
        else:
            self.written += entry.readings

    def leave(self, key: Key, entry: Entry) -> None:
        """A batch is not in memory any more."""
        self.fresh.pop(key, None)
        self._unkept.pop(key, None)
        self.bytes -= entry.size
        self.readings -= entry.readings
        if entry.row is not None:
            self.written -= entry.readings

    def next_fresh(self, monotonic_ns: int) -> Key | None:
        """Return the oldest batch that may be sent now."""
        for key, entry in self.fresh.items():
            if entry.sent or entry.keeping_ns is None or monotonic_ns - entry.keeping_ns >= KEEPING_NS:
                return key
        return None

    def held_until_ns(self) -> int | None:
        """Return until when the oldest batch is held back because it is being written."""
        first = next(iter(self.fresh.values()), None)
        return None if first is None or first.keeping_ns is None else first.keeping_ns + KEEPING_NS

    def cut(self, key: Key, first: Key, max_bytes: int) -> tuple[Key, Entry]:
        """Put a piece of a batch, and the rest, in its place; return the piece."""
        entry = self.fresh[key]
        pieces = entry.cut(first, max_bytes)
        self.bytes += sum(piece.size for piece in pieces.values()) - entry.size
        self.fresh = in_place(self.fresh, key, pieces)
        self._unkept = in_place(self._unkept, key, pieces)
        return next(iter(pieces.items()))

    def thin_one(self) -> int | None:
        """Thin the oldest batch that may still be; return how many readings that cost, or None: there is none."""
        entry = next((entry for entry in self.fresh.values() if entry.whole and not entry.thinned), None)
        if entry is None:
            return None
        before = entry.size
        lost = entry.thin()
        self.bytes += entry.size - before
        self.readings -= lost
        return lost

    # --- to the disk

    @property
    def unkept_since_ns(self) -> int | None:
        """Since when the oldest reading is in memory only and not being written, or None."""
        return next(iter(self._unkept.values())).since_ns if self._unkept else None

    def keep(self, monotonic_ns: int) -> tuple[NewRow, ...]:
        """Return all that is only in memory; it is being written from now on."""
        rows = []
        for key, entry in self._unkept.items():
            entry.keeping_ns = monotonic_ns
            rows.append(NewRow(key, entry.readings, entry.body, entry.sent))
        self._unkept = {}
        return tuple(rows)

    def kept(self, entry: Entry, size: int) -> Row:
        """A batch is on the disk, in as many bytes; return its row."""
        entry.keeping_ns = None
        entry.row = Row(entry.readings, size, entry.sent, entry.thinned)
        self.written += entry.readings
        return entry.row

    def not_kept(self, entries: Mapping[Key, Entry]) -> None:
        """These could not be written; they are older than all that came since."""
        for entry in entries.values():
            entry.keeping_ns = None
        self._unkept = {**entries, **self._unkept}

    def unanswered(self, in_flight: Mapping[Key, Entry]) -> None:
        """The disk will not answer any more: what is not known to be on it is only in memory again."""
        unkept = [(key, entry) for key, entry in (*in_flight.items(), *self.fresh.items()) if entry.row is None]
        for _, entry in unkept:
            entry.keeping_ns = None
        self._unkept = dict(sorted(unkept, key=lambda item: item[1].since_ns))

    def file_lost(self, in_flight: Mapping[Key, Entry]) -> None:
        """The disk's file is another one: nothing is on it, but for what is being written."""
        entries: Sequence[tuple[Key, Entry]] = [*in_flight.items(), *self.fresh.items()]
        for _, entry in entries:
            entry.row = None
        self.written = 0
        unkept = [(key, entry) for key, entry in entries if entry.keeping_ns is None]
        self._unkept = dict(sorted(unkept, key=lambda item: item[1].since_ns))
