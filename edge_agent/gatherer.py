"""Samples become readings, and readings batches. Pure: samples and monotonic time go in, batches come out.

Rules:
- A sample that carries its own plausible UTC time (GNSS) keeps it. Any other is stamped from its monotonic moment by
  the box's clock: at once when the clock is trusted, else it is held until it is, for at most 10 minutes; then it goes
  out flagged `none`. A timestamp is frozen here, before the first send.
- No two readings of one sensor and kind share a timestamp, for the store would keep only one of them: a source that
  says a time again is dropped and counted; a stamped reading moves on by 1 ns. The last 512 times are remembered, so
  that a receiver that goes back some seconds, or many samples of one moment, overwrite nothing.
- A batch that can be sent closes at 50 readings or 1 s after its first, whichever is first. While none can be sent the
  open one grows, up to 300 readings or 30 s after its first: an hour without a link is 120 batches, not 3,600.
- The first 4 batches of a life that can be sent close at once: a box that starts is heard without that second.
- However it closes, a batch is no larger than 100 kB, and one that is to be sent no larger than the link takes in 2 s;
  but one reading always makes one.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from itertools import islice

from contract.batch import Reading
from edge_agent.clock import Clock, is_plausible
from edge_agent.cutting import FRAME_BYTES, prefix, reading_bytes
from edge_agent.drivers.base import Sample

_S = 10**9
BATCH_READINGS = 50
BATCH_AGE_NS = 1 * _S
FIRST_BATCHES = 8
GROWN_READINGS = 300
GROWN_AGE_NS = 30 * _S
BATCH_BYTES = 100_000
HOLD_NS = 600 * _S
HOLD_READINGS = 20_000
RECENT_TIMES = 512


@dataclass(frozen=True, slots=True)
class _Held:
    sensor: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class _Open:
    reading: Reading
    size: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """A closed batch, and since when its first reading was in memory only, by the monotonic clock."""

    readings: list[Reading]
    since_ns: int


class Gatherer:
    """Readings of one box on their way into batches.

    Args:
        clock: The box's clock.
        dropped: Counts readings dropped, by reason.
        first_batches: How many close at once when they can be sent.
    """

    def __init__(self, clock: Clock, dropped: Counter[str], *, first_batches: int = FIRST_BATCHES) -> None:
        self._first_batches = first_batches
        self._clock = clock
        self._dropped = dropped
        self._held: deque[_Held] = deque()
        self._open: deque[_Open] = deque()
        self._open_bytes = 0
        self._recent: dict[tuple[str, str], dict[int, None]] = {}
        self.produced = 0

    @property
    def waiting(self) -> int:
        """Readings held for a trusted clock or in the open batch."""
        return len(self._held) + len(self._open)

    def add(self, sensor: str, sample: Sample, monotonic_ns: int) -> None:
        """Take a sample of a sensor."""
        self.produced += 1
        if sample.time_ns is not None and is_plausible(sample.time_ns):
            if sample.time_ns in self._recent.get((sensor, sample.kind), ()):
                self._dropped["same time twice"] += 1
                return
            self._append(sensor, sample, sample.time_ns, monotonic_ns, own=True)
        elif self._clock.trusted:
            self._release(monotonic_ns, flush=False)  # what was held came before it
            self._append(sensor, sample, self._clock.time_ns(sample.monotonic_ns), monotonic_ns)
        else:
            if len(self._held) >= HOLD_READINGS:
                self._held.popleft()
                self._dropped["no trusted clock, memory full"] += 1
            self._held.append(_Held(sensor, sample))

    def close(
        self, monotonic_ns: int, *, sending: bool = True, max_bytes: int = BATCH_BYTES, flush: bool = False
    ) -> Gathered | None:
        """Return a batch that is closed now, or None; ask again after each.

        Args:
            monotonic_ns: Now.
            sending: Whether it would go out at once.
            max_bytes: How long it may be then, in bytes.
            flush: Close whatever there is, held readings flagged.
        """
        self._release(monotonic_ns, flush=flush)
        limit = min(max_bytes, BATCH_BYTES) if sending else BATCH_BYTES
        count = len(self._open)
        if count > GROWN_READINGS or self._open_bytes + FRAME_BYTES > limit:
            sizes = [one.size for one in islice(self._open, GROWN_READINGS + 1)]
            count = prefix(sizes, max_bytes=limit, max_readings=GROWN_READINGS)
        if not count or (count == len(self._open) and not flush and not self._closes(monotonic_ns, sending=sending)):
            return None
        closed = [self._open.popleft() for _ in range(count)]
        if sending:
            self._first_batches = max(0, self._first_batches - 1)
        self._open_bytes -= sum(one.size for one in closed)
        return Gathered([one.reading for one in closed], closed[0].since_ns)

    def next_ns(self, *, sending: bool = True) -> int | None:
        """Return when `close` should be asked again, by the monotonic clock; None while nothing waits."""
        moments = []
        if self._open:
            at_once = 0 if self._first_batches else BATCH_AGE_NS
            moments.append(self._open[0].since_ns + (at_once if sending else GROWN_AGE_NS))
        if self._held:
            moments.append(self._held[0].sample.monotonic_ns + HOLD_NS)
        return min(moments, default=None)

    def _closes(self, monotonic_ns: int, *, sending: bool) -> bool:
        age_ns = monotonic_ns - self._open[0].since_ns
        if sending:
            return self._first_batches > 0 or len(self._open) >= BATCH_READINGS or age_ns >= BATCH_AGE_NS
        return len(self._open) >= GROWN_READINGS or age_ns >= GROWN_AGE_NS

    def _release(self, monotonic_ns: int, *, flush: bool) -> None:
        while self._held:
            held = self._held[0]
            waited_ns = monotonic_ns - held.sample.monotonic_ns
            if not (self._clock.trusted or flush or waited_ns >= HOLD_NS):
                return
            self._held.popleft()
            self._append(held.sensor, held.sample, self._clock.time_ns(held.sample.monotonic_ns), monotonic_ns)

    def _append(self, sensor: str, sample: Sample, time_ns: int, monotonic_ns: int, *, own: bool = False) -> None:
        recent = self._recent.setdefault((sensor, sample.kind), {})
        while not own and time_ns in recent:
            time_ns += 1
        recent[time_ns] = None
        if len(recent) > RECENT_TIMES:
            del recent[next(iter(recent))]
        reading = Reading(
            timestamp_ns=time_ns,
            sensor=sensor,
            kind=sample.kind,
            fields=sample.fields,
            clock="gnss" if own else self._clock.source,
        )
        size = reading_bytes(reading)
        self._open.append(_Open(reading, size, monotonic_ns))
        self._open_bytes += size
