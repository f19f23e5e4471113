"""Opens the TCP connection under a session.

Rules:
- Nothing here holds up a stop: a look-up runs in a thread that is not waited for, and the connecting is asynchronous.
  (paho's own connect blocks a thread of the default executor, which the event loop joins when it closes.)
- One look-up at a time, however often a dial gives up on it; the same for reading and writing the file.
- When names cannot be looked up, the last address that accepted a connection is used; after a restart it is known from
  a file, where there is one.
- A handshake that brings bytes goes on; one that is silent for too long is given up (`patience` says how long).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from link.last_address import Address, recall, remember
from link.patience import HANDSHAKE_S
from link.trust import Credentials, explain_handshake

_NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_LOOK_UP_SHARE: Final = 0.5
_RECALL_SHARE: Final = 0.1
_VERDICT_S: Final = 1.0
_T = TypeVar("_T")


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


class SilentPeerError(TimeoutError):
    """A peer was reached and then said nothing for too long."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connected, non-blocking socket without Nagle's delay, its TLS handshake done.

    Connection and handshake took `took_s` seconds, the longest wait within them `longest_wait_s`; the look-up of the
    name counts in neither.
    """

    socket: socket.socket
    took_s: float
    longest_wait_s: float


class Dialer:
    """Opens connections to one endpoint.

    Args:
        endpoint: Whom to dial.
        memory: The file in which the last good address is kept, None for nowhere.
    """

    def __init__(self, endpoint: Endpoint, memory: Path | None = None) -> None:
        self._endpoint = endpoint
        self._memory = memory
        self._looking_up: asyncio.Future[list[Address]] | None = None
        self._recalling: asyncio.Future[Address | None] | None = None
        self._last_good: Address | None = None
        self._remembering: threading.Thread | None = None

    async def dial(self, step_s: float) -> Dialled:
        """Connect.

        Args:
            step_s: How long look-up and TCP connection may take together, and then each silence within the handshake,
                in seconds; several addresses share it.

        Raises:
            TrustError: One side refused the other's certificate.
            SilentPeerError: The last address was reached and fell silent within the handshake.
            OSError: No address could be reached in time (TimeoutError is one too), or the name could not be looked up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + step_s
        addresses, looked_up = await self._addresses(step_s)
        last_error: OSError = OSError(f"{self._endpoint}: no address")
        for position, address in enumerate(addresses):
            share_s = max(0.0, deadline - loop.time()) / (len(addresses) - position)
            silence_s = step_s / len(addresses)
            try:
                dialled = await self._open(address, share_s, silence_s)
            except OSError as error:
                last_error = error
            else:
                self._good(address, looked_up=looked_up)
                return dialled
        raise last_error

    async def _open(self, address: Address, connect_s: float, silence_s: float) -> Dialled:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(connect_s):
                connected = await _connect(address)
        except TimeoutError:
            raise TimeoutError(f"no answer within {connect_s:.1f} s") from None
        waits = _Waits(silence_s, loop.time() - began)
        credentials = self._endpoint.credentials
        if credentials is not None and credentials.context is not None:
            connected = await _secure(connected, credentials.context, self._endpoint.host, waits)
        return Dialled(connected, loop.time() - began, waits.longest_s)

    async def _addresses(self, step_s: float) -> tuple[list[Address], bool]:
        """Return the addresses to try, and whether they are what a name leads to now."""
        with contextlib.suppress(socket.gaierror, UnicodeError):
            # An address in digits needs no look-up and no thread.
            return _look_up(self._endpoint, socket.AI_NUMERICHOST), False
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = _in_thread(self._look_up_name, f"look-up-{self._endpoint.host}")
        # The thread outlives a dial that was given up; the next dial takes its answer.
        await asyncio.wait((self._looking_up,), timeout=step_s * _LOOK_UP_SHARE)
        try:
            if not self._looking_up.done():
                raise TimeoutError(f"{self._endpoint.host}: the name look-up takes too long")
            return self._looking_up.result(), True
        except OSError:
            known = self._last_good or await self._recall(step_s)
            if known is None:
                raise
            return [known], False

    def _look_up_name(self) -> list[Address]:
        try:
            return _look_up(self._endpoint)
        except UnicodeError as error:  # a host name that IDNA refuses
            raise OSError(f"{self._endpoint.host}: no host name: {error}") from None

    async def _recall(self, step_s: float) -> Address | None:
        memory = self._memory
        if memory is None:
            return None
        if self._recalling is None or self._recalling.done():
            self._recalling = _in_thread(
                lambda: recall(memory, self._endpoint.host, self._endpoint.port), "last-address"
            )
        await asyncio.wait((self._recalling,), timeout=step_s * _RECALL_SHARE)
        return self._recalling.result() if self._recalling.done() else None

    def _good(self, address: Address, *, looked_up: bool) -> None:
        self._last_good = address
        memory, busy = self._memory, self._remembering
        if memory is None or not looked_up or (busy is not None and busy.is_alive()):
            return
        kept = (memory, self._endpoint.host, self._endpoint.port, address)
        self._remembering = threading.Thread(target=remember, args=kept, name="last-address", daemon=True)
        self._remembering.start()


