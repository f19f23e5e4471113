"""Files that are either as they were or as they should be, whatever happens in between; and secrets that stay secret.

A change of several files is one step, by a redo log in the folder:

1. each new content is written to a temporary beside its target, and synced;
2. the list of what goes where becomes `.commit` by one rename: from here on the change has happened;
3. the temporaries take their targets' names, and `.commit` goes.

Who comes next, under the folder's lock, finishes a change that has its `.commit`, and clears away one that has not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from provisioning.errors import ExistsError, KeyFileError, UnusableError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
FOLDER: Final = 0o700
TEMPORARY: Final = ".tmp-"
"""What the name of each temporary begins with; one that is left belongs to a process that died."""

_COMMIT: Final = ".commit"
_MAX_BYTES: Final = 64 * 1024 * 1024
_VAULT: Final = b"$ANSIBLE_VAULT;"


def read_file(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        UnusableError: It is not there, cannot be read, or has more than 64 MiB.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise unusable(path, error) from None
    if len(data) > _MAX_BYTES:
        raise UnusableError(f"{path}: larger than {_MAX_BYTES} bytes", "is it the right file?")
    return data


def read_private(path: Path) -> bytes:
    """Return a secret's bytes; one that others may read is no secret.

    Raises:
        UnusableError: It is not there, cannot be read, or is encrypted by Ansible Vault.
        KeyFileError: Group or others have any right to it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyFileError(f"{path}: others may read or change it (mode {mode:04o})", f"run: chmod 600 {path}")
            data = file.read(_MAX_BYTES)
    except OSError as error:
        raise unusable(path, error) from None
    if data.startswith(_VAULT):
        raise UnusableError(
            f"{path}: encrypted by Ansible Vault",
            f"run: ansible-vault decrypt {path}, or do this where the clear files are; delete nothing (docs/deploy.md)",
        )
    return data


def make_folder(path: Path) -> None:
    """Make a folder, with those above it that are missing, for its owner only; one that is there stays as it is.

    Raises:
        UnusableError: It cannot be made.
    """
    try:
        for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
            missing.mkdir(mode=FOLDER, exist_ok=True)
            _sync_folder(missing.parent)
        if not path.is_dir():
            raise UnusableError(f"{path}: not a folder", "give another --folder")
    except OSError as error:
        raise unusable(path, error) from None


def write_private(path: Path, data: bytes, *, overwrite: bool = False, mode: int = PRIVATE) -> None:
    """Write one file, whole or not at all.

    Raises:
        ExistsError: It is there already.
        UnusableError: The disk is full, the folder is not writable, …
    """
    if not overwrite and path.exists():
        raise _exists(path)
    # Not called as those of `write_files`: who clears these away may run at the same time.
    temporary = path.with_name(f".new-{path.name}")
    try:
        _write(temporary, data, mode)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise unusable(path, error) from None


def write_files(
    folder: Path, contents: Mapping[str, bytes | None], *, overwrite: bool = False, always: frozenset[str] = frozenset()
) -> None:
    """Write, or with None remove, several files of a folder in one step. The caller holds the folder's lock.

    Args:
        folder: Where the redo log is.
        contents: What to write by its path relative to the folder, folders of its path are made; a name that ends in
            `.pem` or `.pub` may be read by all, any other by its owner only.
        overwrite: Whether files may be there already.
        always: Those which may be there already in any case.

    Raises:
        ExistsError: One is there already; nothing has changed.
        UnusableError: The disk is full, the folder is not writable, …; nothing has changed, or all of it will have when
            the folder is next opened.
    """
    for name, data in contents.items():
        if not overwrite and name not in always and data is not None and (folder / name).exists():
            raise _exists(folder / name)
    log = folder / _COMMIT
    temporaries = {name: _temporary(name) for name, data in contents.items() if data is not None}
    for name in temporaries:
        make_folder((folder / name).parent)
    try:
        for name, temporary in temporaries.items():
            _write(folder / temporary, contents[name] or b"", mode_of(name), like=folder / name)
        for touched in {(folder / name).parent for name in temporaries}:
            _sync_folder(touched)
        removed = [name for name, data in contents.items() if data is None]
        _write(
            folder / f"{TEMPORARY}{_COMMIT}", json.dumps({"moved": temporaries, "removed": removed}).encode(), PRIVATE
        )
        os.replace(folder / f"{TEMPORARY}{_COMMIT}", log)
    except OSError as error:
        for left in (*temporaries.values(), f"{TEMPORARY}{_COMMIT}"):
            with contextlib.suppress(OSError):
                (folder / left).unlink(missing_ok=True)
        raise unusable(folder, error) from None
    try:
        _finish(folder)
    except OSError as error:
        raise UnusableError(
            f"{folder}: {(error.strerror or str(error)).lower()}, in the middle of a change",
            "mend it; the next command finishes the change",
        ) from None


def recover(folder: Path) -> None:
    """Finish the change that was begun in a folder, or clear away what is left of it. The caller holds the lock.

    Raises:
        UnusableError: That cannot be done now.
    """
    try:
        _finish(folder)
        for depth in ("", "*/", "*/*/"):
            for left in folder.glob(f"{depth}{TEMPORARY}*"):
                left.unlink(missing_ok=True)
    except OSError as error:
        raise unusable(folder, error) from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against every other process that locks it; waits for its turn. A lock dies with its process.

    Raises:
        UnusableError: The folder is not there or cannot be read.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unusable(folder, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def mode_of(name: str) -> int:
    """Return the mode a file of this name is written with."""
    return PUBLIC if name.endswith((".pem", ".pub")) else PRIVATE


def unusable(path: Path, error: OSError) -> UnusableError:
    """Return an operating system's error as one line with a hint."""
    named = Path(error.filename) if isinstance(error.filename, str) else path
    hints = {
        "PermissionError": "run this as the user who owns it",
        "FileNotFoundError": "give the right path",
        "FileExistsError": "move it away, or give another path",
    }
    hint = hints.get(type(error).__name__, "nothing was half written; mend it and run the same again")
    return UnusableError(f"{named}: {(error.strerror or str(error)).lower()}", hint)


def _exists(path: Path) -> ExistsError:
    return ExistsError(f"{path}: is there already", "nothing was changed; --force overwrites it")


def _temporary(name: str) -> str:
    path = Path(name)
    return str(path.with_name(f"{TEMPORARY}{path.name}"))


def _write(path: Path, data: bytes, mode: int, like: Path | None = None) -> None:
    path.unlink(missing_ok=True)  # what a dead process left; O_EXCL so that no mode and no link of a stranger stays
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask
        if like is not None and like.exists() and os.geteuid() == 0:
            # A broker's files are its own user's, and it must still be able to read the new ones.
            os.fchown(descriptor, like.stat().st_uid, like.stat().st_gid)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _finish(folder: Path) -> None:
    log = folder / _COMMIT
    if not log.exists():
        return
    _sync_folder(folder)
    try:
        change = json.loads(log.read_bytes())
        moved, removed = dict(change["moved"]), list(change["removed"])
    except (ValueError, KeyError, TypeError):
        raise UnusableError(f"{log}: damaged", "restore the folder from its backup") from None
    for name, temporary in moved.items():
        if (folder / temporary).exists():  # else it was moved before the process died
            os.replace(folder / temporary, folder / name)
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    for touched in {(folder / name).parent for name in (*moved, *removed)}:
        if touched.exists():
            _sync_folder(touched)
    log.unlink()
    _sync_folder(folder)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
