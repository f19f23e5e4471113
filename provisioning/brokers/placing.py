"""A broker's files take their place so that the broker can read them whenever it looks.

A file that Mosquitto cannot read when it reloads opens the broker to everyone (see `render.py`). So each is replaced by
one rename, and has before that the owner and mode of the one it replaces; one that is new is the broker's user's.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from provisioning.brokers import render
from provisioning.files import read_file, unusable

_PRIVATE: Final = 0o600
_ALLOWED: Final = 0o660
"""What a file's mode may have: its owner, and a group for who starts the broker."""


def this_user() -> str:
    """Return the name of the user that runs this, for a broker that is started right here."""
    return pwd.getpwuid(os.geteuid()).pw_name


def read_text(path: Path) -> str:
    """Return a file's text, or an empty one when it is not there."""
    return read_file(path).decode("utf-8", "replace") if path.exists() else ""


def place(home: Path, texts: Mapping[str, str], user: str) -> frozenset[str]:
    """Replace the files whose text is another; all are written before the first takes its place.

    Args:
        home: The broker's folder.
        texts: The texts by file name.
        user: Whose a new file is, when root writes it.

    Returns:
        The names of the files that were replaced.

    Raises:
        UnusableError: One cannot be written; none was replaced, or some were and the same call does the rest.
    """
    changed = {
        name: text for name, text in texts.items() if not (home / name).exists() or read_text(home / name) != text
    }
    temporaries = {name: home / f".new-{name}" for name in changed}
    try:
        for name, text in changed.items():
            _write(temporaries[name], text.encode(), home / name, user)
        for name, temporary in temporaries.items():
            os.replace(temporary, home / name)
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise unusable(home, error) from None
    return frozenset(changed)


def _write(path: Path, data: bytes, old: Path, user: str) -> None:
    """Write a file to take the place of `old`: with its owner and mode, or the broker's user's when it is new."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as file:
        try:
            before = old.stat()
        except FileNotFoundError:
            mode, owner = _PRIVATE, _owner(user)
        else:
            mode, owner = before.st_mode & _ALLOWED, (before.st_uid, before.st_gid)
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def hand_over(home: Path, user: str) -> None:
    """Give what is root's in a broker's folder to the user that Mosquitto becomes before it reads anything.

    Raises:
        UnusableError: That cannot be done.
    """
    owner = _owner(user)
    if owner is None or owner[0] == 0:
        return
    names = (render.DEVICE_ACL, render.CENTRE_ACL, render.PASSWORDS, render.TRUST, render.CONFIG)
    try:
        for path in (home, *(home / name for name in (*names, render.CERTIFICATE, render.KEY))):
            if path.stat().st_uid == 0:
                os.chown(path, *owner)
    except OSError as error:
        raise unusable(home, error) from None


def _owner(user: str) -> tuple[int, int] | None:
    """Return the ids of the broker's user; None when this process cannot give a file away or nobody is called so."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid
