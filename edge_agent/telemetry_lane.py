"""When a batch is sent, kept on disk and forgotten. Pure: events and monotonic time in, commands out.

A batch without receipt is in exactly one of three places:

    place      body in memory   leaves it by
    fresh      yes              sending → flight; 30 s without receipt, once on disk → backlog
    flight     yes              receipt → forgotten; a sending that did not reach the broker → fresh
    backlog    no, on disk      loading → fresh

Rules (DESIGN, "Two lanes"):
- At most 8 batches without receipt are in flight. One is sent again 30 s after its sending, growing to 5 min, jittered;
  at once when the connection is new, and when a receipt shows that the collector is back.
- Fresh batches go before the backlog; both oldest first.
- A batch without receipt for 30 s goes to the disk, so that a healthy box hardly writes. Over `max_bytes` on disk the
  oldest batches are dropped and counted.
- What the disk cannot take stays in memory, at most 16 MB of it; above that the oldest batches are dropped and counted.
- After a failure the disk is let alone for 30 s. A batch it could not give back then stays in the backlog, and one it
  could not delete is deleted later; only a batch that the file does not have any more is lost, and counted.
- `retry_after_s` of a receipt, and presses without receipt, stop the sending, not the keeping.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from contract.batch import Batch, Reading, TelemetryReceipt, encode_batch
from contract.identity import body_hash

_S = 10**9
WINDOW = 8
KEEP_AFTER_NS = 30 * _S
RESEND_FIRST_NS = 30 * _S
RESEND_CAP_NS = 300 * _S
DISK_PAUSE_NS = 30 * _S
MEMORY_BYTES = 16_000_000
_STALE_NS = 5 * _S

Key = tuple[str, int]
"""(stream, batch)."""


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Publish this body."""

    key: Key
    body: bytes


@dataclass(frozen=True, slots=True)
class LoadBatch:
    """Read this batch from the disk and hand it to `loaded`."""

    key: Key


