"""What systemd is told: sd_notify(3), datagrams to the socket that `$NOTIFY_SOCKET` names.

Without that variable nothing is sent. Nothing here waits or raises: a systemd that does not listen stops no agent.
"""

from __future__ import annotations

import contextlib
import os
import socket
from array import array
from collections.abc import Mapping, Sequence


class Notifier:
    """Tells systemd.

    Args:
        environ: The environment the process was started with.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the NUL of an abstract socket; any other name that is no path is not for us (vsock:).
        self._address = "\0" + name[1:] if name.startswith("@") else name if name.startswith("/") else None
        self._socket: socket.socket | None = None
        self.watchdog_s = _watchdog_s(environ)
        """How long systemd waits for a `WATCHDOG=1` before it kills, in seconds; None: it does not."""

    def tell(self, *assignments: str, files: Sequence[int] = ()) -> bool:
        """Send assignments such as `READY=1`, with `files` as descriptors; return whether systemd took them."""
        if self._address is None:
            return False
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            # Not by `send_fds`, which forgets the address.
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", files))] if files else []
            self._socket.sendmsg(["\n".join(assignments).encode()], rights, 0, self._address)
            return True
        return False

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    told, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (told.isascii() and told.isdecimal() and int(told)) or process not in ("", str(os.getpid())):
        return None
    return int(told) / 1e6
