"""A few hundred bytes that outlive a killed agent and cost no card write: a file on tmpfs, mapped into memory.

Rules:
- What was written before a SIGKILL is there after it, whichever moment that was: two slots are written in turn, each
  with a checksum and a number that rises, so that a torn write leaves the state before it.
- After a power cut or a reboot the file is gone. It is not synced, and no proof against either.
- The folder is `runtime_dir` of `box.toml`, else `$RUNTIME_DIRECTORY` (systemd sets it, and keeps the folder between
  two starts only with `RuntimeDirectoryPreserve=yes`), else the first of `/run/siaga`, `$XDG_RUNTIME_DIR` and
  `/dev/shm` that is on tmpfs. The name tells the data folder, so that two boxes on one machine never share a file.
- Mode 0600; a link, another user's file, or one that another agent holds is refused.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from zlib import crc32

_SLOT: Final = 4_096
_HEAD: Final = struct.Struct(">4sIQH")
"""Magic, checksum of what follows, the number, the length of the payload."""
_MAGIC: Final = b"SGR1"
MAX_BYTES: Final = _SLOT - _HEAD.size
_MOUNTS: Final = Path("/proc/self/mounts")


class RuntimeFile:
    """The file, open and locked.

    Raises:
        OSError: It cannot be used, and why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
                raise PermissionError(errno.EPERM, "it is not this user's own file", str(path))
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(opened, 0o600)
            if found.st_size != 2 * _SLOT:
                os.ftruncate(opened, 2 * _SLOT)
                # A hole in a full tmpfs kills with SIGBUS at the first write into it.
                os.posix_fallocate(opened, 0, 2 * _SLOT)
            self._map = mmap.mmap(opened, 2 * _SLOT)
        except OSError:
            os.close(opened)
            raise
        self._opened = opened

    def read(self) -> bytes | None:
        """Return what was written last, or None."""
        best: bytes | None = None
        for slot in range(2):
            magic, checksum, number, length = _HEAD.unpack_from(self._map, slot * _SLOT)
            begin = slot * _SLOT + _HEAD.size
            payload = self._map[begin : begin + min(length, MAX_BYTES)]
            if magic == _MAGIC and checksum == _checksum(number, payload) and number >= self._number:
                self._number, best = number, payload
        return best

    def write(self, payload: bytes) -> None:
        """Put this in the place of what was there.

        Args:
            payload: At most `MAX_BYTES`.
        """
        assert len(payload) <= MAX_BYTES
        self._number += 1
        begin = self._number % 2 * _SLOT
        whole = _HEAD.pack(_MAGIC, _checksum(self._number, payload), self._number, len(payload)) + payload
        self._map[begin : begin + len(whole)] = whole

    def close(self, *, remove: bool = False) -> None:
        """Let it go; with `remove`, nothing is left of it."""
        if remove:
            self.path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._opened)


def open_runtime_file(data_dir: Path, runtime_dir: Path | None, environ: Mapping[str, str]) -> RuntimeFile:
    """Open the file of a data folder in the first folder that has a place for it.

    Args:
        data_dir: The data folder.
        runtime_dir: The folder that the configuration names, or None.
        environ: The environment.

    Raises:
        OSError: None has.
    """
    name = runtime_name(data_dir)
    refused: OSError = FileNotFoundError(errno.ENOENT, "no folder on tmpfs for it")
    for folder in runtime_folders(runtime_dir, environ):
        try:
            return RuntimeFile(folder / name)
        except OSError as error:
            refused = error
    raise refused


def runtime_name(data_dir: Path) -> str:
    """Return the name under which a box has something on tmpfs: it tells the data folder."""
    return f"siaga-{hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]}"


def runtime_folders(runtime_dir: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders on tmpfs that a box may use, the likeliest first."""
    if runtime_dir is not None:
        yield runtime_dir
        return
    if given := environ.get("RUNTIME_DIRECTORY"):
        yield Path(given.partition(":")[0])
        return
    likely = ["/run/siaga", environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"]
    for folder in (Path(text) for text in likely if text):
        if folder.is_dir() and _on_tmpfs(folder):
            yield folder


def _on_tmpfs(folder: Path) -> bool:
    """Return whether a folder costs no card: the innermost mount above it is a tmpfs."""
    kinds: dict[Path, str] = {}
    for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, at, kind, *_ = line.split(" ")
        kinds[Path(at)] = kind
    whole = folder.resolve()
    return next((kinds[above] for above in (whole, *whole.parents) if above in kinds), "") == "tmpfs"


def _checksum(number: int, payload: bytes) -> int:
    return crc32(payload, number & 0xFFFFFFFF)
