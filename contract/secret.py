"""What a file with a secret must be: its owner's alone, and for a password one line. Pure: mode and bytes go in."""

from __future__ import annotations

import stat
from typing import Final

from contract.errors import PrivateFileError

MAX_PASSWORD_BYTES: Final = 1_024
"""A larger file is no password."""


def refuse_others(name: str, mode: int) -> None:
    """Refuse a file that group or others have any right to: what others can read, or change, is no secret.

    Args:
        name: The file, for the message.
        mode: Its `st_mode`.

    Raises:
        PrivateFileError: It names the file and the command that mends it.
    """
    bits = stat.S_IMODE(mode)
    if bits & (stat.S_IRWXG | stat.S_IRWXO):
        raise PrivateFileError(f"{name} can be read by others (mode {bits:04o}); chmod 600 {name}")


def parse_password(name: str, body: bytes) -> str:
    """Return the password in a file: its one line.

    Args:
        name: The file, for the message.
        body: Its bytes, at least up to one more than `MAX_PASSWORD_BYTES`.

    Raises:
        PrivateFileError: It is empty, or not one printable line.
    """
    if not body.strip():
        raise PrivateFileError(f"{name} is empty; write the password into it")
    lines = body[: MAX_PASSWORD_BYTES + 1].decode("utf-8", "replace").splitlines()
    if len(lines) != 1 or len(body) > MAX_PASSWORD_BYTES or not lines[0].isprintable() or "\ufffd" in lines[0]:
        raise PrivateFileError(f"{name} is not a password in one line; is it the right file?")
    return lines[0].strip()
