"""A card of its own for an agent under measurement, whose every written sector the kernel counts.

An ext4 in an image behind a loop device, as it lies on an SD card: `/sys/block/loopN/stat` counts the file system's
journal and metadata too. Without the right to mount, what counts is `write_bytes` of /proc/PID/io: the pages that the
process made dirty, without the journal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from siaga.stack.process import find_program

_SECTOR: Final = 512
_SECTORS_WRITTEN: Final = 6


@dataclass(frozen=True, slots=True)
class Card:
    """Where the agent has its data; `stat` is None when no device could be mounted there.

    `before`: what the device had counted when it was mounted, in bytes; a loop device counts on over its uses.
    """

    folder: Path
    stat: Path | None
    before: int = 0

    @property
    def level(self) -> str:
        """What `written` counts, in words."""
        return "sectors of an ext4 on a loop device" if self.stat is not None else "pages made dirty, without journal"

    def written(self, pid: int, *, settle: bool = False) -> int:
        """Return the bytes written since the mounting, or since the start of the process.

        Args:
            pid: The agent.
            settle: Write out first what is only in the page cache.
        """
        if self.stat is None:
            return int(proc_line(Path(f"/proc/{pid}/io"), "write_bytes"))
        if settle:
            subprocess.run(["sync", "-f", str(self.folder)], check=True)
        return _counted(self.stat) - self.before


@contextmanager
def mounted(folder: Path, image: Path, size_mb: int) -> Iterator[Card]:
    """Yield a new card mounted at a folder; it is gone at the end. The agent must have been stopped by then.

    Args:
        folder: Where; made when missing.
        image: The file that is the device; it is sparse.
        size_mb: Its size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = _attach(image, size_mb)
    if device is None:
        yield Card(folder, None)
        return
    try:
        # noatime as on Raspberry Pi OS; the rest is ext4's own.
        subprocess.run(["mount", "-t", "ext4", "-o", "noatime", device, str(folder)], check=True)
        try:
            stat = Path("/sys/block", Path(device).name, "stat")
            yield Card(folder, stat, _counted(stat))
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        image.unlink()


def proc_line(path: Path, name: str) -> str:
    """Return the first word behind `name:` in a file of /proc."""
    return next(line.split()[1] for line in path.read_text().splitlines() if line.startswith(name + ":"))


def _counted(stat: Path) -> int:
    return int(stat.read_text().split()[_SECTORS_WRITTEN]) * _SECTOR


def _attach(image: Path, size_mb: int) -> str | None:
    """Return a loop device with a new ext4, or None where that is not permitted or not installed."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        return None
    with image.open("wb") as file:
        file.truncate(size_mb * 1_000_000)
    # Nothing is left for the kernel to initialise behind the measurement's back.
    options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    subprocess.run([find_program("mkfs.ext4"), *options, str(image)], check=True)
    made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
    return made.stdout.strip() if made.returncode == 0 else None
