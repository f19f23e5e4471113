"""In which order PUBACKs may leave. Pure.

MQTT 5, 4.6.0-2: PUBACKs are sent in the order in which the messages arrived. Messages are settled in any order, because
writes to the store run in parallel; so a settled message waits for those that arrived before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mqtt5 import PubAckPacket


@dataclass(slots=True, eq=False)
class Arrival:
    """A message that arrived at QoS 1, and whether it is settled: stored, quarantined or counted as refused."""

    packet_id: int
    settled: bool = False


@dataclass(slots=True)
class Arrivals:
    """The messages of one connection that have no PUBACK yet, in arrival order."""

    waiting: deque[Arrival] = field(default_factory=deque)

    def __len__(self) -> int:
        """Return how many have no PUBACK yet."""
        return len(self.waiting)

    def arrived(self, packet_id: int) -> Arrival:
        """Note an arrival; set its `settled` when it is."""
        arrival = Arrival(packet_id)
        self.waiting.append(arrival)
        return arrival

    def release(self) -> bytes:
        """Return the PUBACKs that may leave now, as bytes for the wire; their arrivals are forgotten."""
        packets: list[bytes] = []
        waiting = self.waiting
        while waiting and waiting[0].settled:
            packets.append(PubAckPacket(waiting.popleft().packet_id).write())
        return b"".join(packets)
