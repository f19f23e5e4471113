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
import threading
from dataclasses import dataclass
from typing import Any, Final

_Address = tuple[socket.AddressFamily, Any]

_NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_LOOK_UP_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens: a host name or an IP address, and a TCP port."""

    host: str
    port: int

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
        """Return a connected, non-blocking socket without Nagle's delay.

        Raises:
            OSError: No address could be reached in time (TimeoutError is one too), or the name could not be looked up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        addresses = await self._addresses()
        last_error: OSError = OSError(f"{self._endpoint}: no address")
        for position, address in enumerate(addresses):
            share_s = max(0.0, deadline - loop.time()) / (len(addresses) - position)
            try:
                connected = await _connect(address, share_s)
            except TimeoutError:
                last_error = TimeoutError(f"no answer within {share_s:.1f} s")
            except OSError as error:
                last_error = error
            else:
                self._last_good = address
                return connected
        raise last_error

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


async def _connect(address: _Address, timeout_s: float) -> socket.socket:
    family, sockaddr = address
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.setsockopt(*_NODELAY)
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(connecting, sockaddr)
    except BaseException:
        connecting.close()
        raise
    return connecting