@dataclass(frozen=True, slots=True)
class KeepBatches:
    """Write these to the disk and hand the keys to `kept`."""

    batches: tuple[tuple[Key, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class ForgetBatches:
    """Delete these from the disk."""

    keys: tuple[Key, ...]


Command = SendBatch | LoadBatch | KeepBatches | ForgetBatches


@dataclass(slots=True)
class _Entry:
    readings: int
    size: int
    taken_ns: int
    body: bytes | None
    on_disk: bool = False
    keeping: bool = False
    sent_ns: int = 0
    resend_ns: int = 0
    attempts: int = 0
    name: str = ""


class TelemetryLane:
    """The batches of one box that still lack their receipt.

    Args:
        device: The device's name.
        stream: A stream id that was never used before: minted at this start.
        dropped: Counts readings dropped, by reason.
        max_bytes: Bodies kept on disk, in bytes.
        max_memory_bytes: Bodies in memory, in bytes.
        draw: The source of jitter.
    """

    def __init__(
        self,
        device: str,
        stream: str,
        dropped: Counter[str],
        *,
        max_bytes: int,
        max_memory_bytes: int = MEMORY_BYTES,
        draw: random.Random | None = None,
    ) -> None:
        self._device = device
        self._stream = stream
        self._dropped = dropped
        self._max_bytes = max_bytes
        self._max_memory_bytes = max_memory_bytes
        self._random = draw if draw is not None else random.Random()
        self._number = 0
        self._fresh: dict[Key, _Entry] = {}
        self._flight: dict[Key, _Entry] = {}
        self._backlog: dict[Key, _Entry] = {}
        self._loading: dict[Key, _Entry] = {}
        self._names: dict[str, Key] = {}
        self._retry_ns = 0
        self._forget: list[Key] = []
        self._disk_bytes = 0
        self._disk_ns = 0
        self._memory_bytes = 0
        self.waiting = 0
        self.restored = 0
        self.receipted = 0

    def __len__(self) -> int:
        return sum(len(place) for place in self._places())

    def restore(self, key: Key, readings: int, size: int, monotonic_ns: int) -> None:
        """Learn of a batch that an earlier run left on the disk; oldest first."""
        self._backlog[key] = _Entry(readings, size, monotonic_ns, None, on_disk=True)
        self._disk_bytes += size
        self.restored += readings
        self.waiting += readings

    def add(self, readings: list[Reading], monotonic_ns: int) -> None:
        """Take a closed batch and freeze its body."""
        key = (self._stream, self._number)
        self._number += 1
        body = encode_batch(Batch(device=self._device, stream=key[0], batch=key[1], readings=readings))
        self._fresh[key] = _Entry(len(readings), len(body), monotonic_ns, body)
        self._memory_bytes += len(body)
        self.waiting += len(readings)
        self._relieve(key)

    def due(self, monotonic_ns: int, *, sending: bool) -> list[Command]:
        """Return what must be done now; `sending` is whether batches may go out (connected, no press waiting)."""
        commands: list[Command] = []
        if monotonic_ns >= self._disk_ns:
            if self._forget:
                commands.append(ForgetBatches(tuple(self._forget)))
                self._forget = []
            commands.extend(self._keep(monotonic_ns - KEEP_AFTER_NS))
        if sending and monotonic_ns >= self._retry_ns:
            commands.extend(self._send(monotonic_ns))
        return commands

    def next_ns(self, monotonic_ns: int, *, sending: bool) -> int | None:
        """Return when `due` should be asked again, by the monotonic clock; None while nothing waits."""
        moments = [
            max(entry.taken_ns + KEEP_AFTER_NS, self._disk_ns)
            for place in (self._fresh, self._flight)
            for entry in place.values()
            if not entry.on_disk and not entry.keeping
        ]
        if self._forget:
            moments.append(self._disk_ns)
        if sending and self._retry_ns > monotonic_ns:
            moments.append(self._retry_ns)
        elif sending:
            moments.extend(entry.resend_ns for entry in self._flight.values())
            if self._backlog and self._disk_ns > monotonic_ns:
                moments.append(self._disk_ns)
        return min(moments, default=None)

    def flush(self) -> list[Command]:
        """Return the command that keeps everything still only in memory: the agent stops."""
        return self._keep(None)

    def connected(self, monotonic_ns: int) -> None:
        """A new connection stands: what was in flight on the old one may be lost and is due again."""
        for entry in self._flight.values():
            entry.resend_ns = monotonic_ns

    def not_sent(self, key: Key) -> None:
        """A sending did not reach the broker; the batch waits for the next connection."""
        entry = self._flight.pop(key, None)
        if entry is not None:
            self._fresh[key] = entry

    def unheard(self, key: Key, monotonic_ns: int) -> None:
        """The broker took a batch for which nobody listened: the collector is away, and is asked again soon."""
        entry = self._flight.get(key)
        if entry is not None:
            entry.resend_ns = min(entry.resend_ns, monotonic_ns + int(_STALE_NS * (0.8 + 0.4 * self._random.random())))

    def kept(self, keys: tuple[Key, ...], *, stored: bool) -> None:
        """The disk has these batches, or could not take them (see `disk_failed`) and is asked again."""
        for key in keys:
            entry = self._find(key)
            if entry is None:
                # Its receipt overtook the write.
                if stored:
                    self._forget.append(key)
                continue
            entry.keeping = False
            if not stored:
                continue
            entry.on_disk = True
            self._disk_bytes += entry.size
            if key in self._fresh:
                self._backlog[key] = self._fresh.pop(key)
                self._unload(entry)
        self._evict()

    def disk_failed(self, monotonic_ns: int) -> None:
        """The disk refused something just now: it is let alone for a while."""
        self._disk_ns = monotonic_ns + DISK_PAUSE_NS

    def not_forgotten(self, keys: tuple[Key, ...]) -> None:
        """The disk could not delete these (see `disk_failed`); it is asked again."""
        self._forget.extend(keys)

    def loaded(self, key: Key, body: bytes | None) -> None:
        """The disk gave a batch back, or (None) no longer has it."""
        entry = self._loading.pop(key, None)
        if entry is None:
            return
        self._fresh[key] = entry
        entry.body = body
        if body is None:
            self._drop(key, "unreadable on disk")
        else:
            self._memory_bytes += entry.size

    def not_loaded(self, key: Key) -> None:
        """The disk could not be read just now (see `disk_failed`); what it has is still there."""
        entry = self._loading.pop(key, None)
        if entry is not None:
            self._backlog = {key: entry, **self._backlog}

    def receipt(self, receipt: TelemetryReceipt, monotonic_ns: int) -> None:
        """Hear a receipt of the collector."""
        named = [key for span in receipt.ranges for key in self._named(span.stream, span.first, span.last)]
        named.extend(self._names[name] for name in receipt.bodies if name in self._names)
        for key in named:
            entry = self._remove(key)
            if entry is not None:
                self.receipted += entry.readings
        if receipt.retry_after_s is not None:
            self._retry_ns = monotonic_ns + int(receipt.retry_after_s * _S)
        elif named:
            self._retry_ns = 0
            self._hurry(monotonic_ns)

    def _places(self) -> tuple[dict[Key, _Entry], ...]:
        return self._flight, self._fresh, self._loading, self._backlog

    def _find(self, key: Key) -> _Entry | None:
        return next((place[key] for place in self._places() if key in place), None)

    def _named(self, stream: str, first: int, last: int) -> list[Key]:
        """Return the keys in a range; a range wider than what is kept costs no more than what is kept."""
        if last - first < len(self):
            return [(stream, number) for number in range(first, last + 1)]
        return [key for place in self._places() for key in place if key[0] == stream and first <= key[1] <= last]

    def _hurry(self, monotonic_ns: int) -> None:
        """A receipt shows that the collector is there: what it has left unanswered for a while was lost."""
        for entry in self._flight.values():
            if monotonic_ns - entry.sent_ns >= _STALE_NS:
                entry.resend_ns = min(entry.resend_ns, monotonic_ns)

    def _drop(self, key: Key, reason: str) -> None:
        entry = self._remove(key)
        if entry is not None:
            self._dropped[reason] += entry.readings

    def _remove(self, key: Key) -> _Entry | None:
        for place in self._places():
            entry = place.pop(key, None)
            if entry is None:
                continue
            self.waiting -= entry.readings
            if entry.on_disk:
                self._forget.append(key)
                self._disk_bytes -= entry.size
            self._unload(entry)
            return entry
        return None

    def _unload(self, entry: _Entry) -> None:
        self._names.pop(entry.name, None)
        if entry.body is not None:
            self._memory_bytes -= entry.size
        entry.body = None

    def _keep(self, taken_by_ns: int | None) -> list[Command]:
        """Return the command that keeps what was taken by a moment (None: everything) and is only in memory."""
        batches = []
        for place in (self._flight, self._fresh):
            for key, entry in place.items():
                old = taken_by_ns is None or entry.taken_ns <= taken_by_ns
                if old and not entry.on_disk and not entry.keeping and entry.body is not None:
                    entry.keeping = True
                    batches.append((key, entry.readings, entry.body))
        return [KeepBatches(tuple(batches))] if batches else []

    def _send(self, monotonic_ns: int) -> list[Command]:
        commands: list[Command] = [
            self._send_one(key, entry, monotonic_ns)
            for key, entry in self._flight.items()
            if entry.resend_ns <= monotonic_ns
        ]
        free = WINDOW - len(self._flight) - len(self._loading)
        for key in list(islice(self._fresh, max(0, free))):
            entry = self._flight[key] = self._fresh.pop(key)
            commands.append(self._send_one(key, entry, monotonic_ns))
            free -= 1
        if monotonic_ns < self._disk_ns:
            free = 0
        for key in list(islice(self._backlog, max(0, free))):
            self._loading[key] = self._backlog.pop(key)
            commands.append(LoadBatch(key))
        return commands

    def _send_one(self, key: Key, entry: _Entry, monotonic_ns: int) -> Command:
        assert entry.body is not None  # fresh and flight hold their body: see the table above
        wait_ns = min(RESEND_CAP_NS, RESEND_FIRST_NS * 2 ** min(entry.attempts, 10))
        entry.attempts += 1
        entry.sent_ns = monotonic_ns
        entry.resend_ns = monotonic_ns + int(wait_ns * (0.8 + 0.4 * self._random.random()))
        if not entry.name:
            entry.name = body_hash(entry.body)
        self._names[entry.name] = key
        return SendBatch(key, entry.body)

    def _relieve(self, newest: Key) -> None:
        """Keep the bodies in memory within their bound; `newest` stays."""
        while self._memory_bytes > self._max_memory_bytes:
            key = next(iter(self._fresh))
            if key == newest:
                return
            if self._fresh[key].on_disk:
                self._backlog[key] = self._fresh.pop(key)
                self._unload(self._backlog[key])
            else:
                self._drop(key, "memory full")

    def _evict(self) -> None:
        while self._disk_bytes > self._max_bytes and self._backlog:
            self._drop(next(iter(self._backlog)), "disk budget")
