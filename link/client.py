"""One MQTT connection: aiomqtt's client with what the alarm path needs besides.

What differs from aiomqtt 2.5, and why (each has a test in tests/link/test_client.py):
- The socket is given to it connected, so that no thread blocks in `connect` and a cancelled attempt leaves nothing.
- A connection that ends before its CONNACK fails the attempt at once, not at the timeout; one that ends right after is
  noticed at all.
- A stop that comes together with an answer of the broker stops (asyncio.wait_for loses it below Python 3.12).
- `publish` writes at once, not two turns of the event loop later, and looks at the PUBACK's reason code.
- Publishes wait for a place within the broker's Receive Maximum; nothing is queued behind their back.
- Messages go straight to a callback: no unbounded queue, no task for each message.
- `close` is synchronous and bounded, whatever state the broker is in.
- When the last byte came is known: what still brings bytes is slow, not dead.

It overrides private hooks of aiomqtt and of paho for that, so both are pinned to a minor version.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from link.errors import LinkRefusedError, NotConnectedError, PublishRefusedError, PublishTimeoutError
from link.patience import Pace

_SUCCESS: Final = 0x00
_DISCONNECT_WITH_WILL: Final = 0x04
_NO_MATCHING_SUBSCRIBERS: Final = 0x10
_FIRST_FAILURE: Final = 0x80
_RECEIVE_MAXIMUM: Final = 1_000
_T = TypeVar("_T")

_PAHO_LOG = logging.getLogger("siaga.link.paho")
_PAHO_LOG.setLevel(logging.CRITICAL)  # the session tells each lost connection once, in its own words


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send: birth, will or any other."""

    topic: str
    body: bytes
    qos: int = 1
    retain: bool = False


class NoAnswerError(aiomqtt.MqttError):
    """The broker did not answer CONNECT or SUBSCRIBE in time."""


OnMessage = Callable[[str, bytes, bool], None]
"""Called with topic, body and whether it was retained. It must not block; it runs on the event loop."""


