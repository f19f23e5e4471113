"""The owner's files in the shared database, and the other desk's copy of them. It blocks: for threads.

Rules:
- The owner writes a file there within some seconds of its change, as one moment of it; only who owns may. What the
  database has otherwise, as of a backup or another server, it writes anew.
- Who stands by keeps its own copy the same. Where the copy it replaces is another than it knew, as of a desk that had
  just begun, the old one stays beside it as `….before-pair`.
- A file is at most MAX_BYTES; a larger one is not mirrored, and that is a fault.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from duty_desk.pair.memory import Memory, replace_file

if TYPE_CHECKING:
    import psycopg

MAX_BYTES: Final = 8_000_000
_SQLITE: Final = (".db",)

_log = logging.getLogger("siaga.desk.pair")

Look = tuple[tuple[int, int, int] | None, ...]


class Mirror:
    """The files of one desk.

    Args:
        files: Where they are.
        memory: What is remembered of them.
    """

    def __init__(self, files: tuple[Path, ...], memory: Memory) -> None:
        self.fault: str | None = None
        """What is not mirrored, or cannot be taken, and why."""
        self._files = {path.name: path for path in files}
        self._memory = memory
        self._seen: dict[str, Look] = {}

    def push(self, connection: psycopg.Connection[Any], holder: str, epoch: int) -> None:
        """Write what changed into the database, as the owner.

        Raises:
            psycopg.Error: It cannot be written.
        """
        faults = []
        there = _there(connection)
        for name, path in self._files.items():
            look, known = _look(path), self._memory.files.get(name)
            if look[0] is None or (look == self._seen.get(name) and there.get(name) == known):
                continue
            try:
                content = snapshot(path)
            except (OSError, sqlite3.Error, ValueError) as error:
                faults.append(f"{name}: {error}")
                continue
            sha256 = hashlib.sha256(content).hexdigest()
            version = there[name][0] if name in there and there[name][1] == sha256 else None
            if version is None:
                version = _put(connection, name, sha256, content, holder, epoch)
                if version is None:
                    return  # another desk's by now
            if known != (version, sha256):
                self._remember(name, version, sha256)
            self._seen[name] = look
        self.fault = "; ".join(faults) or None

    def pull(self, connection: psycopg.Connection[Any]) -> list[str]:
        """Take over what the database has otherwise; return the names.

        Raises:
            psycopg.Error: It cannot be read.
            OSError: The copy cannot be written.
        """
        taken, damaged = [], []
        for name, (version, sha256) in _there(connection).items():
            known, path = self._memory.files.get(name), self._files.get(name)
            if path is None or (known == (version, sha256) and path.exists()):
                continue
            found = connection.execute(
                b"SELECT content FROM desk_file WHERE name = %s AND version = %s", (name, version)
            ).fetchone()
            if found is None:
                continue  # a newer one since; with the next look
            content = bytes(found[0])
            if len(content) > MAX_BYTES or hashlib.sha256(content).hexdigest() != sha256:
                damaged.append(f"{name}: the copy in the database is damaged")
                continue
            _set_aside(path, None if known is None else known[1])
            for each in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                each.unlink(missing_ok=True)  # of the file that goes; they would spoil the new one
            replace_file(path, content)
            self._remember(name, version, sha256)
            taken.append(name)
        self.fault = "; ".join(damaged) or None
        return taken

    def _remember(self, name: str, version: int, sha256: str) -> None:
        self._memory.files[name] = (version, sha256)
        try:
            self._memory.save()
        except OSError as error:
            _log.error("%s cannot be written: %s", self._memory.path, error)


def snapshot(path: Path) -> bytes:
    """Return a file as it was at one moment, beside a process that writes it.

    Raises:
        OSError, sqlite3.Error: It cannot be read.
        ValueError: It is larger than may be mirrored.
    """
    if path.suffix not in _SQLITE:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    else:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(_too_large())
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as source,
            closing(sqlite3.connect(":memory:")) as copy,
        ):
            source.backup(copy)
            content = copy.serialize()
    if len(content) > MAX_BYTES:
        raise ValueError(_too_large())
    return content


def _too_large() -> str:
    return f"larger than {MAX_BYTES // 1_000_000} MB, so the other desk has no copy of what changes"


def _there(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    """Return version and hash of each file in the database."""
    rows = connection.execute(b"SELECT name, version, sha256 FROM desk_file").fetchall()
    return {name: (version, sha256) for name, version, sha256 in rows}


def _put(
    connection: psycopg.Connection[Any], name: str, sha256: str, content: bytes, holder: str, epoch: int
) -> int | None:
    """Write a file; return its version, or None for who does not own."""
    found = connection.execute(
        b"INSERT INTO desk_file AS f (name, version, sha256, content)"
        b" SELECT %s, 1, %s, %s FROM lease WHERE id = 1 AND holder = %s AND epoch = %s"
        b" ON CONFLICT (name) DO UPDATE SET version = f.version + 1, sha256 = EXCLUDED.sha256,"
        b" content = EXCLUDED.content RETURNING version",
        (name, sha256, content, holder, epoch),
    ).fetchone()
    return None if found is None else int(found[0])


def _set_aside(path: Path, known_sha256: str | None) -> None:
    try:
        content = snapshot(path)
    except (OSError, sqlite3.Error, ValueError):
        return  # there is none, or none that anybody could use
    if hashlib.sha256(content).hexdigest() != known_sha256:
        replace_file(path.with_name(f"{path.name}.before-pair"), content)


def _look(path: Path) -> Look:
    """Return what changes whenever the file is written."""
    found: list[tuple[int, int, int] | None] = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        try:
            stat = each.stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)
