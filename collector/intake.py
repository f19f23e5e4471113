"""From a message off the broker to its receipt: decode, hand to store and quarantine, settle. The hot path, no I/O.

A message has up to two parts, one for the store and one for the quarantine. When both are done it is settled: its
PUBACK may leave in its turn, and its receipt is noted. A message whose refused part the disk did not take gets its
PUBACK, so that it does not block the others, but no receipt: the box sends it again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass

from mqtt5 import PublishPacket

from collector.batcher import Batcher, Piece
from collector.connection import Connection
from collector.decode import Decoded, Refusal, decode, device_of
from collector.order import Arrival
from collector.quarantine import Entry
from collector.receipts import Receipts
from contract.errors import BodyError
from contract.identity import body_hash


@dataclass(slots=True, eq=False)
class Message:
    """A message on its way. `stream` is empty for one that is known by its hash only."""

    arrival: Arrival | None
    topic: str
    device: str | None
    size: int
    stream: str = ""
    batch: int = 0
    sha256: str = ""
    parts: int = 1
    lost: bool = False


class Intake:
    """Takes messages in and settles them.

    Args:
        batcher: Where lines wait for the store.
        receipts: Where receipts are noted.
    """

    def __init__(self, batcher: Batcher[Message], receipts: Receipts) -> None:
        self.counters: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.held_messages = 0
        self.held_bytes = 0
        self.refusals: deque[tuple[Message, list[Entry]]] = deque()
        self._batcher = batcher
        self._receipts = receipts

    def take(self, connection: Connection, packet: PublishPacket, now_s: float) -> tuple[str | None, bool]:
        """Take a message in.

        Returns:
            Its device, and whether whoever waits for lines should look again.
        """
        body = packet.payload
        device = device_of(packet.topic)
        arrival = None if packet.packet_id is None else connection.arrivals.arrived(packet.packet_id)
        message = Message(arrival, packet.topic, device, len(body))
        self.held_messages += 1
        self.held_bytes += message.size
        self.counters["messages"] += 1
        now_ns = time.time_ns()
        try:
            if device is None:
                raise BodyError("unknown topic", body, detail=packet.topic[:200])
            decoded = decode(device, body, now_ns)
        except BodyError as error:
            message.sha256 = body_hash(body)
            self._refuse(message, (Refusal(error.reason, error.detail, body, 0),), now_ns)
            return device, False
        return device, self._keep(message, decoded, now_ns, now_s)

    def stored(self, message: Message, count: int, refused: list[tuple[bytes, str]]) -> None:
        """Note that the store has a message's `count` lines, but for those it refused, with its reasons."""
        self.counters["stored"] += count - len(refused)
        if refused:
            message.parts += 1
            self._refuse(
                message,
                tuple(Refusal("refused by the store", reason, line, 1) for line, reason in refused),
                time.time_ns(),
            )
        self._done(message)

    def quarantined(self, message: Message, *, on_disk: bool) -> None:
        """Note that the quarantine has a message's refused part, or failed to take it."""
        message.lost = message.lost or not on_disk
        self._done(message)

    def _keep(self, message: Message, decoded: Decoded, now_ns: int, now_s: float) -> bool:
        message.stream, message.batch = decoded.stream, decoded.batch
        message.parts = bool(decoded.count) + bool(decoded.refusals)
        self.counters["readings"] += decoded.count
        if decoded.refusals:
            self._refuse(message, decoded.refusals, now_ns)
        if decoded.count:
            return self._batcher.add(Piece(message, decoded.lines, decoded.count), now_s)
        return False

    def _refuse(self, message: Message, refusals: tuple[Refusal, ...], now_ns: int) -> None:
        entries = []
        for one in refusals:
            self.refused[one.reason] += 1
            entries.append(
                Entry(one.reason, one.detail, message.device or "", message.topic, one.body, one.readings, now_ns)
            )
        self.refusals.append((message, entries))

    def _done(self, message: Message) -> None:
        message.parts -= 1
        if message.parts:
            return
        self.held_messages -= 1
        self.held_bytes -= message.size
        if message.arrival is not None:
            message.arrival.settled = True
        if message.lost:
            self.counters["not receipted"] += 1
        elif message.device is None:
            self.counters["no device to receipt"] += 1
        elif message.sha256:
            self._receipts.quarantined(message.device, message.sha256)
        else:
            self._receipts.stored(message.device, message.stream, message.batch)
