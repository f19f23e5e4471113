"""The agent answers who asks how it is: a Unix socket in the data folder, one JSON line a connection.

Rules:
- The agent waits for nobody: one asker at a time, who has 1 s to read; four more may queue, the rest is refused by the
  kernel. Making the socket is done on a thread that is not waited for, as the card may stand still.
- Mode 0600 from its first moment: the agent's user and root.
- The socket is left behind at the end; a connection to it is refused then, which says that no agent runs.
- The folder's path may be longer than the 107 bytes a socket's name has: the folder is opened first.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from contract.errors import SiagaError

_log = logging.getLogger("siaga.edge.status")

NAME: Final = "agent.sock"
MAX_BYTES: Final = 1_000_000
ANSWER_TIMEOUT_S: Final = 3.0
_READ_TIMEOUT_S: Final = 1.0
_QUEUE: Final = 4
_AGAIN_S: Final = 5.0
_PAUSE_S: Final = 0.01


class SilentAgentError(SiagaError):
    """Something holds the socket but gave no answer: it stands still, or is not ours to ask."""


async def serve(folder: Path, answer: Callable[[], bytes], faults: Counter[str]) -> None:
    """Answer until cancelled.

    Args:
        folder: The data folder.
        answer: Makes one answer, without a line end.
        faults: Counts sockets that could not be made.
    """
    told = ""
    while True:
        try:
            with contextlib.closing(await _bound(folder)) as listener:
                await _answer_all(listener, answer)
        except OSError as error:
            faults["status socket"] += 1
            if str(error) != told:
                told = str(error)
                _log.error("siaga edge status will not reach this agent: %s", error)
        await asyncio.sleep(_AGAIN_S)


def ask(folder: Path, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes | None:
    """Return a running agent's answer, or None when no agent runs.

    Args:
        folder: The data folder.
        timeout_s: How long to wait for the whole answer in seconds.

    Raises:
        SilentAgentError: There is an agent, but no answer in time, or none that may be read.
    """
    deadline = time.monotonic() + timeout_s
    parts: list[bytes] = []
    try:
        with _within(folder) as path, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(timeout_s)
            asking.connect(path)
            while part := asking.recv(65_536):
                parts.append(part)
                if sum(map(len, parts)) > MAX_BYTES:
                    raise SilentAgentError(f"{folder / NAME} answers with more than {MAX_BYTES} bytes")
                asking.settimeout(max(0.001, deadline - time.monotonic()))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except PermissionError:
        raise SilentAgentError(f"{folder / NAME} belongs to another user; ask as that user or as root (sudo)") from None
    except (TimeoutError, OSError) as error:
        why = "no answer" if isinstance(error, TimeoutError | BlockingIOError) else str(error)
        raise SilentAgentError(
            f"the agent runs but gave no answer within {timeout_s:g} s ({why}); look at its log, or restart it"
        ) from None
    told = b"".join(parts)
    if not told.endswith(b"\n"):
        raise SilentAgentError(f"{folder / NAME}: the answer was cut short; ask again")
    return told


async def _answer_all(listener: socket.socket, answer: Callable[[], bytes]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        asker, _ = await loop.sock_accept(listener)
        with asker, contextlib.suppress(OSError):  # TimeoutError is one: who does not read is not waited for
            asker.setblocking(False)
            async with asyncio.timeout(_READ_TIMEOUT_S):
                await loop.sock_sendall(asker, answer() + b"\n")
        await asyncio.sleep(_PAUSE_S)


async def _bound(folder: Path) -> socket.socket:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[socket.socket] = loop.create_future()

    def settle(listener: socket.socket | None, error: OSError | None) -> None:
        if future.done():
            if listener is not None:
                listener.close()
        elif error is not None:
            future.set_exception(error)
        elif listener is not None:
            future.set_result(listener)

    def work() -> None:
        listener, failure = None, None
        try:
            listener = _bind(folder)
        except OSError as error:
            failure = error
        try:
            loop.call_soon_threadsafe(settle, listener, failure)
        except RuntimeError:  # the loop is closed: the agent stopped meanwhile
            if listener is not None:
                listener.close()

    threading.Thread(target=work, name="status-socket", daemon=True).start()
    return await future


def _bind(folder: Path) -> socket.socket:
    with _within(folder) as path:
        listener = socket.socket(socket.AF_UNIX)
        try:
            # Linux takes the mode of the file from that of the unbound socket: never open to others, not for a moment.
            os.fchmod(listener.fileno(), 0o600)
            _clear(path, folder / NAME)
            listener.bind(path)
            listener.listen(_QUEUE)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener


def _clear(path: str, shown: Path) -> None:
    """Remove the socket of an agent that is no more."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "something else than a socket is in the way", str(shown))
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        with contextlib.suppress(ConnectionRefusedError):
            with contextlib.suppress(BlockingIOError):
                probe.connect(path)
            raise OSError(errno.EADDRINUSE, "another agent runs on this folder", str(shown))
    os.unlink(path)


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[str]:
    """Give a short path of the socket in a folder."""
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{NAME}"
    finally:
        os.close(opened)
