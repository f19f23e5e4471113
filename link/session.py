"""An MQTT 5 session that keeps itself connected (aiomqtt over paho-mqtt).

Rules:
- Clean start, session expiry 0: the broker keeps nothing for us, because the ends are responsible. After each connect
  the session subscribes again, publishes its birth, and then calls `on_connect`.
- A publish is sent or fails at once; the session queues nothing. Whoever owns the message sends it again.
- PUBACK is waited for and its reason code is looked at: aiomqtt itself returns normally on "not authorised".
- `renew` drops a connection that is believed dead and connects again without a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from link.backoff import Backoff
from link.errors import LinkRefusedError, NotConnectedError, PublishRefusedError, PublishTimeoutError

_SUCCESS = 0x00
_FIRST_FAILURE = 0x80
_REFUSED_PAUSE_S = 10.0
_RECEIVE_MAXIMUM = 1_000
_NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send: birth, will or any other."""

    topic: str
    body: bytes
    qos: int = 1
    retain: bool = False


OnMessage = Callable[[str, bytes, bool], None]
"""Called with topic, body and whether it was retained. It must not block; it runs on the event loop."""


class Session:
    """One MQTT session on one broker.

    Args:
        endpoint: The broker.
        client_id: The client id; for a device its name.
        subscriptions: Topic filters, subscribed at QoS 1 after each connect.
        on_message: Called for each message that arrives.
        on_connect: Called after each connect, once subscriptions stand and the birth is out.
        on_disconnect: Called when a connection that stood is lost.
        birth: Makes the message to publish after each connect.
        will: The message the broker publishes when the connection dies.
        keep_alive_s: MQTT keep-alive in seconds; a silent connection is closed after one and a half times that.
        connect_timeout_s: How long one attempt to connect may take, in seconds.
        backoff: The waits between attempts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        *,
        subscriptions: tuple[str, ...] = (),
        on_message: OnMessage | None = None,
        on_connect: Callable[[], None] | None = None,
        on_disconnect: Callable[[], None] | None = None,
        birth: Callable[[], Outgoing] | None = None,
        will: Outgoing | None = None,
        keep_alive_s: int = 10,
        connect_timeout_s: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.client_id = client_id
        self.connects = 0
        self.fault: str | None = None
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._birth = birth
        self._will = will
        self._keep_alive_s = keep_alive_s
        self._connect_timeout_s = connect_timeout_s
        self._backoff = backoff if backoff is not None else Backoff()
        self._client: _Client | None = None
        self._renew = asyncio.Event()
        self._log = logging.getLogger(f"siaga.link.{client_id}")

    @property
    def connected(self) -> bool:
        """Whether a connection stands, subscribed and with its birth out."""
        return self._client is not None

    async def run(self) -> None:
        """Connect and stay connected until cancelled; on cancellation, publish the will and disconnect cleanly.

        A refused log-in or subscription is kept in `fault` in words and tried again each 10 s; a lost link backs off
        with jitter.
        """
        while True:
            try:
                await self._connect_once()
            except (aiomqtt.MqttError, OSError, TimeoutError) as error:
                pause_s = self._pause_after(error)
                self._log.info("%s: %s; next attempt in %.1f s", self.endpoint, error, pause_s)
                await asyncio.sleep(pause_s)
            except LinkRefusedError as error:
                self.fault = str(error)
                self._log.error("%s: %s; next attempt in %.0f s", self.endpoint, error, _REFUSED_PAUSE_S)
                await asyncio.sleep(_REFUSED_PAUSE_S)

    async def publish(
        self, topic: str, body: bytes, *, qos: int = 1, retain: bool = False, timeout_s: float = 5.0
    ) -> None:
        """Publish, and at QoS 1 wait for the PUBACK.

        Raises:
            NotConnectedError: There is no connection; nothing was sent.
            PublishTimeoutError: No PUBACK within `timeout_s` seconds, or the connection was lost meanwhile.
            PublishRefusedError: The PUBACK carries a reason code other than Success.
        """
        if self._client is None:
            raise NotConnectedError(f"no connection to {self.endpoint}")
        await self._client.publish_checked(topic, body, qos=qos, retain=retain, timeout_s=timeout_s)

    def renew(self) -> None:
        """Drop the connection, believed dead, and connect again at once."""
        self._renew.set()

    def _pause_after(self, error: Exception) -> float:
        if isinstance(error, aiomqtt.MqttCodeError) and error.rc is not None:
            code = getattr(error.rc, "value", error.rc)
            if isinstance(code, int) and code >= _FIRST_FAILURE:
                self.fault = f"the broker refused the connection: {error.rc}"
                return _REFUSED_PAUSE_S
        return self._backoff.next_s()

    async def _connect_once(self) -> None:
        self._renew.clear()
        client = _Client(self.endpoint, self.client_id, self._will, self._keep_alive_s, self._connect_timeout_s)
        async with _open(client):
            for topic_filter in self._subscriptions:
                codes = await client.subscribe(topic_filter, qos=1, timeout=self._connect_timeout_s)
                _check_subscribed(topic_filter, codes)
            if self._birth is not None:
                birth = self._birth()
                await client.publish_checked(
                    birth.topic, birth.body, qos=birth.qos, retain=birth.retain, timeout_s=self._connect_timeout_s
                )
            self._stand(client)
            try:
                await self._serve(client)
            finally:
                self._client = None
                if self._on_disconnect is not None:
                    self._on_disconnect()
            # Only `renew` ends the serving without an error.
            client.abandon()

    def _stand(self, client: _Client) -> None:
        self._client = client
        self.connects += 1
        self.fault = None
        self._backoff.reset()
        self._log.info("%s: connected", self.endpoint)
        if self._on_connect is not None:
            self._on_connect()

    async def _serve(self, client: _Client) -> None:
        """Hand over messages until the connection is lost, `renew` is called, or we are cancelled."""
        reader = asyncio.create_task(self._read(client), name=f"link-read-{self.client_id}")
        renewal = asyncio.create_task(self._renew.wait(), name=f"link-renew-{self.client_id}")
        try:
            await asyncio.wait((reader, renewal), return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
        except asyncio.CancelledError:
            if self._will is not None:
                with contextlib.suppress(PublishTimeoutError, PublishRefusedError):
                    await client.publish_checked(
                        self._will.topic, self._will.body, qos=self._will.qos, retain=self._will.retain, timeout_s=1.0
                    )
            raise
        finally:
            for task in (reader, renewal):
                task.cancel()
            await asyncio.gather(reader, renewal, return_exceptions=True)

    async def _read(self, client: _Client) -> None:
        async for message in client.messages:
            if self._on_message is not None:
                self._on_message(str(message.topic), message.payload, message.retain)


class _Client(aiomqtt.Client):
    """aiomqtt's client, with the PUBACK's reason code kept and a way to drop the socket at once."""

    def __init__(
        self, endpoint: Endpoint, client_id: str, will: Outgoing | None, keep_alive_s: int, connect_timeout_s: float
    ) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        super().__init__(
            endpoint.host,
            endpoint.port,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=keep_alive_s,
            timeout=connect_timeout_s,
            will=None if will is None else aiomqtt.Will(will.topic, will.body, will.qos, will.retain),
            properties=properties,
            max_inflight_messages=_RECEIVE_MAXIMUM,
            socket_options=(_NODELAY,),
        )
        self.pending_calls_threshold = _RECEIVE_MAXIMUM
        self._client.connect_timeout = connect_timeout_s
        self._refusals: dict[int, tuple[int, str]] = {}

    async def publish_checked(self, topic: str, body: bytes, *, qos: int, retain: bool, timeout_s: float) -> None:
        """Publish as aiomqtt does, and raise on a PUBACK that is not Success."""
        info = self._client.publish(topic, body, qos, retain)
        if info.rc != 0:
            raise NotConnectedError(f"not sent to {topic}: the connection is lost (paho code {info.rc})")
        if qos == 0:
            return
        confirmation = asyncio.Event()
        with self._pending_call(info.mid, confirmation, self._pending_publishes):
            if info.is_published():
                confirmation.set()
            lost = asyncio.ensure_future(confirmation.wait())
            try:
                await asyncio.wait((lost, self._disconnected), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                lost.cancel()
        refusal = self._refusals.pop(info.mid, None)
        if refusal is not None:
            raise PublishRefusedError(topic, *refusal)
        if not confirmation.is_set():
            raise PublishTimeoutError(f"no PUBACK for {topic} within {timeout_s:g} s")

    def abandon(self) -> None:
        """Close the socket without a DISCONNECT, so that the broker publishes the will of a session it still holds."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        if reason_code.value != _SUCCESS:
            self._refusals[mid] = (reason_code.value, str(reason_code))
        super()._on_publish(client, userdata, mid, reason_code, properties)


@contextlib.asynccontextmanager
async def _open(client: _Client) -> Any:
    """Enter and leave aiomqtt's context, and never let a graceless disconnect hide what ended the session."""
    await client.__aenter__()
    try:
        yield
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


def _check_subscribed(topic_filter: str, codes: Any) -> None:
    for code in codes:
        value = getattr(code, "value", code)
        if value >= _FIRST_FAILURE:
            raise LinkRefusedError(f"the subscription {topic_filter}", value, str(code))
