"""A small blocking MQTT 5 client that may do what no client of ours does: it proves what a broker refuses.

It writes any topic, subscribes to any filter, takes any client id, and says what came back. Nothing is sent again, and
nothing waits longer than `TIMEOUT_S`. To learn that *nothing* arrives without waiting for it, send it a message it must
get: MQTT keeps the order of one connection (5.0, 4.6), so what had not come before that message does not come.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

import mqtt5

from contract.errors import SiagaError

TIMEOUT_S: Final = 5.0
"""How long each answer of a broker may take, in seconds."""

_READ_BYTES: Final = 65_536
_PACKET_IDS: Final = 65_535
_UNSAID: Final = 65_535
"""The receive maximum of who says nothing of one (MQTT 5, 3.1.2.11.3); the codec leaves it out."""
_FIRST_FAILURE: Final = 0x80


class ProbeError(SiagaError):
    """The connection cannot be made, was refused, or ended; `refused_at` says at which stage.

    Args:
        refused_at: `tcp`, `tls`, `connack`, or `closed` for a connection that stood.
        detail: What the other side said.
    """

    def __init__(self, refused_at: str, detail: str) -> None:
        self.refused_at = refused_at
        self.detail = detail
        super().__init__(f"{refused_at}: {detail}")


class Probe:
    """One connection, used once: `with Probe(…) as probe`.

    Args:
        port: The broker's port on `host`.
        tls: How to speak TLS; None speaks plain TCP.
        client_id: The client id asked for; empty lets the broker choose.
        username: The user name, or None.
        password: The password, or None.
        will: What the broker publishes when the connection ends without a DISCONNECT, or None.
        session_expiry_s: How long the broker keeps the session after the connection, in seconds.
        clean_start: False takes up the session that the broker kept.
        receive_maximum: How many messages without PUBACK it takes; None leaves that to the broker.
        acknowledges: Whether it sends PUBACKs.
        host: The broker's address.
    """

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        client_id: str,
        *,
        username: str | None = None,
        password: str | None = None,
        will: mqtt5.Will | None = None,
        session_expiry_s: int = 0,
        clean_start: bool = True,
        receive_maximum: int | None = None,
        acknowledges: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        self.messages: list[mqtt5.PublishPacket] = []
        self.closed: str | None = None
        self.connack: mqtt5.ConnAckPacket | None = None
        self._address = (host, port)
        self._tls = tls
        self._connect = mqtt5.ConnectPacket(
            client_id,
            username=username,
            password=None if password is None else password.encode(),
            clean_start=clean_start,
            will=will,
            keep_alive=60,
            session_expiry_interval=session_expiry_s,
            receive_max=_UNSAID if receive_maximum is None else receive_maximum,
        )
        self._acknowledges = acknowledges
        self._socket: socket.socket | None = None
        self._rest = b""
        self._packet_id = 0
        self._pubacks: dict[int, int] = {}
        self._subacks: dict[int, list[int]] = {}
        self._pongs = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect and wait for the CONNACK.

        Raises:
            ProbeError: Refused at `tcp`, `tls` or `connack`.
        """
        try:
            self._socket = socket.create_connection(self._address, timeout=TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise ProbeError("tcp", str(error)) from None
        try:
            if self._tls is not None:
                self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._address[0])
            self._send(self._connect.write())
            # With TLS 1.3 a refused client certificate shows in the first read only.
            self._await(lambda: self.connack is not None)
        except (OSError, ProbeError) as error:
            self.drop()
            detail = error.detail if isinstance(error, ProbeError) else _words(error)
            raise ProbeError("tls" if self._tls is not None else "tcp", detail) from None
        assert self.connack is not None
        code = self.connack.reason_code
        if code.value >= _FIRST_FAILURE:
            self.drop()
            raise ProbeError("connack", f"0x{code.value:02x} {_name(code.name)}")

    @property
    def peer_certificate(self) -> bytes:
        """The broker's certificate (DER)."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.getpeercert(binary_form=True) or b""

    @property
    def session_present(self) -> bool:
        """Whether the broker had kept a session for this client."""
        return self.connack is not None and self.connack.session_present

    def send_raw(self, data: bytes) -> None:
        """Send bytes that no codec would make.

        Raises:
            ProbeError: The connection ended.
        """
        self._send(data)

    def publish(self, topic: str, body: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Publish, and return the reason code of its PUBACK: 0 Success, 0x10 nobody subscribed, 0x87 not authorised.

        Raises:
            ProbeError: The connection ended, or no PUBACK within `TIMEOUT_S`.
        """
        if qos == 0:
            self._send(mqtt5.PublishPacket(topic, body, retain=retain).write())
            return 0
        return self.publish_all([(topic, body)], retain=retain)[0]

    def publish_all(self, messages: Sequence[tuple[str, bytes]], *, retain: bool = False) -> list[int]:
        """Publish at QoS 1 without waiting in between; return the reason codes of the PUBACKs in order.

        Raises:
            ProbeError: The connection ended, or a PUBACK is missing after `TIMEOUT_S`.
        """
        ids = []
        packets = []
        for topic, body in messages:
            ids.append(self._next_id())
            packet = mqtt5.PublishPacket(topic, body, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=ids[-1])
            packets.append(packet.write())
        self._send(b"".join(packets))
        self._await(lambda: all(one in self._pubacks for one in ids))
        return [self._pubacks.pop(one) for one in ids]

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Subscribe, and return the reason codes of the SUBACK: 0 to 2 granted, from 0x80 on refused.

        Raises:
            ProbeError: The connection ended, or no SUBACK within `TIMEOUT_S`.
        """
        packet_id = self._next_id()
        topics = [mqtt5.TopicFilter(one, max_qos=mqtt5.QoS(qos)) for one in filters]
        self._send(mqtt5.SubscribePacket(packet_id, topics).write())
        self._await(lambda: packet_id in self._subacks)
        return self._subacks.pop(packet_id)

    def ping(self) -> None:
        """Go to the broker and back: what it sent us before is then in `messages`.

        Raises:
            ProbeError: The connection ended, or no answer within `TIMEOUT_S`.
        """
        wanted = self._pongs + 1
        self._send(mqtt5.PingReqPacket().write())
        self._await(lambda: self._pongs >= wanted)

    def await_message(self, body: bytes, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for a message with this body.

        Raises:
            ProbeError: The connection ended, or it did not come within `timeout_s` seconds.
        """
        self._await(lambda: any(one.payload == body for one in self.messages), timeout_s)

    def take(self) -> list[tuple[str, bytes]]:
        """Return topic and body of each message since the last call."""
        taken = [(one.topic, one.payload) for one in self.messages]
        self.messages.clear()
        return taken

    def close(self) -> None:
        """Say goodbye (DISCONNECT, which discards the will) and close."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendall(mqtt5.DisconnectPacket().write())
        self.drop()

    def drop(self) -> None:
        """Close without a word: the broker publishes the will."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % _PACKET_IDS + 1
        return self._packet_id

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ProbeError("closed", self.closed or "not connected")
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._end(_words(error))

    def _await(self, done: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            if self._socket is None:
                raise ProbeError("closed", self.closed or "not connected")
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                raise ProbeError("closed", f"no answer within {timeout_s:g} s") from None
            except OSError as error:
                self._end(_words(error))
            if not data:
                self._end(self.closed or "the broker closed the connection")
            self._read(data)

    def _end(self, why: str) -> None:
        self.closed = why
        self.drop()
        raise ProbeError("closed", why)

    def _read(self, data: bytes) -> None:
        data = self._rest + data
        view, place = memoryview(data), 0
        while place < len(data):
            try:
                packet, size = mqtt5.read(view[place:])
            except IndexError:
                break
            place += size
            self._handle(packet)
        self._rest = data[place:]

    def _handle(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PublishPacket():
                self.messages.append(packet)
                if self._acknowledges and packet.qos == mqtt5.QoS.AT_LEAST_ONCE and packet.packet_id is not None:
                    self._send(mqtt5.PubAckPacket(packet.packet_id).write())
            case mqtt5.PubAckPacket():
                self._pubacks[packet.packet_id] = packet.reason_code.value
            case mqtt5.SubAckPacket():
                self._subacks[packet.packet_id] = [code.value for code in packet.reason_codes]
            case mqtt5.ConnAckPacket():
                self.connack = packet
            case mqtt5.PingRespPacket():
                self._pongs += 1
            case mqtt5.DisconnectPacket():
                code = packet.reason_code
                self.closed = f"the broker sent DISCONNECT 0x{code.value:02x} {_name(code.name)}"
            case _:
                raise ProbeError("closed", f"unexpected {type(packet).__name__}")


def _name(constant: str) -> str:
    return constant.lower().replace("_", " ")


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return _name(error.reason or str(error))
    return error.strerror or str(error) or type(error).__name__
