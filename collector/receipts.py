"""Gathers what may be receipted into few receipts: batch numbers as ranges per stream and device. Pure.

- What is stored is noted batch by batch; a receipt for a device carries all that was noted since its last one.
- What waits is bounded. Above the bound the device's oldest notes are forgotten and counted: the device sends those
  batches again, and they are noted again.
- While the store is in trouble a device that sends is asked for patience, at most once in half the time asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from contract.batch import Range, TelemetryReceipt

MAX_NOTES = 200_000
"""Batches and bodies noted and not yet receipted, over all devices."""
MAX_NAMED = 40
"""Ranges and bodies in one receipt, each, so that it stays below what a device reads; the rest follows in the next."""
_ASKED_DEVICES = 20_000


@dataclass(slots=True)
class _Notes:
    batches: dict[str, set[int]] = field(default_factory=dict)
    bodies: dict[str, None] = field(default_factory=dict)
    retry_after_s: float | None = None


class Receipts:
    """What may be receipted, by device, oldest device first."""

    def __init__(self, *, max_notes: int = MAX_NOTES) -> None:
        self.counters: Counter[str] = Counter()
        self._max_notes = max_notes
        self._notes: dict[str, _Notes] = {}
        self._count = 0
        self._asked: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many devices have something to be told."""
        return len(self._notes)

    def stored(self, device: str, stream: str, batch: int) -> None:
        """Note a batch of which each reading is stored, quarantined or counted as refused."""
        batches = self._of(device).batches.setdefault(stream, set())
        if batch not in batches:
            batches.add(batch)
            self._grown()

    def quarantined(self, device: str, body_sha256: str) -> None:
        """Note a body that could not be decoded and is on disk in the quarantine."""
        bodies = self._of(device).bodies
        if body_sha256 not in bodies:
            bodies[body_sha256] = None
            self._grown()

    def ask_patience(self, device: str, retry_after_s: float, now_s: float) -> None:
        """Note that a device should send nothing for a while, unless it was told so lately."""
        last = self._asked.get(device)
        if last is not None and now_s - last < retry_after_s / 2:
            return
        if len(self._asked) >= _ASKED_DEVICES:
            self._asked.pop(next(iter(self._asked)))
        self._asked[device] = now_s
        self._of(device).retry_after_s = retry_after_s

    def trouble_over(self) -> None:
        """Forget who was asked for patience."""
        self._asked.clear()
        for device, notes in list(self._notes.items()):
            notes.retry_after_s = None
            if not notes.batches and not notes.bodies:
                del self._notes[device]

    def take(self, limit: int) -> list[TelemetryReceipt]:
        """Return the receipts of up to `limit` devices, those that wait longest first, and forget them."""
        taken: list[TelemetryReceipt] = []
        while self._notes and len(taken) < limit:
            device = next(iter(self._notes))
            notes = self._notes.pop(device)
            taken.append(self._receipt(device, notes))
        return taken

    def _receipt(self, device: str, notes: _Notes) -> TelemetryReceipt:
        ranges = [one for stream, batches in notes.batches.items() for one in coalesce(stream, batches)]
        bodies = list(notes.bodies)
        for one in ranges[:MAX_NAMED]:
            self._count -= one.last - one.first + 1
        self._count -= len(bodies[:MAX_NAMED])
        rest = _Notes()
        for one in ranges[MAX_NAMED:]:
            rest.batches.setdefault(one.stream, set()).update(range(one.first, one.last + 1))
        rest.bodies = dict.fromkeys(bodies[MAX_NAMED:])
        if rest.batches or rest.bodies:
            self._notes[device] = rest
        return TelemetryReceipt.model_construct(
            device=device, ranges=ranges[:MAX_NAMED], bodies=bodies[:MAX_NAMED], retry_after_s=notes.retry_after_s
        )

    def _of(self, device: str) -> _Notes:
        notes = self._notes.get(device)
        if notes is None:
            notes = self._notes[device] = _Notes()
        return notes

    def _grown(self) -> None:
        self._count += 1
        while self._count > self._max_notes:
            forgotten = self._notes.pop(next(iter(self._notes)))
            lost = sum(map(len, forgotten.batches.values())) + len(forgotten.bodies)
            self._count -= lost
            self.counters["receipts forgotten"] += lost


def coalesce(stream: str, batches: Iterable[int]) -> list[Range]:
    """Return batch numbers as the fewest ranges, rising."""
    ranges: list[Range] = []
    first = last = -2
    for number in sorted(batches):
        if number != last + 1:
            if first >= 0:
                ranges.append(Range.model_construct(stream=stream, first=first, last=last))
            first = number
        last = number
    if first >= 0:
        ranges.append(Range.model_construct(stream=stream, first=first, last=last))
    return ranges
