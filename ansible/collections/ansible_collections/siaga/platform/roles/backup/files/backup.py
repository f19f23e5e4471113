#!/usr/bin/python3
"""One archive of what the duty desk keeps, while it runs; and the way back.

    backup                      write one archive, keep the newest of them
    backup restore ARCHIVE      unpack one where nothing is, each file held against its sum

Databases are copied by SQLite itself, so that each is whole; the rest as it is. The imported map is left out: it is
large, and `siaga desk map` makes it again. A ledger on a PostgreSQL server is that server's to back up.
"""

from __future__ import annotations

import argparse
import calendar
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

STATE = Path("/var/lib/siaga/desk")
CONFIG = Path("/etc/siaga")
INTO = Path("/var/backups/siaga")
MANIFEST = "manifest.json"
KEEP = 72
_CONFIGS = ("inventory.toml", "desk.toml")
_BESIDE = ("-wal", "-shm", "-journal", ".lock", ".sock")
_NAME = "desk-%Y%m%dT%H%M%SZ.tar.gz"
_MOST_BYTES = 64 * 1024**3
"""More than this is no archive of ours."""


class BackupError(Exception):
    """It was not done, and why; nothing that was there before was touched."""


def write(state: Path, config: Path, into: Path, keep: int, now_s: float) -> Path:
    """Write one archive and return it; with it the newest `keep` stay.

    Archives are told apart by their names, whose times always rise: with a clock that was set back a name is a second
    after the newest there, as the one just made would be the oldest and the first to go. When it was made by the clock
    is in its manifest.

    Raises:
        BackupError: A database is damaged, or nothing is there.
        OSError, sqlite3.Error: Something cannot be read or written.
    """
    with tempfile.TemporaryDirectory(dir=into, prefix=".part-") as name:
        part = Path(name)
        taken = [_take(path, part / f"state.{path.name}") for path in _files(state)]
        taken += [
            _take(path, part / f"config.{path.name}") for path in (config / one for one in _CONFIGS) if path.exists()
        ]
        if not any(path.name.endswith(".db") for path in taken):
            raise BackupError(f"{state}: no database is there; has the desk ever run on this machine?")
        sums = {path.name: _sum(path) for path in taken}
        (part / MANIFEST).write_text(json.dumps({"version": 1, "made_at_s": int(now_s), "files": sums}, indent=1))
        archive = into / time.strftime(_NAME, time.gmtime(max(int(now_s), _newest_s(into) + 1)))
        whole = part / "whole.tar.gz"
        with tarfile.open(whole, "w:gz", compresslevel=3) as tar:
            for path in [part / MANIFEST, *taken]:
                tar.add(path, path.name)
        with whole.open("rb+") as file:
            os.fsync(file.fileno())
        whole.chmod(0o600)
        whole.replace(archive)
        _synced(into)
    for old in sorted(into.glob("desk-*.tar.gz"))[:-keep]:
        old.unlink()
    return archive


def restore(archive: Path, state: Path, owner: str | None) -> list[str]:
    """Unpack an archive to `state`, which must not be there or be empty; return the names of the files.

    Raises:
        BackupError: Something is there, or the archive is damaged.
        OSError, tarfile.TarError: It cannot be read or written.
    """
    if state.exists() and any(state.iterdir()):
        raise BackupError(f"{state} is not empty: nothing is overwritten; move it away first")
    state.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state.parent, prefix=".restoring-") as name:
        part = Path(name)
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if not member.isreg() or "/" in member.name or member.name.startswith(".") or member.size > _MOST_BYTES:
                    raise BackupError(f"{archive}: {member.name!r} is nothing that a backup of ours has")
                source = tar.extractfile(member)
                if source is not None:
                    with (part / member.name).open("wb") as file:
                        shutil.copyfileobj(source, file)
        sums = json.loads((part / MANIFEST).read_text())["files"]
        for one, told in sums.items():
            if not (part / one).is_file() or _sum(part / one) != told:
                raise BackupError(f"{archive}: {one} is damaged or missing; take an older archive")
        fresh = part / "state"
        fresh.mkdir(mode=0o700)
        names = sorted(one.removeprefix("state.") for one in sums if one.startswith("state."))
        for one in names:
            (part / f"state.{one}").rename(fresh / one)
            (fresh / one).chmod(0o600)
            _synced(fresh / one)
        if owner is not None:
            for path in (fresh, *fresh.iterdir()):
                shutil.chown(path, owner, owner)
        fresh.rename(state)  # over an empty folder too
    _synced(state.parent)
    return names


def _newest_s(into: Path) -> int:
    times = [0]
    for path in into.glob("desk-*.tar.gz"):
        with suppress(ValueError):
            times.append(calendar.timegm(time.strptime(path.name, _NAME)))
    return max(times)


def _files(state: Path) -> Iterator[Path]:
    for path in sorted(state.iterdir()):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(_BESIDE):
            yield path


def _take(path: Path, to: Path) -> Path:
    if path.suffix != ".db":
        shutil.copyfile(path, to)
        return to
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    with closing(source), closing(sqlite3.connect(to)) as copy:
        source.backup(copy, pages=2_000, sleep=0.005)
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupError(f"{path}: damaged: {found}; the older archives stay; siaga desk verify-ledger says more")
    return to


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("write", "restore"), default="write")
    parser.add_argument("archive", nargs="?", type=Path)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--into", type=Path, default=INTO)
    parser.add_argument("--keep", type=int, default=int(os.environ.get("SIAGA_BACKUP_KEEP", KEEP)))
    parser.add_argument("--owner")
    asked = parser.parse_args(argv)
    if (asked.archive is None) == (asked.what == "restore") or asked.keep < 1:
        parser.error("restore takes an archive, write takes none, and at least one archive is kept")
    try:
        if asked.what == "restore":
            print(f"restored to {asked.state}: {', '.join(restore(asked.archive, asked.state, asked.owner))}")
        else:
            print(write(asked.state, asked.config, asked.into, asked.keep, time.time()))
    except (BackupError, OSError, sqlite3.Error, tarfile.TarError, KeyError, ValueError) as error:
        print(f"backup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
