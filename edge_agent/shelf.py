"""What the telemetry lane knows of the disk: the batches that are only there, and what must give way. Pure.

Rules:
- Over `max_bytes` the oldest batches are thinned, 16 in one commit, then dropped (`eviction.py`); over `max_rows` the
  oldest are dropped, for thinning makes none fewer.
- When the card itself is full, 16 of the oldest are thinned, or if even that finds no room, deleted; they are dropped
  when the card says so, not before: a card that takes nothing at all loses nothing.
- After a failure the disk is let alone for 30 s.
- What is to be deleted is deleted before anything else is loaded: after a restart all rows that were sent, and are not
  marked as such, are among the first 8.
- Each answer of the disk tells how many files were set aside as damaged. When one more was, what was only there is
  dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from edge_agent.backlog import Backlog, Row
from edge_agent.batch_commands import DropBatches, ForgetBatches, Key, StoredRow, ThinBatches, ThinnedRow
from edge_agent.eviction import DISK_BUDGET, THINNED

DISK_PAUSE_NS = 30 * 10**9
MAX_ROWS = 20_000
EVICT_ROWS = 16
SET_ASIDE = "outbox set aside"
UNREADABLE = "unreadable on disk"


class Shelf:
    """The disk's batches.

    Args:
        dropped: Counts readings dropped, by reason.
        max_bytes: Bytes on the disk.
        max_rows: Batches that are only on the disk.
    """

    def __init__(self, dropped: Counter[str], *, max_bytes: int, max_rows: int) -> None:
        self._dropped = dropped
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self.backlog = Backlog()
        self.loading: dict[Key, Row] = {}
        self.waiting = 0
        """Readings that are only on the disk."""
        self.paused_until_ns = 0
        self._bytes = 0
        self._file = 0
        self._forget: list[Key] = []
        self._forgetting = 0
        self._evicting = False
        self._full: Literal["no", "thin", "drop"] = "no"

    def __len__(self) -> int:
        return len(self.backlog) + len(self.loading)

    def __contains__(self, key: Key) -> bool:
        return key in self.backlog or key in self.loading

    @property
    def full(self) -> bool:
        """Whether the card is full, and something must give way before anything is kept."""
        return self._full != "no"

    def may_load(self, monotonic_ns: int) -> bool:
        """Return whether more may be loaded: the disk is not let alone, and nothing waits to be deleted."""
        return monotonic_ns >= self.paused_until_ns and not self._forget and not self._forgetting

    @property
    def wants(self) -> bool:
        """Whether something is to be done as soon as the pause is over."""
        return bool(self._forget) or self._over or self.full

    # --- rows

    def append(self, key: Key, row: Row) -> None:
        """A batch is only on the disk from now on; its row is added already, or `add_row` is called."""
        self.backlog.append(key, row)
        self.waiting += row.readings

    def put_back(self, rows: Iterable[tuple[Key, Row]]) -> None:
        """As `append`, but before all others."""
        rows = list(rows)
        self.backlog.put_back(rows)
        self.waiting += sum(row.readings for _, row in rows)

    def add_row(self, row: Row) -> None:
        """The disk has one more row."""
        self._bytes += row.size

    def forget(self, key: Key, row: Row | None) -> None:
        """Delete a row; None: one that was not added."""
        self._forget.append(key)
        if row is not None:
            self._bytes -= row.size

    def remove(self, key: Key) -> int:
        """Delete a batch that is only on the disk; return its readings, 0 when there is none such."""
        row = self.backlog.pop(key) or self.loading.pop(key, None)
        if row is None:
            return 0
        self.waiting -= row.readings
        self.forget(key, row)
        return row.readings

    def restore(self, rows: Iterable[StoredRow], *, may_be_sent: int) -> int:
        """Learn of what earlier runs left, oldest first; the first `may_be_sent` unmarked rows may have been sent.

        Returns:
            How many readings that is.
        """
        before, unmarked = self.waiting, 0
        for stored in rows:
            unmarked += not stored.sent
            row = Row(stored.readings, stored.size, stored.sent or unmarked <= may_be_sent, stored.thinned)
            self.add_row(row)
            self.append(stored.key, row)
        return self.waiting - before

    # --- loading

    def load(self, key: Key) -> None:
        """A batch is being read."""
        row = self.backlog.pop(key)
        assert row is not None  # the caller has it from `backlog.oldest`
        self.loading[key] = row

    def loaded(self, key: Key, *, found: bool) -> Row | None:
        """A batch was read, and is no longer only on the disk; not `found`: it is lost and counted."""
        row = self.loading.get(key)
        if row is None:
            return None
        if not found:
            self._drop(key, UNREADABLE)
            return None
        del self.loading[key]
        self.waiting -= row.readings
        return row

    def not_loaded(self, key: Key) -> None:
        """The disk could not be read just now; what it has is still there."""
        row = self.loading.pop(key, None)
        if row is not None:
            self.backlog.put_back([(key, row)])

    def not_cut(self, key: Key) -> None:
        """As `not_loaded`, and it is not cut again."""
        if key in self.loading:
            self.loading[key].sent = True
        self.not_loaded(key)

    def cut(self, key: Key, pieces: Sequence[StoredRow]) -> None:
        """The disk has these pieces in the place of a batch that was being read; none: it is lost and counted."""
        row = self.loading.get(key)
        if row is None:
            return
        if not pieces:
            self._drop(key, UNREADABLE)
            return
        del self.loading[key]
        self._bytes -= row.size
        self.waiting -= row.readings
        rows = [(piece.key, Row(piece.readings, piece.size, piece.sent, piece.thinned)) for piece in pieces]
        self._bytes += sum(piece.size for _, piece in rows)
        self.put_back(rows)

    # --- what must be deleted or must give way

    def due(self) -> list[ForgetBatches | ThinBatches | DropBatches]:
        """Return what is to be deleted or thinned now; the pause is over."""
        commands: list[ForgetBatches | ThinBatches | DropBatches] = []
        if not self._evicting and self._full == "no":
            self._bound_rows()
        if not self._evicting and (self.full or self._bytes > self._max_bytes):
            commands.extend(self._evict())
        if self._forget:
            commands.append(ForgetBatches(tuple(self._forget)))
            self._forgetting += 1
            self._forget = []
        return commands

    def failed(self, monotonic_ns: int) -> None:
        """The disk refused something just now: it is let alone for a while."""
        self.paused_until_ns = monotonic_ns + DISK_PAUSE_NS
        self._full = "no"

    def found_full(self, monotonic_ns: int) -> None:
        """The card is full: something gives way, if there is anything."""
        if self.backlog and self._full == "no":
            self._full = "thin"
        elif self._full == "no":
            self.failed(monotonic_ns)

    def thinned(self, keys: Sequence[Key], rows: Sequence[ThinnedRow]) -> None:
        """The disk has thinned these; keys without a row are not there any more."""
        self._done(keys)
        there = {thinned.key for thinned in rows}
        for thinned in rows:
            if thinned.key in self.backlog:
                row = self.backlog[thinned.key]
                self._bytes += thinned.size - row.size
                row.readings, row.size, row.thinned = row.readings - thinned.lost, thinned.size, True
                self.waiting -= thinned.lost
                if thinned.lost:
                    self._dropped[THINNED] += thinned.lost
        for key in keys:
            if key not in there:
                self._drop(key, UNREADABLE)

    def deleted(self, keys: Sequence[Key]) -> None:
        """The full card has deleted these."""
        self._done(keys)
        for key in keys:
            row = self.backlog.pop(key)
            if row is not None:
                self._bytes -= row.size
                self.waiting -= row.readings
                self._dropped[DISK_BUDGET] += row.readings

    def not_evicted(self, keys: Sequence[Key], monotonic_ns: int, *, full: bool) -> None:
        """The disk could not thin or delete these; a full one that could not thin is asked to delete."""
        stage = self._full
        self._done(keys)
        if full and stage != "drop":
            self._full = "drop"
        else:
            self.failed(monotonic_ns)

    def forgotten(self) -> None:
        """The disk has deleted what a `ForgetBatches` named."""
        self._forgetting -= 1

    def not_forgotten(self, keys: Sequence[Key]) -> None:
        """The disk could not delete these; it is asked again."""
        self._forgetting -= 1
        self._forget.extend(keys)

    def set_aside(self, file: int) -> bool:
        """Hear how many files were set aside; return whether one more was, and what was only there is lost."""
        if file <= self._file:
            return False
        self._file = file
        lost = self.backlog.clear() + list(self.loading.values())
        self.loading.clear()
        self._forget.clear()
        self._bytes = 0
        self.waiting = 0
        if lost:
            self._dropped[SET_ASIDE] += sum(row.readings for row in lost)
        return True

    @property
    def _over(self) -> bool:
        return (self._bytes > self._max_bytes or len(self.backlog) > self._max_rows) and bool(self.backlog)

    def _bound_rows(self) -> None:
        while len(self.backlog) > self._max_rows and (key := self.backlog.oldest()) is not None:
            self._drop(key, DISK_BUDGET)

    def _evict(self) -> list[ThinBatches | DropBatches]:
        if self._full != "drop" and (keys := self.backlog.take_whole(EVICT_ROWS)):
            self._evicting = True
            return [ThinBatches(tuple(keys))]
        if self.full:
            keys = self.backlog.take_oldest(EVICT_ROWS)
            self._evicting = bool(keys)
            self._full = "drop" if keys else "no"
            return [DropBatches(tuple(keys))] if keys else []
        while self._bytes > self._max_bytes and (key := self.backlog.oldest()) is not None:
            self._drop(key, DISK_BUDGET)
        return []

    def _done(self, keys: Sequence[Key]) -> None:
        self._evicting = False
        self._full = "no"
        self.backlog.release(keys)

    def _drop(self, key: Key, reason: str) -> None:
        readings = self.remove(key)
        if readings:
            self._dropped[reason] += readings
