"""From messages off the broker to their receipts: decode, hand to store and quarantine, settle. The hot path, no I/O.

A message has up to two parts, one for the store and one for the quarantine. When both are done its receipt is noted;
when all parts of all messages of its load are done, the load's PUBACKs may leave in their turn. A message whose refused
part the disk did not take gets its PUBACK, so that it does not block the others, but no receipt: the box sends it
again.

What is good in every respect costs one tuple a message. Only a message of which something was refused gets an object.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mqtt5 import PublishPacket

from collector.batcher import Batcher
from collector.decode import LATEST_AHEAD_NS, Piece, Refusal, careful, quick
from collector.order import Arrivals, Load
from collector.quarantine import Entry
from collector.receipts import Receipts
from collector.roster import Device, Roster
from contract.errors import BodyError
from contract.identity import body_hash
from store.refusals import refusal_kind

_log = logging.getLogger("siaga.collector.intake")

RefusedLines = Mapping[int, Sequence[tuple[bytes, str]]]
"""By place in a load's pieces: the lines that the store refused, with its reason."""


@dataclass(slots=True, eq=False)
class Message:
    """A message of which something was refused. `piece` is None for one that is known by its hash only."""

    load: Load
    topic: str
    device: Device | None
    piece: Piece | None = None
    sha256: str = ""
    parts: int = 1
    lost: bool = False


class Intake:
    """Takes messages in and settles them.

    Args:
        batcher: Where lines wait for the store.
        receipts: Where receipts are noted.
        roster: The devices.
    """

    def __init__(self, batcher: Batcher, receipts: Receipts, roster: Roster) -> None:
        self.counters: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.held_messages = 0
        self.held_bytes = 0
        self.refusals: deque[tuple[Message, list[Entry]]] = deque()
        self._batcher = batcher
        self._receipts = receipts
        self._roster = roster

    def take(self, arrivals: Arrivals, packets: list[PublishPacket], size_bytes: int, now_s: float) -> bool:
        """Take in what one read brought.

        Args:
            arrivals: The connection's.
            packets: The messages, in order; at least one.
            size_bytes: Their size off the wire.
            now_s: By the loop's clock.

        Returns:
            Whether whoever waits for a load should look again.
        """
        now_ns = time.time_ns()
        latest_ns = now_ns + LATEST_AHEAD_NS
        load = self._batcher.open(arrivals, now_s)
        packet_ids, pieces = load.packet_ids, load.pieces
        devices = self._roster.devices
        lines = careful_ones = 0
        for packet in packets:
            topic, body = packet.topic, packet.payload
            packet_ids.append(packet.packet_id)
            device = devices.get(topic)
            try:
                piece = None if device is None else quick(device, body, latest_ns)
            except Exception:  # noqa: BLE001 - one message must not stop all; `careful` judges it
                piece = None
            if piece is None:
                careful_ones += 1
                piece = self._look_closer(load, topic, body, now_ns)
                if piece is None:
                    continue
            pieces.append(piece)
            lines += piece[3]
        counters = self.counters
        counters["messages"] += len(packets)
        counters["readings"] += lines
        counters["looked at closely"] += careful_ones
        self.held_messages += len(packets)
        self.held_bytes += size_bytes
        return self._batcher.added(lines, size_bytes, now_s)

    def stored(self, load: Load, refused: RefusedLines) -> None:
        """Note that the store has a load's lines, but for those it refused, with its reasons."""
        dropped = 0
        if not refused and not load.special:
            self._receipts.stored(load.pieces)
        else:
            dropped = sum(map(len, refused.values()))
            self._receipts.stored(
                [piece for place, piece in enumerate(load.pieces) if self._is_done(load, place, refused)]
            )
        self.counters["stored"] += load.lines - dropped
        self._part_done(load)

    def quarantined(self, message: Message, *, on_disk: bool) -> None:
        """Note that the quarantine has a message's refused part, or failed to take it."""
        message.lost = message.lost or not on_disk
        message.parts -= 1
        if not message.parts:
            self._message_done(message)
        self._part_done(message.load)

    def _look_closer(self, load: Load, topic: str, body: bytes, now_ns: int) -> Piece | None:
        """Return what a message has for the store; the rest of it is refused."""
        device = self._roster.at(topic)
        try:
            if device is None:
                raise BodyError("unknown topic", body, detail=topic[:200])
            piece, refusals = careful(device, body, now_ns + LATEST_AHEAD_NS)
        except BodyError as error:
            self._refuse_whole(load, topic, device, Refusal(error.reason, error.detail, body, 0), now_ns)
            return None
        except Exception as error:  # noqa: BLE001 - a fault of ours; raised, this body would bring all down, each time
            _log.exception("a body of %s", topic)
            self._refuse_whole(load, topic, device, Refusal("collector fault", repr(error), body, 0), now_ns)
            return None
        if refusals:
            message = Message(load, topic, device, piece)
            self._refuse(message, refusals, now_ns)
            if piece[3]:
                message.parts = 2
                load.special[len(load.pieces)] = message
        return piece if piece[3] else None

    def _refuse_whole(self, load: Load, topic: str, device: Device | None, refusal: Refusal, now_ns: int) -> None:
        self._refuse(Message(load, topic, device, sha256=body_hash(refusal.body)), (refusal,), now_ns)

    def _is_done(self, load: Load, place: int, refused: RefusedLines) -> bool:
        """Note that the store is done with one piece; return whether its message is settled now."""
        message = load.special.get(place)
        lines = refused.get(place)
        if message is None:
            if not lines:
                return True
            piece = load.pieces[place]
            message = Message(load, piece[0].device.topic, piece[0].device, piece, parts=1)
        if lines:
            message.parts += 1
            some = tuple(Refusal(refusal_kind(reason), reason, line, 1) for line, reason in lines)
            self._refuse(message, some, time.time_ns())
        message.parts -= 1
        if message.parts:
            return False
        if message.lost:
            self.counters["not receipted"] += 1
        return not message.lost

    def _refuse(self, message: Message, refusals: tuple[Refusal, ...], now_ns: int) -> None:
        device = "" if message.device is None else message.device.name
        entries = []
        for one in refusals:
            self.refused[one.reason] += 1
            entries.append(Entry(one.reason, one.detail, device, message.topic, one.body, one.readings, now_ns))
        message.load.parts += 1
        self.refusals.append((message, entries))

    def _message_done(self, message: Message) -> None:
        if message.lost:
            self.counters["not receipted"] += 1
        elif message.device is None:
            self.counters["no device to receipt"] += 1
        elif message.piece is None:
            self._receipts.quarantined(message.device, message.sha256)
        else:
            self._receipts.stored([message.piece])

    def _part_done(self, load: Load) -> None:
        load.parts -= 1
        if not load.parts:
            self.held_messages -= len(load.packet_ids)
            self.held_bytes -= load.size_bytes
