"""Opens the TCP connection under a session.

Rules:
- Nothing here holds up a stop: a look-up runs in a thread that is not waited for, and the connecting is asynchronous.
  (paho's own connect blocks a thread of the default executor, which the event loop joins when it closes.)
- One look-up at a time, however often a dial gives up on it.
- When names cannot be looked up, the last address that accepted a connection is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Final

from link.trust import Credentials, explain_handshake

_Address = tuple[socket.AddressFamily, Any]

_NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_LOOK_UP_SHARE: Final = 0.5
_VERDICT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens: a host name or an IP address, a TCP port; and who we are to it.

    Without credentials the connection is plain and nameless: for a peer in the same process, never for a broker.
    """

    host: str
    port: int
    credentials: Credentials | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Dialer:
    """Opens connections to one endpoint.

    Args:
        endpoint: Whom to dial.
        timeout_s: How long one dial may take in seconds, the look-up included.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._looking_up: asyncio.Future[list[_Address]] | None = None
        self._last_good: _Address | None = None

    async def dial(self) -> socket.socket:
        """Return a connected, non-blocking socket without Nagle's delay, its TLS handshake done.

        Raises:
            TrustError: One side refused the other's certificate.
            OSError: No address could be reached in time (TimeoutError is one too), or the name could not be looked up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        addresses = await self._addresses()
        last_error: OSError = OSError(f"{self._endpoint}: no address")
        for position, address in enumerate(addresses):
            share_s = max(0.0, deadline - loop.time()) / (len(addresses) - position)
            try:
                connected = await self._open(address, share_s)
            except TimeoutError:
                last_error = TimeoutError(f"no answer within {share_s:.1f} s")
            except OSError as error:
                last_error = error
            else:
                self._last_good = address
                return connected
        raise last_error

    async def _open(self, address: _Address, timeout_s: float) -> socket.socket:
        async with asyncio.timeout(timeout_s):
            connected = await _connect(address)
            credentials = self._endpoint.credentials
            if credentials is None or credentials.context is None:
                return connected
            return await _secure(connected, credentials.context, self._endpoint.host)

    async def _addresses(self) -> list[_Address]:
        with contextlib.suppress(socket.gaierror, UnicodeError):
            # An address in digits needs no look-up and no thread.
            return _look_up(self._endpoint, socket.AI_NUMERICHOST)
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = _start_look_up(self._endpoint)
        # The thread outlives a dial that was given up; the next dial takes its answer.
        await asyncio.wait((self._looking_up,), timeout=self._timeout_s * _LOOK_UP_SHARE)
        try:
            if not self._looking_up.done():
                raise TimeoutError(f"{self._endpoint.host}: the name look-up takes too long")
            return self._looking_up.result()
        except OSError:
            if self._last_good is None:
                raise
            return [self._last_good]


def _look_up(endpoint: Endpoint, flags: int = 0) -> list[_Address]:
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, sockaddr) for family, _, _, _, sockaddr in found]


def _start_look_up(endpoint: Endpoint) -> asyncio.Future[list[_Address]]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[_Address]] = loop.create_future()

    def settle(result: list[_Address] | None, error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting any more; that is no reason for asyncio to complain
        elif result is not None:
            answer.set_result(result)

    def work() -> None:
        result, failure = None, None
        try:
            result = _look_up(endpoint)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA refuses
            failure = error if isinstance(error, OSError) else OSError(f"{endpoint.host}: no host name: {error}")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name=f"look-up-{endpoint.host}", daemon=True).start()
    return answer


async def _connect(address: _Address) -> socket.socket:
    family, sockaddr = address
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.setsockopt(*_NODELAY)
        await asyncio.get_running_loop().sock_connect(connecting, sockaddr)
    except BaseException:
        connecting.close()
        raise
    return connecting


async def _secure(connected: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Shake hands over a connected, non-blocking socket, which belongs to the returned one from now on."""
    secured = context.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                await _until(secured, "add_reader", "remove_reader")
            except ssl.SSLWantWriteError:
                await _until(secured, "add_writer", "remove_writer")
            else:
                await _hear_verdict(secured)
                return secured
    except BaseException as error:
        secured.close()
        refusal = explain_handshake(error)
        if refusal is not None:
            raise refusal from None
        raise


async def _hear_verdict(secured: ssl.SSLSocket) -> None:
    """Wait for the broker's word on our certificate, and raise its alert as `ssl.SSLError`.

    With TLS 1.3 our side of the handshake is done before the broker has looked at our certificate (RFC 8446, 2). Its
    session tickets say yes, an alert says no. Were MQTT's CONNECT sent before that, a broker that closes would answer
    it with a reset, and the alert, which says why, would be lost.
    """
    if secured.version() != "TLSv1.3":
        return
    try:
        async with asyncio.timeout(_VERDICT_S):
            await _until(secured, "add_reader", "remove_reader")
    except TimeoutError:
        return  # a broker without tickets, or a slow line: it will show
    with contextlib.suppress(ssl.SSLWantReadError):
        if not secured.recv(1):
            raise ConnectionResetError("the connection ended right after the TLS handshake")


async def _until(sock: socket.socket, add: str, remove: str) -> None:
    """Wait until a socket can be read or written."""
    loop = asyncio.get_running_loop()
    able: asyncio.Future[None] = loop.create_future()
    getattr(loop, add)(sock, _settle, able)
    try:
        await able
    finally:
        getattr(loop, remove)(sock)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
