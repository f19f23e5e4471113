"""A card that may lose its power.

Rules of the card that is modelled:
- A write is durable once the file was synced after it. Before that each 512-byte sector of it is kept or lost by
  itself, whatever the order they were written in.
- A name in the folder (made, renamed, removed) is durable once the folder was synced after it. Before that the changes
  are lost from some moment on, in their order, as in the journal of ext4; so a synced file may have no name.
- The folder itself is there once the one above was synced.
- After a sync that failed, what it should have written counts as clean: only writing it again brings it to the card.
- A sector that was not written is not harmed. `-shm` is lost or garbage.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SECTOR_BYTES: Final = 512


@dataclass(slots=True)
class File:
    """A file: what is on the card for sure, and the writes since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, data), or (size, None) for a truncation."""

    def sync(self) -> None:
        """A sync succeeded."""
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending = []

    def forget(self) -> None:
        """A sync failed: the pages count as clean and are not on the card."""
        self.pending = []

    def cut(self, draw: random.Random | None) -> bytes:
        """Return what is left of it: what was synced, and with `draw` some of the rest."""
        left = bytearray(self.durable)
        if draw is None:
            return bytes(left)
        kept = draw.choice((0.1, 0.5, 0.9, 1.0))
        for offset, data in self.pending:
            if data is None:
                if draw.random() < kept:
                    _apply(left, offset, None)
                continue
            for start, piece in _sectors(offset, data):
                if draw.random() < kept:
                    _apply(left, start, piece)
        return bytes(left)


class Disk:
    """A folder on a card that may lose its power."""

    def __init__(self) -> None:
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._pending: list[tuple[str, str, File | None]] = []
        self.listed = False
        """Whether the folder is known to the one above for good."""

    def load(self, folder: Path) -> None:
        """Take a folder as it is as durable."""
        for path in folder.iterdir():
            if not path.name.endswith("-shm"):
                self._names[path.name] = File(bytearray(path.read_bytes()))
        self._durable_names = dict(self._names)
        self.listed = True

    def open(self, name: str, *, truncate: bool) -> File:
        """Open a file, making it when it is not there."""
        if name not in self._names:
            self._change("make", name, File())
        file = self._names[name]
        if truncate:
            file.pending.append((0, None))
        return file

    def remove(self, name: str) -> None:
        """Remove a name."""
        self._change("remove", name, None)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name."""
        self._change(old, new, self._names[old])

    def sync_folder(self) -> None:
        """Make the names durable."""
        self._durable_names = dict(self._names)
        self._pending = []

    def cut(self, draw: random.Random | None) -> dict[str, bytes]:
        """Return the folder after a power cut: only what was synced, or with `draw` some of the rest as well."""
        if draw is None and not self.listed:
            return {}
        names = dict(self._durable_names)
        if draw is not None:
            for change in self._pending[: draw.randint(0, len(self._pending))]:
                _rename(names, *change)
        left = {name: file.cut(draw) for name, file in names.items()}
        if draw is not None and draw.random() < 0.5:
            left["alarms.db-shm"] = left["telemetry.db-shm"] = draw.randbytes(32_768)
        return left

    def _change(self, old: str, new: str, file: File | None) -> None:
        self._pending.append((old, new, file))
        _rename(self._names, old, new, file)


def _rename(names: dict[str, File], old: str, new: str, file: File | None) -> None:
    if file is None:
        names.pop(new, None)
    else:
        names.pop(old, None)
        names[new] = file


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        length = SECTOR_BYTES - (offset + start) % SECTOR_BYTES
        yield offset + start, data[start : start + length]
        start += length