@dataclass(slots=True)
class _Waits:
    """The waits for a peer's bytes: each may take `silence_s` seconds; `longest_s` is the longest that there was."""

    silence_s: float
    longest_s: float

    async def until(self, sock: socket.socket, add: str, remove: str) -> None:
        """Wait until a socket can be read or written.

        Raises:
            SilentPeerError: It takes too long.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self.silence_s):
                await _until(sock, add, remove)
        except TimeoutError:
            raise SilentPeerError(f"silent for {self.silence_s:.1f} s within the TLS handshake") from None
        self.longest_s = max(self.longest_s, loop.time() - began)


def _look_up(endpoint: Endpoint, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, sockaddr) for family, _, _, _, sockaddr in found]


def _in_thread(work: Callable[[], _T], name: str) -> asyncio.Future[_T]:
    """Do blocking work on a thread that nobody waits for, so that it never holds up a stop."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_T] = loop.create_future()

    def settle(result: Callable[[], _T]) -> None:
        if answer.done():
            return
        try:
            answer.set_result(result())
        except OSError as error:
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting any more; that is no reason for asyncio to complain

    def run() -> None:
        try:
            found = work()
        except OSError as error:
            failure = error

            def result() -> _T:
                raise failure
        else:

            def result() -> _T:
                return found

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer


async def _connect(address: Address) -> socket.socket:
    family, sockaddr = address
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.setsockopt(*_NODELAY)
        await asyncio.get_running_loop().sock_connect(connecting, sockaddr)
    except BaseException:  # also at a cancellation: nobody else will close it
        connecting.close()
        raise
    return connecting


async def _secure(connected: socket.socket, context: ssl.SSLContext, host: str, waits: _Waits) -> ssl.SSLSocket:
    """Shake hands over a connected, non-blocking socket, which belongs to the returned one from now on."""
    secured = context.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    try:
        async with asyncio.timeout(HANDSHAKE_S) as cap:
            await _shake_hands(secured, waits)
        return secured
    except TimeoutError as error:
        secured.close()
        if cap.expired():
            raise SilentPeerError(f"the TLS handshake takes longer than {HANDSHAKE_S:g} s") from None
        raise error from None
    except BaseException as error:  # also at a cancellation: it is not returned, so nobody else closes it
        secured.close()
        refusal = explain_handshake(error)
        if refusal is not None:
            raise refusal from None
        raise


async def _shake_hands(secured: ssl.SSLSocket, waits: _Waits) -> None:
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await waits.until(secured, "add_reader", "remove_reader")
        except ssl.SSLWantWriteError:
            await waits.until(secured, "add_writer", "remove_writer")
        else:
            await _hear_verdict(secured, waits)
            return


async def _hear_verdict(secured: ssl.SSLSocket, waits: _Waits) -> None:
    """Wait for the broker's word on our certificate, and raise its alert as `ssl.SSLError`.

    With TLS 1.3 our side of the handshake is done before the broker has looked at our certificate (RFC 8446, 2). Its
    session tickets say yes, an alert says no. Were MQTT's CONNECT sent before that, a broker that closes would answer
    it with a reset, and the alert, which says why, would be lost.
    """
    if secured.version() != "TLSv1.3":
        return
    try:
        async with asyncio.timeout(max(_VERDICT_S, waits.longest_s)):
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
