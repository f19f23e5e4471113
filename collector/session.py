"""The collector's MQTT session: connect, subscribe, keep alive, reconnect.

Rules:
- Clean start and session expiry 0: the broker keeps nothing for a collector that is gone; the boxes do.
- `receive_maximum` bounds what the broker hands over without PUBACK, and so the memory.
- A PINGREQ goes out each half keep-alive; when nothing at all arrived `ping_timeout_s` later, the connection is dead.
  While reading is paused for want of memory this is not looked at: TCP's own timeout ends a dead connection then.
- A connection that answers and yet brings nothing for too long is deaf, and is made anew (`collector.deafness`).
- A lost link backs off with jitter. A refused certificate, log-in or subscription is a fault in words, tried again
  each 10 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import mqtt5

from collector.connection import Connection, OnMessages
from collector.deafness import Deafness
from link.backoff import Backoff
from link.dial import Endpoint
from link.errors import LinkRefusedError, TrustError
from link.trust import explain_handshake

_log = logging.getLogger("siaga.collector.session")
_REFUSED_PAUSE_S: Final = 10.0
_GOODBYE_S: Final = 0.2
_FIRST_FAILURE: Final = 0x80


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session agrees on with the broker, and its patience, in seconds."""

    endpoint: Endpoint
    client_id: str
    topic_filter: str
    receive_maximum: int = 20_000
    max_packet_bytes: int = 1_048_576
    max_in_flight: int = 1_000
    keep_alive_s: int = 20
    ping_timeout_s: float = 5.0
    connect_timeout_s: float = 5.0


class MqttSession:
    """A session that keeps itself connected.

    Args:
        terms: What to agree on.
        on_messages: Called for each read that brought messages; it must not block.
        on_connect: Called when a connection stands, subscribed.
        backoff: The waits between attempts.
        deafness: The watch over what it hears.
    """

    def __init__(
        self,
        terms: Terms,
        on_messages: OnMessages,
        *,
        on_connect: Callable[[], None],
        backoff: Backoff | None = None,
        deafness: Deafness | None = None,
    ) -> None:
        self.connection: Connection | None = None
        self.connects = 0
        self.fault: str | None = None
        self._terms = terms
        self._on_messages = on_messages
        self._on_connect = on_connect
        self._backoff = backoff if backoff is not None else Backoff()
        self.deafness = deafness if deafness is not None else Deafness()

    async def run(self) -> None:
        """Connect and stay connected until cancelled; then disconnect cleanly."""
        where = str(self._terms.endpoint)
        while True:
            try:
                why = await self._connect_once()
                pause_s = self._backoff.next_s()
            except OSError as error:
                self.fault = None
                why = str(error) or type(error).__name__
                pause_s = self._backoff.next_s()
            except (LinkRefusedError, TrustError) as error:
                why = self.fault = str(error)
                passing = isinstance(error, TrustError) and error.passing
                pause_s = self._backoff.next_s() if passing else _REFUSED_PAUSE_S
            _log.warning("%s: %s; next attempt in %.1f s", where, why, pause_s)
            await asyncio.sleep(pause_s)

    async def _connect_once(self) -> str:
        """Connect and serve; return why the connection ended."""
        terms = self._terms
        connection = await self._open()
        try:
            async with asyncio.timeout(terms.connect_timeout_s):
                keep_alive_s = await self._agree(connection)
            self._stand(connection)
            async with asyncio.TaskGroup() as tasks:
                watches = (
                    tasks.create_task(self._keep_alive(connection, keep_alive_s), name="collector-keep-alive"),
                    tasks.create_task(self._watch_silence(connection), name="collector-silence"),
                )
                why = await connection.lost
                for watch in watches:
                    watch.cancel()
            return why
        finally:
            self.connection = None
            await connection.disconnect(_GOODBYE_S)

    async def _open(self) -> Connection:
        """Connect, TLS included."""
        terms = self._terms
        credentials = terms.endpoint.credentials
        tls: dict[str, Any] = {}
        if credentials is not None and credentials.context is not None:
            tls = {"ssl": credentials.context, "ssl_shutdown_timeout": _GOODBYE_S}
        try:
            async with asyncio.timeout(terms.connect_timeout_s):
                return await self._create_connection(tls)
        except OSError as error:
            refusal = explain_handshake(error) if tls else None
            if refusal is not None:
                raise refusal from None
            raise

    async def _create_connection(self, tls: dict[str, Any]) -> Connection:
        terms = self._terms
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(
                self._on_messages,
                max_packet_bytes=terms.max_packet_bytes,
                max_in_flight=terms.max_in_flight,
            ),
            terms.endpoint.host,
            terms.endpoint.port,
            **tls,
        )
        return connection

    async def _agree(self, connection: Connection) -> int:
        """Log in and subscribe; return the keep-alive in seconds that holds."""
        terms = self._terms
        credentials = terms.endpoint.credentials
        password = None if credentials is None or credentials.password is None else credentials.password.encode()
        connection.connect(
            mqtt5.ConnectPacket(
                terms.client_id,
                username=None if credentials is None else credentials.username,
                password=password,
                clean_start=True,
                session_expiry_interval=0,
                keep_alive=terms.keep_alive_s,
                receive_max=terms.receive_maximum,
                max_packet_size=terms.max_packet_bytes,
            )
        )
        connack = await connection.connack
        if connack.reason_code.value >= _FIRST_FAILURE:
            raise LinkRefusedError("the connection", connack.reason_code.value, connack.reason_code.name)
        connection.agreed(connack)
        connection.subscribe(terms.topic_filter)
        code = (await connection.suback).reason_codes[0]
        if code.value >= _FIRST_FAILURE:
            raise LinkRefusedError(f"the subscription {terms.topic_filter}", code.value, code.name)
        return connack.server_keep_alive or terms.keep_alive_s

    def _stand(self, connection: Connection) -> None:
        self.connection = connection
        self.connects += 1
        self.fault = None
        self._backoff.reset()
        _log.info("%s: connected", self._terms.endpoint)
        self._on_connect()

    async def _watch_silence(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self.deafness.connected(loop.time())
        while True:
            await asyncio.sleep(self.deafness.check_s)
            # Who owes PUBACKs may have used up the broker's window.
            excused = connection.paused or bool(connection.arrivals.waiting)
            if self.deafness.judge(connection.last_message_s, loop.time(), excused=excused):
                connection.abort("connected, and no box is heard any more")
                return

    async def _keep_alive(self, connection: Connection, keep_alive_s: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(keep_alive_s / 2)
            sent_s = loop.time()
            connection.ping()
            await asyncio.sleep(self._terms.ping_timeout_s)
            heard = connection.last_received_s >= sent_s or connection.last_resumed_s >= sent_s
            if not heard and not connection.paused:
                connection.abort(f"no answer to PINGREQ within {self._terms.ping_timeout_s:g} s")
                return
