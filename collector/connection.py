"""One MQTT 5 connection as an asyncio Protocol: bytes to packets and back, synchronously, no task a message.

A connection is used once. Its session makes it, waits for `connack` and `suback`, and then for `lost`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import mqtt5

from collector.order import Arrivals
from link.errors import TrustError
from link.trust import explain

_TCP_USER_TIMEOUT_MS: Final = 20_000
_PACKET_IDS: Final = 65_535
_FIRST_FAILURE: Final = 0x80


class ProtocolViolationError(ConnectionError):
    """The broker sent what MQTT 5 does not allow, or more than was agreed; carries the first bytes in hexadecimal."""


OnMessages = Callable[["Connection", list[mqtt5.PublishPacket], int], None]
"""Called with what one read brought: the messages in order, at least one, and their size off the wire in bytes."""


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        on_messages: Called for each read that brought messages, in the event loop; it must not block.
        max_packet_bytes: The largest packet that was agreed on.
        max_in_flight: How many of our own messages may wait for their PUBACK, at most.
    """

    def __init__(self, on_messages: OnMessages, *, max_packet_bytes: int, max_in_flight: int) -> None:
        loop = asyncio.get_running_loop()
        self.connack: asyncio.Future[mqtt5.ConnAckPacket] = loop.create_future()
        self.suback: asyncio.Future[mqtt5.SubAckPacket] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self.arrivals = Arrivals()
        self.window_open = asyncio.Event()
        self.last_received_s = loop.time()
        self.last_resumed_s = loop.time()
        self.last_message_s: float | None = None
        self.refused_publishes = 0
        self.paused = False
        self._loop = loop
        self._on_messages = on_messages
        self._max_packet_bytes = max_packet_bytes
        self._max_in_flight = max_in_flight
        self._in_flight: set[int] = set()
        self._next_packet_id = 1
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    @property
    def window(self) -> int:
        """How many messages may be published now without waiting for a PUBACK."""
        return 0 if self._transport is None else max(0, self._max_in_flight - len(self._in_flight))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Prepare the socket: no delay, and an end to what nobody acknowledges."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TCP_USER_TIMEOUT_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._transport = None
        _resolve(self._closed, None)
        refusal = explain(exc)
        lost = refusal or exc
        self._end("the broker closed the connection" if lost is None else str(lost) or type(lost).__name__, refusal)

    def data_received(self, data: bytes) -> None:
        """Take bytes apart and hand over what they hold."""
        self.last_received_s = self._loop.time()
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        messages: list[mqtt5.PublishPacket] = []
        place, end = 0, len(data)
        read, publish = mqtt5.read, mqtt5.PublishPacket
        failed = ""
        while place < end:
            try:
                packet, size = read(view[place:])
            except IndexError:
                break
            except ValueError as error:
                failed = f"malformed packet: {error}: {data[place : place + 32].hex(' ')}"
                break
            place += size
            if type(packet) is publish:
                messages.append(packet)
            else:
                self._handle(packet)
        self._rest = data[place:] if place < end else b""
        if messages:
            self.last_message_s = self.last_received_s
            self._on_messages(self, messages, place)
        if failed:
            self.abort(failed)
        elif len(self._rest) > self._max_packet_bytes:
            self.abort(f"a packet of more than {self._max_packet_bytes} bytes")

    def connect(self, packet: mqtt5.ConnectPacket) -> None:
        """Send CONNECT; `connack` follows."""
        self._write(packet.write())

    def agreed(self, connack: mqtt5.ConnAckPacket) -> None:
        """Take over what the broker allows."""
        self._max_in_flight = min(self._max_in_flight, connack.receive_max)
        self.window_open.set()

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe at QoS 1, without retained messages; `suback` follows."""
        one = mqtt5.TopicFilter(
            topic_filter, max_qos=mqtt5.QoS.AT_LEAST_ONCE, retain_handling=mqtt5.RetainHandling.SEND_NEVER
        )
        self._write(mqtt5.SubscribePacket(self._packet_id(), [one]).write())

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish topics and bodies at QoS 1, in one write; at most `window` of them."""
        packets: list[bytes] = []
        for topic, body in messages:
            packet_id = self._packet_id()
            self._in_flight.add(packet_id)
            packets.append(mqtt5.PublishPacket(topic, body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        if self.window == 0:
            self.window_open.clear()
        self._write(b"".join(packets))

    def release(self) -> None:
        """Send the PUBACKs that may leave now."""
        packets = self.arrivals.release()
        if packets:
            self._write(packets)

    def ping(self) -> None:
        """Send PINGREQ; the answer shows in `last_received_s`."""
        self._write(mqtt5.PingReqPacket().write())

    def pause(self) -> None:
        """Read no more until `resume`: the broker's own queue takes over, and then its limits."""
        if not self.paused and self._transport is not None:
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.paused:
            self.paused = False
            self.last_resumed_s = self._loop.time()
            if self._transport is not None:
                self._transport.resume_reading()

    def abort(self, why: str) -> None:
        """Drop the connection at once."""
        self._end(why)
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def disconnect(self, timeout_s: float) -> None:
        """Send DISCONNECT and wait until the socket is closed; TLS waits for the broker's word, but not for ever.

        A loop that ends with a TLS connection still open fails (seen with uvloop: EBUSY).
        """
        self._write(mqtt5.DisconnectPacket().write())
        if self._transport is not None:
            self._transport.close()
        await asyncio.wait((self._closed,), timeout=timeout_s)
        if not self._closed.done():
            self.abort("the broker does not close the connection")
            await asyncio.wait((self._closed,), timeout=timeout_s)

    def _handle(self, packet: Any) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            self._in_flight.discard(packet.packet_id)
            self.refused_publishes += packet.reason_code.value >= _FIRST_FAILURE
            self.window_open.set()
        elif isinstance(packet, mqtt5.ConnAckPacket):
            _resolve(self.connack, packet)
        elif isinstance(packet, mqtt5.SubAckPacket):
            _resolve(self.suback, packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.abort(f"the broker ended the session: {packet.reason_code.name.lower().replace('_', ' ')}")
        elif not isinstance(packet, mqtt5.PingRespPacket):
            self.abort(f"unexpected {type(packet).__name__}")

    def _end(self, why: str, refusal: TrustError | None = None) -> None:
        _resolve(self.lost, why)
        self.window_open.set()
        for future in (self.connack, self.suback):
            if not future.done():
                future.set_exception(refusal or ConnectionResetError(why))
                # Whoever waits for it gets it; nobody has to.
                future.exception()

    def _packet_id(self) -> int:
        while self._next_packet_id in self._in_flight:
            self._next_packet_id = self._next_packet_id % _PACKET_IDS + 1
        packet_id = self._next_packet_id
        self._next_packet_id = packet_id % _PACKET_IDS + 1
        return packet_id

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
