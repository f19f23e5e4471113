"""The agent answers who asks how it is: a Unix socket, one line of JSON in and one out a connection.

Rules:
- The socket is in the data folder. Where that takes none within 2 s, as on a card that is read-only or stands still, it
  is in the first folder on tmpfs that does (`runtime_file.py`), under a name that tells the data folder.
- A line that is empty or nothing at all asks for the status. What else may be asked is the agent's to say.
- The agent waits for nobody: one asker at a time, who has 1 s to ask and read; four more may queue, the rest is refused
  by the kernel. Making the socket is done on a thread that is not waited for, as the card may stand still.
- Mode 0600 from its first moment: the agent's user and root. A socket of anybody else is not asked.
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
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.errors import SiagaError
from edge_agent.aside import aside
from edge_agent.runtime_file import runtime_folders, runtime_name

_log = logging.getLogger("siaga.edge.status")

NAME: Final = "agent.sock"
MAX_BYTES: Final = 1_000_000
ANSWER_TIMEOUT_S: Final = 3.0
_READ_TIMEOUT_S: Final = 1.0
MAX_REQUEST_BYTES: Final = 4_096
_BIND_TIMEOUT_S: Final = 2.0
_QUEUE: Final = 4
_AGAIN_S: Final = 5.0
_PAUSE_S: Final = 0.01


class SilentAgentError(SiagaError):
    """Something holds the socket but gave no answer: it stands still, or is not ours to ask."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a socket may be."""

    folder: Path
    name: str = NAME

    def __str__(self) -> str:
        """Return its path."""
        return str(self.folder / self.name)


def places(data_dir: Path, runtime_dir: Path | None, environ: Mapping[str, str]) -> list[Place]:
    """Return where a box's socket may be, in the order in which to try.

    Args:
        data_dir: The data folder.
        runtime_dir: The folder on tmpfs that the configuration names, or None.
        environ: The environment.
    """
    name = f"{runtime_name(data_dir)}.sock"
    return [Place(data_dir), *(Place(folder, name) for folder in runtime_folders(runtime_dir, environ))]


async def serve(tried: Sequence[Place], answer: Callable[[bytes], bytes], faults: Counter[str]) -> None:
    """Answer until cancelled.

    Args:
        tried: Where the socket may be.
        answer: Makes one answer to what was asked, without a line end.
        faults: Counts sockets that could not be made.
    """
    told: dict[Place, str] = {}
    while True:
        for place in tried:
            try:
                with contextlib.closing(await _bound(place)) as listener:
                    await _answer_all(listener, answer)
            except OSError as error:
                faults["status socket"] += 1
                if str(error) != told.get(place):
                    told[place] = str(error)
                    _log.error("siaga edge status will not reach this agent at %s: %s", place, error or "no answer")
        await asyncio.sleep(_AGAIN_S)


def ask(tried: Sequence[Place], request: bytes = b"", timeout_s: float = ANSWER_TIMEOUT_S) -> bytes | None:
    """Return a running agent's answer, or None when no agent runs.

    Args:
        tried: Where the socket may be.
        request: What to ask, without a line end; nothing: how it is.
        timeout_s: How long to wait for the whole answer in seconds.

    Raises:
        SilentAgentError: There is an agent, but no answer in time, or none that may be read.
    """
    for place in tried:
        answer = _ask(place, request, timeout_s, tried[0].folder)
        if answer is not None:
            return answer
    return None


def _ask(place: Place, request: bytes, timeout_s: float, data_dir: Path) -> bytes | None:
    deadline = time.monotonic() + timeout_s
    parts: list[bytes] = []
    try:
        with _within(place) as path, socket.socket(socket.AF_UNIX) as asking:
            if os.lstat(path).st_uid not in (0, os.geteuid(), os.stat(data_dir).st_uid):
                raise PermissionError
            asking.settimeout(timeout_s)
            asking.connect(path)
            asking.sendall(request + b"\n")
            while part := asking.recv(65_536):
                parts.append(part)
                if sum(map(len, parts)) > MAX_BYTES:
                    raise SilentAgentError(f"{place} answers with more than {MAX_BYTES} bytes")
                asking.settimeout(max(0.001, deadline - time.monotonic()))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except PermissionError:
        raise SilentAgentError(f"{place} belongs to another user; ask as that user or as root (sudo)") from None
    except (TimeoutError, OSError) as error:
        why = "no answer" if isinstance(error, TimeoutError | BlockingIOError) else str(error)
        raise SilentAgentError(
            f"the agent runs but gave no answer within {timeout_s:g} s ({why}); look at its log, or restart it"
        ) from None
    told = b"".join(parts)
    if not told.endswith(b"\n"):
        raise SilentAgentError(f"{place}: the answer was cut short; ask again")
    return told


async def _answer_all(listener: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        asker, _ = await loop.sock_accept(listener)
        with asker, contextlib.suppress(OSError):  # TimeoutError is one: who does not read is not waited for
            asker.setblocking(False)
            async with asyncio.timeout(_READ_TIMEOUT_S):
                asked = b""
                while b"\n" not in asked and len(asked) <= MAX_REQUEST_BYTES:
                    if not (part := await loop.sock_recv(asker, MAX_REQUEST_BYTES)):
                        break
                    asked += part
                await loop.sock_sendall(asker, answer(asked.partition(b"\n")[0]) + b"\n")
        await asyncio.sleep(_PAUSE_S)


async def _bound(place: Place) -> socket.socket:
    async with asyncio.timeout(_BIND_TIMEOUT_S):
        return await aside(lambda: _bind(place), "status-socket", unwanted=lambda listener: listener.close())


def _bind(place: Place) -> socket.socket:
    with _within(place) as path:
        listener = socket.socket(socket.AF_UNIX)
        try:
            # Linux takes the mode of the file from that of the unbound socket: never open to others, not for a moment.
            os.fchmod(listener.fileno(), 0o600)
            _clear(path, place)
            listener.bind(path)
            listener.listen(_QUEUE)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener


def _clear(path: str, shown: Place) -> None:
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
def _within(place: Place) -> Iterator[str]:
    """Give a short path of a socket."""
    opened = os.open(place.folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{place.name}"
    finally:
        os.close(opened)
