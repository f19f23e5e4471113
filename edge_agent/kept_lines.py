"""The buttons' lines outlive the agent: what is pressed while none runs waits in the kernel's queue for the next one.

A line that is let go forgets its edges. So each is also given to systemd's store of file descriptors (sd_notify(3),
FDSTORE=1; `FileDescriptorStoreMax=` of the unit), which gives it back at the next start, after an upgrade as after a
kill, and drops it once the service is stopped for good. Where the agent starts itself anew, it leaves them to itself.

Without a systemd, or when the store does not take one, a line is opened anew at each start.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, MutableMapping
from contextlib import suppress
from itertools import repeat
from typing import Final

from link.notify import Notifier
from pins.uri import GpioLine, parse_button_uri

_FIRST: Final = 3
"""The first descriptor that systemd passes (sd_listen_fds(3), SD_LISTEN_FDS_START)."""
_MOST: Final = 256
_OWN: Final = "SIAGA_KEPT_LINES"


def inherited(environ: MutableMapping[str, str]) -> list[tuple[str, int]]:
    """Return the descriptors this process was started with, by name; take them out of `environ`.

    No program that this one starts gets them, nor believes that it did.
    """
    process, count, names, own = (environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", _OWN))
    found: list[tuple[str, int]] = []
    if process == str(os.getpid()) and count.isascii() and count.isdecimal():
        files = range(_FIRST, _FIRST + min(int(count), _MOST))
        told = [*names.split(":"), *repeat("", len(files))]
        found += zip(told, files, strict=False)
    for part in own.split(":")[:_MOST]:
        name, _, file = part.partition("=")
        if name and file.isascii() and file.isdecimal():
            found.append((name, int(file)))
    usable = []
    for name, number in found:
        with suppress(OSError):
            os.set_inheritable(number, False)
            usable.append((name, number))
    return usable


class KeptLines:
    """The lines of this box's buttons, by name; a name says all that a line was requested with.

    Args:
        notifier: Tells systemd.
        found: What this process was started with (`inherited`).
        wanted: The names of the lines that will be watched: what else was found is let go at once, as it would keep
            others from the line.
    """

    def __init__(
        self, notifier: Notifier, found: Collection[tuple[str, int]] = (), wanted: Collection[str] = ()
    ) -> None:
        self._notifier = notifier
        self._found: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        for name, file in found:
            if name in wanted and name not in self._found:
                self._found[name] = file
            else:
                os.close(file)
                if name not in self._found:
                    self._forget(name)

    def take(self, name: str) -> int | None:
        """Return the descriptor of a line that an earlier agent requested, once; the caller closes it."""
        file = self._found.pop(name, None)
        if file is not None:
            self._kept[name] = os.dup(file)
        return file

    def keep(self, name: str, file: int) -> None:
        """Let a line that was requested outlive this process."""
        self.lost(name)
        self._kept[name] = os.dup(file)
        self._notifier.tell("FDSTORE=1", f"FDNAME={name}", files=[file])

    def lost(self, name: str) -> None:
        """Let a line go that cannot be used, so that it can be requested again."""
        for files in (self._kept, self._found):
            if name in files:
                os.close(files.pop(name))
        self._forget(name)

    def hand_over(self, environ: MutableMapping[str, str]) -> None:
        """Leave the lines to the program that takes this process's place by execve(2)."""
        for file in self._kept.values():
            os.set_inheritable(file, True)
        environ[_OWN] = ":".join(f"{name}={file}" for name, file in self._kept.items())

    def close(self) -> None:
        """Let them go in this process; what systemd has stays there."""
        for file in (*self._kept.values(), *self._found.values()):
            os.close(file)
        self._kept.clear()
        self._found.clear()

    def _forget(self, name: str) -> None:
        self._notifier.tell("FDSTOREREMOVE=1", f"FDNAME={name}")


def line_name(line: GpioLine) -> str:
    """Return the name of a line: all that it is requested with. As an `FDNAME` it has no colon."""
    level = "low" if line.active_low else "high"
    return f"button-{line.chip}-{line.offset}-{level}-{line.bias}-{line.debounce_ms}"


def line_names(uris: Iterable[str]) -> set[str]:
    """Return the names of the lines that the URIs of buttons name; those of boards are none."""
    names = set()
    for uri in uris:
        with suppress(ValueError):
            line = parse_button_uri(uri)
            if isinstance(line, GpioLine):
                names.add(line_name(line))
    return names
