"""Gathers what may be receipted into few receipts: batch numbers as ranges per stream and device. Pure.

- What is stored is noted as ranges that grow at their end: batches come nearly in order. A receipt for a device carries
  all that was noted since its last one.
- What waits is bounded. Above the bound the notes of the device that waits longest are forgotten and counted: it sends
  those batches again, and they are noted again.
- While the store is in trouble a device that sends is asked for patience, at most once in half the time asked for.
- Receipts leave at RECEIPTS_A_SECOND at most. With more devices than that a device waits longer and is told more at
  once, so that receipts cost the same however many devices there are.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from collector.decode import Piece
from collector.roster import Device, Stream

MAX_NOTES: Final = 200_000
"""Ranges and bodies noted and not yet receipted, over all devices."""
MAX_NAMED: Final = 40
"""Ranges and bodies in one receipt, each, so that it stays below what a device reads; the rest follows in the next."""
RECEIPTS_A_SECOND: Final = 2_000
GATHER_S: Final = 0.2
"""How long notes are gathered, in seconds, as long as the devices are few."""


class Receipt(NamedTuple):
    """A receipt as it travels."""

    topic: str
    body: bytes


class Receipts:
    """What may be receipted, by device, oldest device first."""

    def __init__(self, *, max_notes: int = MAX_NOTES) -> None:
        self.counters: Counter[str] = Counter()
        self._max_notes = max_notes
        self._waiting: OrderedDict[Device, list[Stream]] = OrderedDict()
        self._count = 0
        self._asked: dict[Device, None] = {}

    def __len__(self) -> int:
        """Return how many devices have something to be told."""
        return len(self._waiting)

    @property
    def notes(self) -> int:
        """How many ranges of batches and bodies wait for their receipt."""
        return self._count

    def stored(self, pieces: Iterable[Piece]) -> None:
        """Note batches of which each reading is stored, quarantined or counted as refused."""
        ranges = 0
        for stream, number, _, _ in pieces:
            noted = stream.noted
            if noted and noted[-1] == number - 1:
                noted[-1] = number
                continue
            if not noted:
                self._waiting.setdefault(stream.device, []).append(stream)
            noted += (number, number)
            ranges += 1
        self._count += ranges
        if self._count > self._max_notes:
            self._forget()

    def quarantined(self, device: Device, body_sha256: str) -> None:
        """Note a body that could not be decoded and is on disk in the quarantine."""
        if body_sha256 not in device.bodies:
            device.bodies[body_sha256] = None
            self._waiting.setdefault(device, [])
            self._count += 1
            if self._count > self._max_notes:
                self._forget()

    def ask_patience(self, device: Device, retry_after_s: float, now_s: float) -> None:
        """Note that a device should send nothing for a while, unless it was told so lately."""
        if device.asked_s is not None and now_s - device.asked_s < retry_after_s / 2:
            return
        device.asked_s = now_s
        device.retry_after_s = retry_after_s
        self._asked[device] = None
        self._waiting.setdefault(device, [])

    def trouble_over(self) -> None:
        """Forget who was asked for patience."""
        for device in self._asked:
            device.asked_s = device.retry_after_s = None
            if not device.bodies and self._waiting.get(device) == []:
                del self._waiting[device]
        self._asked.clear()

    def take(self, limit: int) -> list[Receipt]:
        """Return the receipts of up to `limit` devices, those that wait longest first, and forget them."""
        waiting = self._waiting
        taken: list[Receipt] = []
        while waiting and len(taken) < limit:
            taken.append(self._receipt(*waiting.popitem(last=False)))
        return taken

    def _receipt(self, device: Device, streams: list[Stream]) -> Receipt:
        ranges: list[str] = []
        rest: list[Stream] = []
        for stream in streams:
            self._count -= len(stream.noted) // 2
            all_ranges = coalesce(stream.noted)
            room = MAX_NAMED - len(ranges)
            ranges += [f'{{"stream":"{stream.id}","first":{first},"last":{last}}}' for first, last in all_ranges[:room]]
            stream.noted = [number for one in all_ranges[room:] for number in one]
            if stream.noted:
                rest.append(stream)
                self._count += len(stream.noted) // 2
        bodies = list(device.bodies)
        for body in bodies[:MAX_NAMED]:
            del device.bodies[body]
        self._count -= len(bodies[:MAX_NAMED])
        if rest or device.bodies:
            self._waiting[device] = rest
        patience, device.retry_after_s = device.retry_after_s, None
        # By hand, at a tenth of the cost: names and hashes have nothing to escape, see contract.identity.
        words = [f'"device":"{device.name}"', f'"ranges":[{",".join(ranges)}]']
        if bodies:
            named = ",".join([f'"{body}"' for body in bodies[:MAX_NAMED]])
            words.append(f'"bodies":[{named}]')
        if patience is not None:
            words.append(f'"retry_after_s":{patience!r}')
        return Receipt(device.receipt_topic, f"{{{','.join(words)}}}".encode())

    def _forget(self) -> None:
        while self._count > self._max_notes:
            device, streams = self._waiting.popitem(last=False)
            lost = len(device.bodies)
            self._count -= lost
            device.bodies.clear()
            for stream in streams:
                noted, stream.noted = stream.noted, []
                lost += sum(noted[1::2]) - sum(noted[::2]) + len(noted) // 2
                self._count -= len(noted) // 2
            self.counters["receipts forgotten"] += lost


def coalesce(noted: Sequence[int]) -> list[tuple[int, int]]:
    """Return ranges, given one after the other as first, last, as the fewest ranges, rising."""
    if len(noted) == 2:
        return [(noted[0], noted[1])]
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(zip(noted[::2], noted[1::2], strict=True)):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def gather_s(devices: int) -> float:
    """Return how long to gather before the next receipts leave, in seconds, when `devices` were told last."""
    return max(GATHER_S, devices / RECEIPTS_A_SECOND)
