"""In which order PUBACKs may leave. Pure.

MQTT 5, 4.6.0-2: PUBACKs are sent in the order in which the messages arrived. Messages that go to the store in one body
are settled together; the bodies are written in parallel and are settled in any order. So a settled load of messages
waits for those that arrived before it.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collector.decode import Piece
    from collector.intake import Message

_PUBACK: Final = 0x40020000
"""PUBACK with a remaining length of 2: the packet identifier follows, the reason code is Success (MQTT 5, 3.4.2.1)."""


class Load:
    """Messages of one connection that arrived one after the other.

    Attributes:
        packet_ids: Their packet identifiers, None for one at QoS 0.
        pieces: What they have for the store, in order; a message may have none.
        special: By place in `pieces`, the messages of which another part goes to the quarantine.
        lines: How many lines the pieces have.
        size_bytes: The messages' size off the wire.
        parts: What is not settled yet: the pieces, and each part in the quarantine. At 0 the PUBACKs may leave.
    """

    __slots__ = ("lines", "packet_ids", "parts", "pieces", "size_bytes", "special")

    def __init__(self) -> None:
        self.packet_ids: list[int | None] = []
        self.pieces: list[Piece] = []
        self.special: dict[int, Message] = {}
        self.lines = 0
        self.size_bytes = 0
        self.parts = 1


class Arrivals:
    """The loads of one connection that have no PUBACK yet, in arrival order."""

    def __init__(self) -> None:
        self.waiting: deque[Load] = deque()

    def begin(self) -> Load:
        """Return a new load for what arrives next."""
        load = Load()
        self.waiting.append(load)
        return load

    def release(self) -> bytes:
        """Return the PUBACKs that may leave now, as bytes for the wire; their loads are forgotten."""
        ids: list[int | None] = []
        waiting = self.waiting
        while waiting and waiting[0].parts == 0:
            ids += waiting.popleft().packet_ids
        return pubacks(ids)


def pubacks(packet_ids: list[int | None]) -> bytes:
    """Return a PUBACK for each packet identifier."""
    if not packet_ids:
        return b""
    packets = array("I", [_PUBACK | packet_id for packet_id in packet_ids if packet_id is not None])
    packets.byteswap()
    return packets.tobytes()
