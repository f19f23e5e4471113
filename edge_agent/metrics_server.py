"""`GET /metrics` on loopback: one answer a connection, and nobody holds up the agent.

Rules:
- 127.0.0.1 only: who scrapes from elsewhere does so by an agent of its own on the box, or by a tunnel.
- One connection at a time, which has 1 s; four more may queue. A request is 4,096 bytes at most.
- A port that is taken is a fault, tried again each 5 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from edge_agent.metrics import CONTENT_TYPE

_log = logging.getLogger("siaga.edge.metrics")

HOST: Final = "127.0.0.1"
MAX_REQUEST_BYTES: Final = 4_096
TIMEOUT_S: Final = 1.0
_QUEUE: Final = 4
_AGAIN_S: Final = 5.0


async def serve_metrics(port: int, render: Callable[[], str], faults: Counter[str]) -> None:
    """Answer until cancelled.

    Args:
        port: The port on 127.0.0.1.
        render: Makes the answer.
        faults: Counts times the port was taken.
    """
    told = False
    while True:
        try:
            with socket.create_server((HOST, port), backlog=_QUEUE) as listener:
                listener.setblocking(False)
                await _answer_all(listener, render)
        except OSError as error:
            faults["metrics port"] += 1
            if not told:
                told = True
                _log.error("no metrics: %s:%d: %s", HOST, port, error.strerror or error)
            await asyncio.sleep(_AGAIN_S)


async def _answer_all(listener: socket.socket, render: Callable[[], str]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        asker, _ = await loop.sock_accept(listener)
        with asker, contextlib.suppress(OSError):  # TimeoutError is one: who dawdles is not waited for
            asker.setblocking(False)
            async with asyncio.timeout(TIMEOUT_S):
                head = b""
                while b"\r\n\r\n" not in head and len(head) < MAX_REQUEST_BYTES:
                    if not (part := await loop.sock_recv(asker, MAX_REQUEST_BYTES)):
                        break
                    head += part
                await loop.sock_sendall(asker, _response(head, render))


def _response(head: bytes, render: Callable[[], str]) -> bytes:
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or words[0] != b"GET":
        return _whole("405 Method Not Allowed", "text/plain", "GET /metrics\n")
    if words[1].partition(b"?")[0] != b"/metrics":
        return _whole("404 Not Found", "text/plain", "GET /metrics\n")
    return _whole("200 OK", CONTENT_TYPE, render())


def _whole(status: str, content_type: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
