"""Files that hold a secret: what others can read, or change, is none and is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from contract.errors import PrivateFileError

_MAX_PASSWORD_BYTES: Final = 1_024


def read_private(path: Path, *, max_bytes: int) -> bytes:
    """Return a secret's bytes.

    Args:
        path: The file.
        max_bytes: How many it may have.

    Raises:
        PrivateFileError: It is not there, cannot be read, is too large, or group or others have any right to it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise PrivateFileError(f"{path} can be read by others (mode {mode:04o}); chmod 600 {path}")
            body = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise PrivateFileError(f"{path} is not there; correct the path, or put the file there") from None
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror}; is it a file, and this user's?") from None
    if len(body) > max_bytes:
        raise PrivateFileError(f"{path} has more than {max_bytes} bytes; is it the right file?")
    return body


def read_password(path: Path) -> str:
    """Return the password in a file: its one line.

    Raises:
        PrivateFileError: As `read_private`; or it is empty, or not one printable line.
    """
    body = read_private(path, max_bytes=_MAX_PASSWORD_BYTES)
    if not body.strip():
        raise PrivateFileError(f"{path} is empty; write the password into it")
    lines = body.decode("utf-8", "replace").splitlines()
    if len(lines) != 1 or not lines[0].isprintable() or "\ufffd" in lines[0]:
        raise PrivateFileError(f"{path} is not a password in one line; is it the right file?")
    return lines[0].strip()
