"""A serial line without a cable: a pseudo-terminal whose far end the agent opens as it opens any tty.

As with a UART, what is sent while nobody has the line open is lost, what a slow reader leaves overflows, and what came
in before a reader was through with its opening it may throw away (tcflush). The pty's packet mode tells of that
(ioctl_tty(2), TIOCPKT), so that what a reader truly got can be counted. What a reader got that has left since is not
thrown away by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import struct
import termios
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.closings import closings


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
        self._watch = -1
        self._was_open = False
        self._sends_since_open = 0
        self._flushed_sends = 0

    def __enter__(self) -> Self:
        """Make the pty, in raw mode, and its link; an old link is replaced.

        Raises:
            OSError: No pty is free, it cannot be watched, or the link cannot be made.
        """
        self._fd, far_end = pty.openpty()
        self._tty = os.ttyname(far_end)
        tty.setraw(far_end)
        os.close(far_end)
        self._watch = closings().watch(Path(self._tty))
        os.set_blocking(self._fd, False)
        fcntl.ioctl(self._fd, termios.TIOCPKT, struct.pack("i", 1))
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._tty)
        fresh.replace(self.link)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up: a reader gets end of file. The link goes too."""
        closings().forget(self._watch)
        os.close(self._fd)
        self.link.unlink(missing_ok=True)

    def send(self, data: bytes) -> bool:
        """Send bytes without waiting; return whether a reader's buffer took all of them."""
        if not self._is_open():
            self._forget_unread()
            self.lost_bytes += len(data)
            self._sends_since_open = 0
            return False
        self._was_open = True
        self._hear()
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
        self._sends_since_open += taken == len(data)
        return taken == len(data)

    def flushed_sends(self) -> int:
        """Return how many sends that were taken a reader has thrown away at its opening since the last call."""
        self._hear()
        flushed, self._flushed_sends = self._flushed_sends, 0
        return flushed

    def _hear(self) -> None:
        """Read what the far end says: flushes are counted, bytes go nowhere."""
        if closings().since_last(self._watch):
            self._sends_since_open = 0
        while True:
            try:
                packet = os.read(self._fd, 4_096)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return  # nobody has it open
            if packet[0] & termios.TIOCPKT_FLUSHREAD:
                self._flushed_sends += self._sends_since_open
                self._sends_since_open = 0

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