class Client(aiomqtt.Client):
    """One connection, used once: `open`, then subscribe and publish, then `close`.

    Args:
        hostname: The broker's name, for messages only.
        port: Its port, likewise.
        client_id: The client id.
        on_message: Called for each message that arrives, outside of paho's own callbacks.
        on_end: Called once, at the moment the connection is found ended or is closed.
        will: The message the broker publishes when the connection ends, however it ends.
        keep_alive_s: MQTT keep-alive in seconds.
        timeout_s: How long the CONNACK and each SUBACK may take, in seconds.
        handshake_s: How long it took to connect the socket, in seconds; see `pace`.
        username: Our account; None for a device, which its certificate names.
        password: Its password.
    """

    def __init__(
        self,
        hostname: str,
        port: int,
        client_id: str,
        *,
        on_message: OnMessage,
        on_end: Callable[[], None],
        will: Outgoing | None,
        keep_alive_s: int,
        timeout_s: float,
        handshake_s: float = 0.0,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        super().__init__(
            hostname,
            port,
            identifier=client_id,
            username=username,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=keep_alive_s,
            timeout=timeout_s,
            will=None if will is None else aiomqtt.Will(will.topic, will.body, will.qos, will.retain),
            properties=properties,
            logger=_PAHO_LOG,
            max_inflight_messages=0,  # paho would queue what exceeds it; `_window` makes the caller wait instead
        )
        self._deliver = on_message
        self._on_end = on_end
        self._has_will = will is not None
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._window = asyncio.Semaphore(_RECEIVE_MAXIMUM)
        self._closed = False
        self.pace = Pace(handshake_s)
        self.heard_s = 0.0
        self._receive = self._client._sock_recv
        self._client._sock_recv = self._received  # type: ignore[assignment,method-assign]
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection has ended, with the reason as its exception if there is one."""

    async def open(self, connected: socket.socket) -> None:
        """Log in over a connected socket, which is this client's from now on.

        Raises:
            aiomqtt.MqttError: No CONNACK in time, or the connection ended; MqttConnectError when the broker refused.
        """
        self._client._create_socket_connection = lambda: connected  # type: ignore[method-assign]
        try:
            super()._client_connect()
            await super().__aenter__()
            if not self._client.is_connected():
                raise aiomqtt.MqttError("the connection ended right after the log-in")
        except BaseException:  # also at a cancellation: nobody else will close it
            self.close(goodbye=False)
            connected.close()
            raise
        self._disconnected.add_done_callback(self._on_lost)

    async def subscribe_checked(self, filters: tuple[str, ...]) -> None:
        """Subscribe to topic filters at QoS 1, in one packet.

        Raises:
            LinkRefusedError: The broker refused one of them.
            aiomqtt.MqttError: No SUBACK in time, or the connection ended.
        """
        if not filters:
            return
        codes: Sequence[Any] = await self.subscribe([(topic_filter, 1) for topic_filter in filters])
        for topic_filter, code in zip(filters, codes, strict=True):
            if code.value >= _FIRST_FAILURE:
                raise LinkRefusedError(f"the subscription {topic_filter}", code.value, str(code))

    async def publish_checked(self, message: Outgoing, *, timeout_s: float, allow_no_subscriber: bool = False) -> None:
        """Publish; at QoS 1 wait for the PUBACK and look at its reason code.

        Raises:
            NotConnectedError: The connection has ended; nothing was sent.
            PublishTimeoutError: No PUBACK within `timeout_s` seconds, or the connection ended meanwhile.
            PublishRefusedError: The reason code is not Success.
        """
        try:
            async with asyncio.timeout(timeout_s):
                code = await self._acknowledged(message)
        except TimeoutError:
            raise PublishTimeoutError(f"no PUBACK for {message.topic} within {timeout_s:g} s") from None
        value = _SUCCESS if code is None else code.value
        if value != _SUCCESS and not (allow_no_subscriber and value == _NO_MATCHING_SUBSCRIBERS):
            raise PublishRefusedError(message.topic, value, str(code))

    async def _acknowledged(self, message: Outgoing) -> Any:
        """Send a message and return its PUBACK's reason code, or None at QoS 0."""
        if message.qos:
            await self._window.acquire()
        if self.lost.done() or self._closed:
            self._window.release()  # wakes the next one that waits, so that all of them fail now
            raise NotConnectedError(f"not sent to {message.topic}: the connection has ended")
        info = self._client.publish(message.topic, message.body, message.qos, message.retain)
        if info.rc != 0:
            self._window.release()
            raise NotConnectedError(f"not sent to {message.topic}: the connection has ended (paho code {info.rc})")
        if message.qos:
            ack = self._acks[info.mid] = self._loop.create_future()
        self._client.loop_write()
        if not message.qos:
            return None
        sent_s = self._loop.time()
        try:
            code = await ack
            self.pace.answered(self._loop.time() - sent_s)
            return code
        finally:
            self._acks.pop(info.mid, None)

    def close(self, *, goodbye: bool) -> None:
        """End the connection now. Nothing is waited for; doing it twice is harmless.

        Args:
            goodbye: Send a DISCONNECT, which asks for the will to be published (MQTT 5, 3.14.2.1: 0x04) when there is
                one. Without it the broker finds the socket closed and publishes the will by itself.
        """
        if self._closed:
            return
        self._closed = True
        if goodbye and self._client.is_connected():
            will = _DISCONNECT_WITH_WILL if self._has_will else _SUCCESS
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=will))
            self._client.loop_write()
        self._client._sock_close()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # seen: asyncio need not complain that nobody looked
        self._end(None)

    # --- hooks of aiomqtt and paho

    def _client_connect(self) -> None:
        """Do nothing: `open` has done it, on the event loop, as the socket is connected already."""

    async def _wait_for(self, fut: Awaitable[_T], timeout: float | None) -> _T:
        # Not asyncio.wait_for: below Python 3.12 it swallows a cancellation that comes together with the result.
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise NoAnswerError("no answer from the broker in time") from None

    def _received(self, size: int) -> bytes:
        data = self._receive(size)
        if data:
            self.heard_s = time.monotonic()
        return data

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        receive_maximum = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self._window = asyncio.Semaphore(min(receive_maximum, _RECEIVE_MAXIMUM))
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the connection ended before the CONNACK"))
        elif not self._connected.cancelled():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)
            if self._disconnected.done():
                # Seen: aiomqtt forgets this future when the connection ends between the CONNACK and the next turn.
                self._disconnected.exception()

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        # Not from within paho's callback: it holds a lock there that publishing and closing need.
        self._loop.call_soon(self._hand_over, message)

    def _hand_over(self, message: Any) -> None:
        if self._closed:
            return
        with contextlib.suppress(UnicodeDecodeError):  # a topic that is not UTF-8 is none of ours
            self._deliver(message.topic, bytes(message.payload), bool(message.retain))

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        # The place is given back by the PUBACK, not by the caller's patience: until then the broker counts it.
        ack = self._acks.get(mid)
        if mid in self._client._out_messages:
            self._window.release()
        if ack is not None and not ack.done():
            ack.set_result(reason_code)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        # aiomqtt does this a turn of the loop later, when the socket may be closed and its number taken by another.
        self._loop.add_writer(sock.fileno(), self._write)

    def _write(self) -> None:
        self._client.loop_write()

    def _on_lost(self, disconnected: asyncio.Future[None]) -> None:
        self._end(disconnected.exception() or aiomqtt.MqttError("the broker ended the connection"))

    def _end(self, reason: BaseException | None) -> None:
        if self.lost.done():
            return
        if reason is None:
            self.lost.set_result(None)
        else:
            self.lost.set_exception(reason)
            self.lost.exception()
        self._on_end()
        for ack in self._acks.values():
            if not ack.done():
                ack.set_exception(PublishTimeoutError("the connection ended before the PUBACK"))
        for suback in self._pending_subscribes.values():
            if not suback.done():
                suback.set_exception(aiomqtt.MqttError("the connection ended before the SUBACK"))
        self._window.release()
