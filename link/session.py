"""An MQTT 5 session that keeps itself connected (aiomqtt over paho-mqtt).

Rules:
- Clean start, session expiry 0: the broker keeps nothing for us, because the ends are responsible. After each connect
  the session subscribes again, publishes its birth, and then calls `on_connect`.
- A publish is sent or fails at once; the session queues nothing. Whoever owns the message sends it again.
- PUBACK is waited for and its reason code is looked at: aiomqtt itself returns normally on "not authorised".
- `renew` drops a connection that is believed dead and connects again without a pause.
- However a connection ends, by `renew`, by a stop or by death, the broker publishes the will.
- On a slow link everything is given more time, and only there: how much says `patience`.

    waiting ──pause over, renew──▶ connecting ──subscribed, birth out──▶ standing ──lost──▶ waiting
                                       │ failed, refused                    │ renew
                                       ▼                                    ▼
                                    waiting                             connecting
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiomqtt

from link.backoff import Backoff
from link.client import Client, NoAnswerError, OnMessage, Outgoing
from link.dial import Dialer, Endpoint, SilentPeerError
from link.errors import (
    LinkError,
    LinkRefusedError,
    NotConnectedError,
    PublishRefusedError,
    PublishTimeoutError,
    TrustError,
)
from link.patience import Patience, keep_alive_s

_REFUSED_PAUSE_S: Final = 10.0
_SETTLED_S: Final = 2.0
_SHORT_LIVES: Final = 3
_TAKEN_OVER: Final = 0x8E
_UNSPECIFIED: Final = 0x80
_PASSING: Final = frozenset({0x88, 0x89, 0x97, 0x9C, 0x9D, 0x9F})
"""CONNACK codes that pass by themselves: unavailable, busy, quota, use another server, server moved, rate."""


class Session:
    """One MQTT session on one broker.

    Args:
        endpoint: The broker.
        client_id: The client id; for a device its name.
        subscriptions: Topic filters, subscribed at QoS 1 after each connect.
        on_message: Called for each message that arrives, also for retained ones that come before `on_connect`.
        on_connect: Called after each connect, once subscriptions stand and the birth is out.
        on_disconnect: Called when a connection that stood has ended.
        birth: Makes the message to publish after each connect.
        will: The message the broker publishes when the connection ends.
        keep_alive_s: MQTT keep-alive in seconds; a broker that fell silent is noticed after at most twice that and 2 s.
            On a slow link it is longer.
        connect_timeout_s: How long each step of an attempt to connect may take, in seconds; on a slow link more.
        backoff: The waits between attempts.
        memory: The file in which the address that the broker's name last led to is kept; None: only in memory.

    A callback that raises is logged with its traceback and counted in `callback_errors`; the session goes on, because
    one message that a handler does not expect must not silence the messages after it.
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
        keep_alive_s: int = 8,
        connect_timeout_s: float = 5.0,
        backoff: Backoff | None = None,
        memory: Path | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.client_id = client_id
        self.connects = 0
        self.callback_errors = 0
        self.fault: str | None = None
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._birth = birth
        self._will = will
        self._keep_alive_s = keep_alive_s
        self._patience = Patience(connect_timeout_s)
        self._backoff = backoff if backoff is not None else Backoff()
        self._dialer = Dialer(endpoint, memory)
        self._client: Client | None = None
        self._short_lives = 0
        self._standing = asyncio.Event()
        self._hurry = asyncio.Event()
        self._log = logging.getLogger(f"siaga.link.{client_id}")

    @property
    def connected(self) -> bool:
        """Whether a connection stands, subscribed and with its birth out."""
        return self._standing.is_set()

    @property
    def pace_s(self) -> float:
        """How long a PUBACK may take on the present connection before that means anything, in seconds, 0 to 60.

        A fraction of a second on an ordinary link; 0 without a connection.
        """
        return 0.0 if self._client is None else self._client.pace.pace_s

    @property
    def silent_s(self) -> float:
        """How long the present connection has brought no byte, in seconds; infinite without a connection."""
        return math.inf if self._client is None else time.monotonic() - self._client.heard_s

    async def wait_connected(self) -> None:
        """Return as soon as a connection stands."""
        await self._standing.wait()

    async def run(self) -> None:
        """Connect and stay connected until cancelled; a stop takes no longer than writing one packet.

        A refused log-in, subscription or birth is kept in words in `fault` and tried again about each 10 s; a lost link
        backs off with jitter. `fault` is None again once a connection stands.
        """
        while True:
            try:
                await self._connect_once()
            except (aiomqtt.MqttError, LinkError, OSError) as error:
                pause_s = self._pause_after(error)
                level = logging.ERROR if self.fault else logging.WARNING
                why = self.fault or _words(error)
                self._log.log(level, "%s: %s; next attempt in %.1f s", self.endpoint, why, pause_s)
                await self._pause(pause_s)

    async def publish(
        self,
        topic: str,
        body: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        timeout_s: float = 5.0,
        allow_no_subscriber: bool = False,
    ) -> None:
        """Publish, and at QoS 1 wait for the PUBACK.

        Args:
            topic: The topic.
            body: The body.
            qos: 0 or 1.
            retain: Whether the broker keeps it for later subscribers.
            timeout_s: How long to wait for the PUBACK in seconds, the wait for a place in the broker's Receive Maximum
                included.
            allow_no_subscriber: Whether a PUBACK that says "nobody listens" (0x10) is a success. It is for a status or
                a report; for a press it is not.

        Raises:
            NotConnectedError: There is no connection; nothing was sent.
            PublishTimeoutError: No PUBACK within `timeout_s` seconds, or the connection was lost meanwhile.
            PublishRefusedError: The PUBACK carries a reason code other than Success.
            ValueError: The topic is empty or has a wildcard.
        """
        if not topic:  # MQTT 5 has a use for an empty topic; sent without a topic alias, it ends the connection
            raise ValueError("an empty topic")
        if self._client is None:
            raise NotConnectedError(f"no connection to {self.endpoint}")
        await self._client.publish_checked(
            Outgoing(topic, body, qos, retain), timeout_s=timeout_s, allow_no_subscriber=allow_no_subscriber
        )

    def renew(self) -> None:
        """Drop the connection, believed dead, and connect again at once; while waiting, cut the wait short.

        An attempt that is under way goes on.
        """
        self._hurry.set()
        if self._client is not None:
            self._log.warning("%s: the connection is given up as dead", self.endpoint)
            self._client.close(goodbye=False)

    async def _connect_once(self) -> None:
        """Connect, and return when `renew` ended the connection; any other end is raised."""
        try:
            client = await self._log_in()
        except (SilentPeerError, NoAnswerError, PublishTimeoutError):
            self._patience.silent()
            raise
        try:
            await self._stand(client)
        finally:
            client.close(goodbye=True)

    async def _log_in(self) -> Client:
        """Return a client that is connected and subscribed, its birth out."""
        dialled = await self._dialer.dial(self._patience.step_s)
        step_s = self._patience.after(dialled.took_s)
        credentials = self.endpoint.credentials
        client = Client(
            self.endpoint.host,
            self.endpoint.port,
            self.client_id,
            on_message=self._hand_over,
            on_end=self._ended,
            will=self._will,
            keep_alive_s=keep_alive_s(self._keep_alive_s, dialled.took_s),
            timeout_s=step_s,
            handshake_s=dialled.took_s,
            username=None if credentials is None else credentials.username,
            password=None if credentials is None else credentials.password,
        )
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.open(dialled.socket)
        try:
            await client.subscribe_checked(self._subscriptions)
            if self._birth is not None:
                await client.publish_checked(self._birth(), timeout_s=step_s, allow_no_subscriber=True)
        except BaseException:  # also at a cancellation: who is logged in says goodbye
            client.close(goodbye=True)
            raise
        # CONNACK, SUBACK and PUBACK are three waits; their sum is above the longest of them.
        self._patience.stood(max(dialled.longest_wait_s, loop.time() - began))
        return client

    async def _stand(self, client: Client) -> None:
        self._client = client
        self._hurry.clear()
        self.connects += 1
        if self._short_lives < _SHORT_LIVES:
            self.fault = None
        self._standing.set()
        self._log.info("%s: connected", self.endpoint)
        self._call(self._on_connect)
        try:
            # Only a connection that lasts ends the growing of the waits: two boxes with one name would otherwise throw
            # each other out several times a second.
            await asyncio.wait((client.lost,), timeout=_SETTLED_S)
            if not client.lost.done():
                self._backoff.reset()
                self._short_lives = 0
                self.fault = None
                await asyncio.wait((client.lost,))
        finally:
            self._ended()
            self._call(self._on_disconnect)
        self._short_lives += 1
        client.lost.result()

    def _ended(self) -> None:
        self._client = None
        self._standing.clear()

    async def _pause(self, pause_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()
        self._hurry.clear()

    def _pause_after(self, error: Exception) -> float:
        """Return how long to wait after a failed attempt in seconds, and keep in `fault` what a person must mend."""
        self.fault = None
        if isinstance(error, OSError):
            self._short_lives = 0  # nobody listens there: it is the broker that ended them
        if isinstance(error, LinkRefusedError | PublishRefusedError | TrustError):
            self.fault = str(error)
            passing = isinstance(error, TrustError) and error.passing
            return self._backoff.next_s() if passing else self._backoff.around_s(_REFUSED_PAUSE_S)
        code = _reason_code(error)
        if isinstance(error, aiomqtt.exceptions.MqttConnectError) and code not in _PASSING:
            self.fault = f"the broker refused the log-in: {_words(error)}"
            return self._backoff.around_s(_REFUSED_PAUSE_S)
        if code == _TAKEN_OVER or self._short_lives >= _SHORT_LIVES:
            # Mosquitto 2.0.11 closes the socket of a client whose name another one takes, and sends no DISCONNECT.
            self.fault = f"connections end right after the log-in; does another client use the name {self.client_id}?"
        return self._backoff.next_s()

    def _hand_over(self, topic: str, body: bytes, retained: bool) -> None:
        self._call(self._on_message, topic, body, retained)

    def _call(self, callback: Callable[..., None] | None, *args: Any) -> None:
        if callback is None:
            return
        try:
            callback(*args)
        except Exception:  # noqa: BLE001 - a supervisor: the callbacks are another room's, see the class's docstring
            self.callback_errors += 1
            self._log.exception("%s: a callback failed", self.endpoint)


def _reason_code(error: Exception) -> int | None:
    code = getattr(error, "rc", None)
    value = getattr(code, "value", code)
    return value if isinstance(value, int) else None


def _words(error: Exception) -> str:
    """Return an error in words: for a lost connection, paho has no better word than "Unspecified error"."""
    code = getattr(error, "rc", None)
    if _reason_code(error) == _UNSPECIFIED:
        return "the connection was lost"
    if code is not None and hasattr(code, "value"):
        return f"{code} (0x{code.value:02x})"
    return str(error) or type(error).__name__
