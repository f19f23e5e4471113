"""The file `life` in the data folder: what a life of the agent leaves for the next (`clock_floor.py`).

Rules:
- Two slots, a block of 4 kB each, written in turn and synced: a power cut amid a write costs that write, never the
  record before it. Nothing is made, renamed or grown after the first write, so a write costs one block of data.
- A slot is one line of JSON with its checksum and a number that rises; the valid one with the highest number counts.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from edge_agent.clock_floor import LifeRecord

NAME: Final = "life"
_BLOCK: Final = 4_096
_SLOTS: Final = 2
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class LifeFile:
    """The record in a data folder. Its methods block, and may be called on any thread.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._number = 0
        self._lock = threading.Lock()
        self.damaged = False
        """Whether `read` found a file, and no record in it."""

    def read(self) -> LifeRecord | None:
        """Return what the last life left, or None when there is nothing that can be read.

        Raises:
            OSError: The card cannot be read now.
        """
        with self._lock:
            try:
                opened = os.open(self._path, os.O_RDONLY | _FLAGS)
            except FileNotFoundError:
                return None
            try:
                found = [_parse(os.pread(opened, _BLOCK, slot * _BLOCK)) for slot in range(_SLOTS)]
            finally:
                os.close(opened)
            best = max((entry for entry in found if entry is not None), key=lambda entry: entry[0], default=None)
            self.damaged = best is None
            if best is None:
                return None
            self._number = best[0]
            return best[1]

    def write(self, record: LifeRecord) -> None:
        """Put a record on the card.

        Raises:
            OSError: It may not be there.
        """
        with self._lock:
            try:
                opened = os.open(self._path, os.O_WRONLY | _FLAGS)
            except FileNotFoundError:
                opened = self._make()
            try:
                number = self._number + 1
                os.pwrite(opened, _line(number, record), number % _SLOTS * _BLOCK)
                os.fdatasync(opened)
                self._number = number
            finally:
                os.close(opened)

    def _make(self) -> int:
        opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | _FLAGS, 0o600)
        try:
            os.pwrite(opened, b"\n" * (_SLOTS * _BLOCK), 0)
            os.fsync(opened)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            os.close(opened)
            with suppress(OSError):
                self._path.unlink()
            raise
        return opened


def _line(number: int, record: LifeRecord) -> bytes:
    told = json.dumps({"number": number, **asdict(record)}).encode()
    return b"%08x %b\n" % (crc32(told), told)


def _parse(slot: bytes) -> tuple[int, LifeRecord] | None:
    checksum, _, told = slot.partition(b"\n")[0].partition(b" ")
    if not told or checksum != b"%08x" % crc32(told):
        return None
    # The checksum holds: this was written here, if perhaps by another version.
    try:
        value: dict[str, Any] = json.loads(told)
        record = LifeRecord(
            trusted_until_ns=int(value["trusted_until_ns"]),
            untrusted_until_ns=int(value["untrusted_until_ns"]),
            stream=str(value["stream"]),
            boot=str(value["boot"]),
            clean=value["clean"] is True,
        )
        return int(value["number"]), record
    except (ValueError, KeyError, TypeError):
        return None
