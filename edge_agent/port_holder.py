"""Who holds a serial port, found without opening it: opening alone may reset the device at its end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LOCK: Final = re.compile(r"^\d+: FLOCK .* (-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ", flags=re.M)
"""A line of /proc/locks (proc(5)): pid, device and inode. Everybody may read it, also of others' processes."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a port; `pid` 0 is one that this one cannot see. `name` is that of its program."""

    pid: int
    name: str


def find_holder(port: str) -> Holder | None:
    """Return a process that has a port locked or, as far as this user may see that, open; None when there is none."""
    try:
        found = os.stat(port)
    except OSError:
        return None
    for pid in (*_locking(found), *_having_open(os.path.realpath(port))):
        return Holder(pid, _name(pid))
    return None


def _locking(found: os.stat_result) -> Iterator[int]:
    wanted = (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    with suppress(OSError):
        for pid, major, minor, inode in _LOCK.findall(Path("/proc/locks").read_text()):
            if (int(major, 16), int(minor, 16), int(inode)) == wanted:
                yield max(int(pid), 0)


def _having_open(path: str) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is another user's
            if any(_leads_to(folder / "fd" / number, path) for number in os.listdir(folder / "fd")):
                yield int(folder.name)


def _leads_to(descriptor: Path, path: str) -> bool:
    try:
        return os.readlink(descriptor) == path
    except OSError:  # closed since
        return False


def _name(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    # A script's own name says more than that of its interpreter.
    words = [os.path.basename(word.decode(errors="replace")) for word in command[:2] if word]
    scripted = len(words) > 1 and words[0].startswith("python") and not command[1].startswith(b"-")
    return words[1] if scripted else (words[0] if words else "")
