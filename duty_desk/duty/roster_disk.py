"""The roster on disk: `roster.csv` in the desk's data folder, written whole or not at all, and looked at by the desk.

- An import replaces it in one step, after it was checked; a command that is killed leaves the one before.
- The desk looks every LOOK_S whether it is another file, and takes it over if it can be read. One that cannot leaves
  the roster in memory in force, and is a fault; so is one that vanished.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from duty_desk.duty.roster import Roster
from duty_desk.duty.roster_file import MAX_BYTES, read_roster, write_roster

LOOK_S: Final = 2.0

_log = logging.getLogger("siaga.desk.roster")


def read_file(path: Path) -> bytes:
    """Return a file, at most one byte more than a roster may have.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def save_roster(path: Path, roster: Roster) -> None:
    """Replace the roster in one step; it is on disk when this returns.

    Raises:
        OSError: It cannot be written; the one before is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".roster-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(write_roster(roster))
            file.flush()
            os.fsync(file.fileno())
        made.chmod(0o640)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(made, owner.st_uid, owner.st_gid)
        made.replace(path)
    except BaseException:  # whatever ends it, an interrupt too: a roster has names, and none is left lying about
        made.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class RosterDisk:
    """The roster in force, as the desk has it in memory. `fault` is what cannot be read, without what is in it.

    Args:
        path: roster.csv; there need be none.
        zone: Whose local time it is written in.
    """

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self.path = path
        self.roster: Roster | None = None
        self.fault: str | None = None
        self._zone = zone
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Read the file if it is another one than before; return whether roster or fault changed.

        It blocks on the disk, so the desk asks in a thread.
        """
        before = (self.roster, self.fault)
        try:
            found = self.path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return False
            self._take(read_file(self.path))
            self._seen = seen
        except FileNotFoundError:
            self._seen = None
            self.fault = None if self.roster is None else "gone"
        except OSError as error:
            self._seen = None
            self.fault = error.strerror or "unreadable"
        if before[1] != self.fault and self.fault is not None:
            _log.error("the roster %s cannot be taken over: %s", self.path, self.fault)
        return before != (self.roster, self.fault)

    def _take(self, data: bytes) -> None:
        roster, findings = read_roster(data, self._zone)
        if roster is None:
            first = findings[0]
            _log.error("%s", first.told(str(self.path), "en"))
            self.fault = self.path.name if first.line is None else f"{self.path.name}:{first.line}"
            return
        self.roster, self.fault = roster, None
        _log.info("the roster has %d lines and %d people", len(roster.rows), len(roster.people))
