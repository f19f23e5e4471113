"""When a batch is sent, kept on disk and forgotten. Pure: events and monotonic time in, commands out.

A batch without receipt is in exactly one of four places:

    place      body in memory   leaves it by
    fresh      yes              sending → flight; kept without having been sent → backlog
    flight     yes              receipt → forgotten
    backlog    no, on disk      loading → loading
    loading    no, on disk      the disk's answer → fresh, or backlog when the disk could not be read

Rules (DESIGN, "Two lanes"):
- What was sent and when it goes out again is in `flight.py`: at most 8 batches, and 2 s of the uplink without PUBACK.
- Fresh batches go before the backlog; both oldest first. On a link known to be slow, one that was never sent and is
  longer than 2 s of it is sent in pieces, under numbers of their own (`cutting.py`).
- When the oldest reading is in memory only for 30 s, all batches without receipt go to the disk in one commit: a
  healthy box hardly writes. One that is being written is not sent for the first time (for at most 60 s), so that the
  disk knows which may have been sent. One commit at a time: what waits for a disk that hangs is in memory, and bounded.
- What the disk cannot take stays in memory, at most 6 MB of it; above that the oldest are thinned, then dropped.
- What is on the disk, and what of it must give way, is in `shelf.py`. When its file was set aside as damaged, what is
  still in memory is kept again, and new batches are of a new stream.
- `retry_after_s` of a receipt, and presses without receipt, stop the sending, not the keeping.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

from contract.batch import MAX_BATCH_BYTES, Batch, Reading, TelemetryReceipt, encode_batch
from contract.identity import new_stream_id
from edge_agent.batch_commands import Command, CutBatch, KeepBatches, Key, LoadBatch, StoredRow, ThinnedRow
from edge_agent.batch_entry import Entry
from edge_agent.batch_memory import BatchMemory
from edge_agent.eviction import THINNED
from edge_agent.flight import WINDOW, Flight
from edge_agent.shelf import MAX_ROWS, Shelf
from edge_agent.uplink_rate import OVERHEAD_BYTES, UplinkRate

_S = 10**9
KEEP_AFTER_NS = 30 * _S
MEMORY_BYTES = 6_000_000
UNKNOWN_LINK_BYTES = 8_000
"""Of a batch never sent on a link that no PUBACK has told of; a longer one is cut."""
READING_BYTES = 230
"""Of a reading in a batch, about."""


class TelemetryLane:
    """The batches of one box that still lack their receipt.

    Args:
        device: The device's name.
        stream: A stream id that was never used before: minted at this start.
        dropped: Counts readings dropped, by reason.
        max_bytes: Batches on the disk, in bytes as they lie there.
        max_memory_bytes: Batches in memory, in bytes.
        max_rows: Batches that are only on the disk.
        draw: The source of jitter.
        mint: Returns a stream id that was never used before.
    """

    def __init__(
        self,
        device: str,
        stream: str,
        dropped: Counter[str],
        *,
        max_bytes: int,
        max_memory_bytes: int = MEMORY_BYTES,
        max_rows: int = MAX_ROWS,
        draw: random.Random | None = None,
        mint: Callable[[], str] = new_stream_id,
    ) -> None:
        self._device = device
        self._streams = [stream]
        self._dropped = dropped
        self._max_memory_bytes = max_memory_bytes
        self._mint = mint
        self._number = 0
        self._memory = BatchMemory()
        self._flight = Flight(draw if draw is not None else random.Random())
        self._shelf = Shelf(dropped, max_bytes=max_bytes, max_rows=max_rows)
        self._retry_ns = 0
        self._keeping = False
        self.restored = 0
        self.receipted = 0

    @property
    def rate(self) -> UplinkRate:
        """The measured uplink."""
        return self._flight.rate

    def __len__(self) -> int:
        return len(self._flight) + len(self._memory.fresh) + len(self._shelf)

    def __contains__(self, key: Key) -> bool:
        return key in self._flight or key in self._memory.fresh or key in self._shelf

    @property
    def waiting(self) -> int:
        """Readings without receipt."""
        return self._memory.readings + self._shelf.waiting

    @property
    def in_memory(self) -> int:
        """Readings that are only in memory: what a kill costs now."""
        return self._memory.readings - self._memory.written

    @property
    def on_disk(self) -> int:
        """Readings that the disk has, whether or not they are in memory as well."""
        return self._shelf.waiting + self._memory.written

    def in_memory_of(self, keys: Sequence[Key]) -> int:
        """Return how many readings of these batches are only in memory."""
        entries = (self._in_memory(key) for key in keys)
        return sum(entry.readings for entry in entries if entry is not None and entry.row is None)

    @property
    def stream(self) -> str:
        """The stream of new batches."""
        return self._streams[-1]

    @property
    def batch_bytes(self) -> int:
        """How long a batch may be that was never sent, in bytes."""
        if self.rate.limits:
            return max(1, self.rate.allowed - OVERHEAD_BYTES)
        return MAX_BATCH_BYTES if self.rate.measured else UNKNOWN_LINK_BYTES

    def restore(self, rows: Sequence[StoredRow], file: int) -> int:
        """Learn of what earlier runs left on the disk, oldest first; what is of this run is passed over.

        Args:
            rows: What is on the disk.
            file: How many files were set aside before this one.

        Returns:
            How many batches that is.
        """
        self._see(file)
        left = [row for row in rows if row.key[0] not in self._streams and row.key not in self]
        self.restored += self._shelf.restore(left, may_be_sent=WINDOW)
        return len(left)

    def add(self, readings: list[Reading], monotonic_ns: int, *, since_ns: int | None = None) -> Key:
        """Take a closed batch, freeze its body and return its key.

        Args:
            readings: Its readings.
            monotonic_ns: Now.
            since_ns: Since when its first reading is in memory only; None: since now.
        """
        key = self._next_key()
        body = encode_batch(Batch(device=self._device, stream=key[0], batch=key[1], readings=readings))
        self._memory.add(key, Entry(len(readings), monotonic_ns if since_ns is None else since_ns, body))
        self._relieve(key)
        return key

    def due(self, monotonic_ns: int, *, sending: bool) -> list[Command]:
        """Return what must be done now; `sending` is whether batches may go out (connected, no press waiting)."""
        commands: list[Command] = []
        if monotonic_ns >= self._shelf.paused_until_ns:
            commands.extend(self._shelf.due())
            since_ns = None if self._keeping or self._shelf.full else self._memory.unkept_since_ns
            if since_ns is not None and monotonic_ns - since_ns >= KEEP_AFTER_NS:
                commands.append(KeepBatches(self._memory.keep(monotonic_ns)))
                self._keeping = True
        if sending and monotonic_ns >= self._retry_ns:
            commands.extend(self._send(monotonic_ns))
        return commands

    def sends_at_once(self, monotonic_ns: int, *, sending: bool) -> bool:
        """Return whether a batch added now would go out now; while none would, the open batch may grow."""
        room = len(self._flight) + len(self._shelf.loading) < WINDOW and not self.rate.full
        return sending and monotonic_ns >= self._retry_ns and room and self._memory.next_fresh(monotonic_ns) is None

    def next_ns(self, monotonic_ns: int, *, sending: bool) -> int | None:
        """Return when `due` should be asked again, by the monotonic clock; None while nothing waits for a moment.

        What was due and not done waits for an event: a PUBACK, a receipt, or the disk's answer.
        """
        moments: list[int] = []
        paused_ns = self._shelf.paused_until_ns
        if (since_ns := self._memory.unkept_since_ns) is not None:
            moments.append(max(since_ns + KEEP_AFTER_NS, paused_ns))
        if self._shelf.wants or (sending and self._shelf.backlog):
            moments.append(paused_ns)
        if sending and self._retry_ns > monotonic_ns:
            moments.append(self._retry_ns)
        elif sending:
            moments.extend(self._flight.moments())
            if (held_ns := self._memory.held_until_ns()) is not None:
                moments.append(held_ns)
        return min((moment for moment in moments if moment > monotonic_ns), default=None)

    def flush(self) -> list[Command]:
        """Return the command that keeps everything not known to be on the disk: the agent stops."""
        self._memory.unanswered(self._flight)
        rows = self._memory.keep(0)
        return [KeepBatches(rows)] if rows else []

    # --- the network

    def connected(self, monotonic_ns: int) -> None:
        """A new connection stands: what was in flight on the old one may be lost and is due again."""
        self._flight.connected(monotonic_ns)

    def not_sent(self, sending: int) -> None:
        """A sending was not handed to the socket: its batch waits for the next connection."""
        self._flight.not_sent(sending)

    def acknowledged(self, sending: int, monotonic_ns: int, *, heard: bool = True) -> None:
        """The broker answered a sending with a PUBACK: the wait for the receipt begins.

        Args:
            sending: Its number; one of an earlier connection changes nothing.
            monotonic_ns: Now.
            heard: False: nobody listened. The collector is away, and is asked again soon.
        """
        self._flight.acknowledged(sending, monotonic_ns, heard=heard)

    def receipt(self, receipt: TelemetryReceipt, monotonic_ns: int) -> None:
        """Hear a receipt of the collector."""
        named = [key for span in receipt.ranges for key in self._named(span.stream, span.first, span.last)]
        named.extend(key for name in receipt.bodies if (key := self._flight.named(name)) is not None)
        for key in named:
            self.receipted += self._remove(key)
        if receipt.retry_after_s is not None:
            self._retry_ns = monotonic_ns + int(receipt.retry_after_s * _S)
        elif named:
            self._retry_ns = 0
            self._flight.hurry(monotonic_ns)

    # --- the disk; `file` is how many files were set aside as damaged when it answered

    def kept(self, keys: Sequence[Key], sizes: Sequence[int], file: int) -> None:
        """The disk has these batches, in as many bytes each."""
        self._keeping = False
        self._see(file)
        for key, size in zip(keys, sizes, strict=True):
            entry = self._in_memory(key)
            if entry is None:
                self._shelf.forget(key, None)  # its receipt overtook the write
                continue
            row = self._memory.kept(entry, size)
            self._shelf.add_row(row)
            if key in self._memory.fresh:
                self._memory.leave(key, entry)
                self._shelf.append(key, row)

    def not_kept(self, keys: Sequence[Key]) -> None:
        """The disk could not take these (see `disk_failed`, `disk_full`) and is asked again."""
        self._keeping = False
        self._memory.not_kept({key: entry for key in keys if (entry := self._in_memory(key)) is not None})

    def disk_failed(self, monotonic_ns: int) -> None:
        """The disk refused something just now: it is let alone for a while."""
        self._shelf.failed(monotonic_ns)

    def disk_full(self, monotonic_ns: int) -> None:
        """The card is full: some of the backlog gives way, if there is any."""
        self._shelf.found_full(monotonic_ns)

    def thinned(self, keys: Sequence[Key], rows: Sequence[ThinnedRow], file: int) -> None:
        """The disk has thinned these; keys without a row are not there any more."""
        self._see(file)
        self._shelf.thinned(keys, rows)

    def deleted(self, keys: Sequence[Key], file: int) -> None:
        """The full card has deleted these."""
        self._see(file)
        self._shelf.deleted(keys)

    def not_evicted(self, keys: Sequence[Key], monotonic_ns: int, *, full: bool) -> None:
        """The disk could not thin or delete these, `full` or for another reason."""
        self._shelf.not_evicted(keys, monotonic_ns, full=full)

    def forgotten(self, file: int) -> None:
        """The disk has deleted what a `ForgetBatches` named."""
        self._see(file)
        self._shelf.forgotten()

    def not_forgotten(self, keys: Sequence[Key]) -> None:
        """The disk could not delete these (see `disk_failed`); it is asked again."""
        self._shelf.not_forgotten(keys)

    def loaded(self, key: Key, body: bytes | None, monotonic_ns: int, file: int) -> None:
        """The disk gave a batch back, or (None) no longer has it."""
        self._see(file)
        row = self._shelf.loaded(key, found=body is not None)
        if row is not None and body is not None:
            entry = Entry(row.readings, monotonic_ns, body, row, thinned=row.thinned, sent=row.sent)
            self._memory.add(key, entry)

    def not_loaded(self, key: Key) -> None:
        """The disk could not be read or written just now (see `disk_failed`); what it has is still there."""
        self._shelf.not_loaded(key)

    def not_cut(self, key: Key) -> None:
        """The disk could not cut a batch (see `disk_failed`): it goes out whole."""
        self._shelf.not_cut(key)

    def cut(self, key: Key, pieces: Sequence[StoredRow], file: int) -> None:
        """The disk has these pieces in a batch's place; none: it has it no more, or cannot read it."""
        self._see(file)
        self._shelf.cut(key, pieces)

    # --- what these are made of

    def _next_key(self, count: int = 1) -> Key:
        key = (self.stream, self._number)
        self._number += count
        return key

    def _see(self, file: int) -> None:
        """Hear how many files were set aside: what only a lost one had is lost, and the rest is kept again."""
        if not self._shelf.set_aside(file):
            return
        self._streams.append(self._mint())
        self._number = 0
        self._memory.file_lost(self._flight)

    def _in_memory(self, key: Key) -> Entry | None:
        return self._flight.get(key) or self._memory.fresh.get(key)

    def _named(self, stream: str, first: int, last: int) -> list[Key]:
        """Return the keys in a range; a range wider than what is kept costs no more than what is kept."""
        if last - first < len(self):
            return [(stream, number) for number in range(first, last + 1)]
        everything = [*self._flight, *self._memory.fresh, *self._shelf.loading, *self._shelf.backlog]
        return [key for key in everything if key[0] == stream and first <= key[1] <= last]

    def _remove(self, key: Key) -> int:
        """Forget a batch wherever it is; return its readings, 0 when there is none such."""
        entry = self._flight.take(key) or self._memory.fresh.get(key)
        if entry is None:
            return self._shelf.remove(key)
        if entry.row is not None:
            self._shelf.forget(key, entry.row)
        self._memory.leave(key, entry)
        return entry.readings

    def _send(self, monotonic_ns: int) -> list[Command]:
        commands: list[Command] = []
        for key, entry in self._flight.again(monotonic_ns):
            if not self.rate.allows(len(entry.body)):
                return commands
            commands.append(self._flight.send(key, entry, monotonic_ns))
        while self._room > 0 and (first := self._memory.next_fresh(monotonic_ns)) is not None:
            if self.rate.full:
                return commands
            key, entry = first, self._memory.fresh[first]
            if entry.whole and entry.readings > 1 and len(entry.body) > self.batch_bytes:
                key, entry = self._memory.cut(key, self._next_key(2), self.batch_bytes)
            if not self.rate.allows(len(entry.body)):
                return commands
            del self._memory.fresh[key]
            commands.append(self._flight.send(key, entry, monotonic_ns))
        return commands + self._load(monotonic_ns)

    @property
    def _room(self) -> int:
        return WINDOW - len(self._flight) - len(self._shelf.loading)

    def _load(self, monotonic_ns: int) -> list[Command]:
        shelf, commands = self._shelf, list[Command]()
        if not shelf.may_load(monotonic_ns) or self._memory.next_fresh(monotonic_ns) is not None:
            return commands
        way = self.rate.on_the_way + sum(row.readings for row in shelf.loading.values()) * READING_BYTES
        while self._room > 0 and (key := shelf.backlog.oldest()) is not None:
            row = shelf.backlog[key]
            size = row.readings * READING_BYTES
            if way and way + size > self.rate.allowed:
                break
            way += size
            shelf.load(key)
            if not row.sent and row.readings > 1 and size > self.batch_bytes:
                commands.append(CutBatch(key, self._next_key(row.readings), self.batch_bytes))
                break
            commands.append(LoadBatch(key))
        return commands

    def _relieve(self, newest: Key) -> None:
        """Keep the bodies in memory within their bound; `newest` stays."""
        memory = self._memory
        while memory.bytes > self._max_memory_bytes:
            key, entry = next(iter(memory.fresh.items()))
            if entry.row is None and (lost := memory.thin_one()) is not None:
                if lost:
                    self._dropped[THINNED] += lost
                continue
            if key == newest:
                return
            if entry.row is not None:
                memory.leave(key, entry)
                self._shelf.put_back([(key, entry.row)])
            else:
                self._dropped["memory full"] += self._remove(key)
