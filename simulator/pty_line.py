"""A serial line without a cable: a pseudo-terminal whose far end the agent opens as it opens any tty.

As with a UART, what is sent while nobody has the line open is lost, and what a slow reader leaves overflows.
"""

from __future__ import annotations

import errno
import os
import pty
import select
import termios
import tty
from pathlib import Path
from types import TracebackType
from typing import Self


class PtyLine:
    """One line; `with` opens and closes it.

    Args:
        link: Where the agent finds the line: a symbolic link to the tty, the same over restarts.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self.lost_bytes = 0
        self._fd = -1
        self._tty = ""
        self._was_open = False

    def __enter__(self) -> Self:
        """Make the pty, in raw mode, and its link; an old link is replaced.

        Raises:
            OSError: No pty is free, or the link cannot be made.
        """
        self._fd, far_end = pty.openpty()
        self._tty = os.ttyname(far_end)
        tty.setraw(far_end)
        os.close(far_end)
        os.set_blocking(self._fd, False)
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._tty)
        fresh.replace(self.link)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up: a reader gets end of file. The link goes too."""
        os.close(self._fd)
        self.link.unlink(missing_ok=True)

    def send(self, data: bytes) -> bool:
        """Send bytes without waiting; return whether a reader's buffer took all of them."""
        if not self._is_open():
            self._forget_unread()
            self.lost_bytes += len(data)
            return False
        self._was_open = True
        try:
            taken = os.write(self._fd, data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            # EIO: the reader left between the look and the write.
            if error.errno != errno.EIO:
                raise
            taken = 0
        self.lost_bytes += len(data) - taken
        return taken == len(data)

    def _is_open(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def _forget_unread(self) -> None:
        """Drop what the last reader left unread, as a UART's driver does at the last close (termios(3), tcflush)."""
        if self._was_open:
            self._was_open = False
            far_end = os.open(self._tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            termios.tcflush(far_end, termios.TCIFLUSH)
            os.close(far_end)
