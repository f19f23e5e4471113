"""A Unix socket in the data folder by which commands on the desk's machine ask the running desk: one line of JSON in,
one out.

Mode 0600: the desk's user and root. One asker at a time, who has 1 s to ask; the answer may take as long as a box.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

NAME: Final = "desk.sock"
MAX_BYTES: Final = 65_536
_ASK_S: Final = 1.0
_QUEUE: Final = 4

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def serve(folder: Path, answer: Answer, name: str = NAME) -> None:
    """Answer until cancelled.

    Args:
        folder: The data folder.
        answer: Makes one answer.
        name: The socket's name in it.

    Raises:
        OSError: The socket cannot be made.
    """
    loop = asyncio.get_running_loop()
    with contextlib.closing(_bind(folder, name)) as listener:
        while True:
            asker, _ = await loop.sock_accept(listener)
            with asker, contextlib.suppress(OSError):  # TimeoutError is one: who does not ask is not waited for
                asker.setblocking(False)
                asked = b""
                async with asyncio.timeout(_ASK_S):
                    while b"\n" not in asked and len(asked) < MAX_BYTES:
                        if not (part := await loop.sock_recv(asker, MAX_BYTES)):
                            break
                        asked += part
                told = json.dumps(await _answer(asked, answer), ensure_ascii=False).encode()
                async with asyncio.timeout(_ASK_S):
                    await loop.sock_sendall(asker, told + b"\n")


def ask(folder: Path, request: dict[str, Any], timeout_s: float, name: str = NAME) -> dict[str, Any] | None:
    """Return a running desk's answer, or None when no desk runs.

    Args:
        folder: The data folder.
        request: What to ask.
        timeout_s: How long to wait for the whole answer, in seconds.
        name: The socket's name in it.

    Raises:
        OSError: There is a desk, but no answer in time, or it is another user's.
        ValueError: The answer is none.
    """
    parts = b""
    try:
        with _within(folder, name) as path, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(timeout_s)
            asking.connect(path)
            asking.sendall(json.dumps(request).encode() + b"\n")
            while part := asking.recv(MAX_BYTES):
                parts += part
                if len(parts) > MAX_BYTES:
                    raise ValueError(f"an answer of more than {MAX_BYTES} bytes")
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    answer = json.loads(parts)
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")
    return answer


async def _answer(asked: bytes, answer: Answer) -> dict[str, Any]:
    try:
        request = json.loads(asked)
    except (ValueError, RecursionError):
        return {"error": "not understood"}
    return await answer(request) if isinstance(request, dict) else {"error": "not understood"}


def _bind(folder: Path, name: str) -> socket.socket:
    folder.mkdir(parents=True, exist_ok=True)
    with _within(folder, name) as path:
        listener = socket.socket(socket.AF_UNIX)
        try:
            # Linux takes the mode of the file from that of the unbound socket: never open to others, not for a moment.
            os.fchmod(listener.fileno(), 0o600)
            if _answers(path):
                raise OSError(errno.EADDRINUSE, "another one runs on this folder", str(folder / name))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener.bind(path)
            listener.listen(_QUEUE)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _within(folder: Path, name: str) -> Iterator[str]:
    """Give a short path of the socket: its own may be longer than the 107 bytes that a socket's name has."""
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{name}"
    finally:
        os.close(opened)
