"""The way a test press went, hop by hop, for the technician who sent it. Pure.

| hop | who has it |
|---|---|
| `card` | the outbox on the card |
| `sent alarm`, `sent telemetry` | it left the box by that lane |
| `broker alarm`, `broker telemetry` | that lane's broker acknowledged it |
| `no answer alarm`, `no answer telemetry` | that broker gave no PUBACK in time, or nobody listens there |
| `ringing` | the desk shows it |
| `stored` | the desk's ledger has it: the end |
"""

from __future__ import annotations

from typing import Final

MOST_EVENTS: Final = 8
MOST_HOPS: Final = 32


class Hops:
    """The ways of the last 8 events that were asked for, each hop once."""

    def __init__(self) -> None:
        self._began: dict[str, int] = {}
        self._ways: dict[str, dict[str, float]] = {}

    def follow(self, event_id: str, monotonic_ns: int) -> None:
        """Note the way of an event from now on."""
        self._began[event_id] = monotonic_ns
        self._ways[event_id] = {}
        while len(self._ways) > MOST_EVENTS:
            oldest = next(iter(self._ways))
            del self._ways[oldest], self._began[oldest]

    def note(self, event_id: str, hop: str, monotonic_ns: int) -> None:
        """Note a hop of an event, if it is followed."""
        way = self._ways.get(event_id)
        if way is not None and len(way) < MOST_HOPS:
            way.setdefault(hop, (monotonic_ns - self._began[event_id]) / 1e6)

    def of(self, event_id: str) -> dict[str, float] | None:
        """Return each hop of an event and when it came, in ms since its press; None: it is not followed."""
        return self._ways.get(event_id)
