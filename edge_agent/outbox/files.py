"""What an outbox does with its files beside SQLite: make them durable, see that they are still there, set them aside.

Rules:
- After a failed fsync Linux calls the pages clean that it could not write, and SQLite goes on from them. What a run
  finds in a write-ahead log is therefore written once more and synced before anything is called durable
  (`write_again`).
- SQLite syncs its folder with the first sync of each journal or log it opens, so the names in it are durable before a
  commit is told. That the folder itself is listed in the one above is seen to here (`sync_entry`).
- The database and its `-shm` are never opened here: closing any descriptor of them drops SQLite's locks (fcntl(2)). The
  log carries no locks.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

SUFFIXES: Final = ("-wal", "-shm", "")
"""The database last: while it stands, an interrupted setting aside is done again."""

MOST_ASIDE: Final = 3
"""Damaged files kept beside one outbox; an older one makes room, so that a dying card is not filled with them."""

_CHUNK_BYTES: Final = 1 << 20

Identity = tuple[int, int] | None


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that SQLite keeps beside `path`."""
    return path.with_name(path.name + suffix)


def identity(path: Path) -> Identity:
    """Return which file a path names, as (device, inode); None when there is none or the card does not tell."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_obstructed(path: Path) -> bool:
    """Return whether something else than a regular file stands where the database or its log and index belong."""
    for suffix in SUFFIXES:
        try:
            mode = beside(path, suffix).lstat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode):
            return True
    return False


def is_complete(path: Path) -> bool:
    """Return whether a database has all its content in the file itself: no log with anything in it."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        return beside(path, "-wal").lstat().st_size == 0
    except FileNotFoundError:
        return path.exists()
    except OSError:
        return False


def size_bytes(path: Path) -> int:
    """Return a file's size, 0 when there is none."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def write_again(path: Path) -> None:
    """Write a file over itself and sync it; one that is not there is left alone.

    Raises:
        OSError: The card did not take it.
    """
    try:
        opened = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        offset = 0
        while chunk := os.pread(opened, _CHUNK_BYTES, offset):
            os.pwrite(opened, chunk, offset)
            offset += len(chunk)
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_entry(folder: Path) -> None:
    """Make it durable that a folder is there.

    Raises:
        OSError: The card did not take it.
    """
    opened = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def set_aside(path: Path) -> Path:
    """Rename a database and what stands beside it to `….corrupt-N`; return the new name.

    Raises:
        OSError: The card did not take it.
    """
    numbers = _numbers_aside(path)
    aside = path.with_name(f"{path.name}.corrupt-{max(numbers, default=0) + 1}")
    for suffix in SUFFIXES:
        part = beside(path, suffix)
        if identity(part) is not None:
            part.rename(beside(aside, suffix))
    for number in numbers[: max(0, len(numbers) + 1 - MOST_ASIDE)]:
        _remove(path.with_name(f"{path.name}.corrupt-{number}"))
    return aside


def _numbers_aside(path: Path) -> list[int]:
    prefix = f"{path.name}.corrupt-"
    names = [entry.name.removeprefix(prefix) for entry in path.parent.iterdir() if entry.name.startswith(prefix)]
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def _remove(aside: Path) -> None:
    for suffix in SUFFIXES:
        part = beside(aside, suffix)
        try:
            part.unlink()
        except OSError:
            continue  # not there, or a folder that stood in the way: not ours to empty
