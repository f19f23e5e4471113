"""Who we are to the store: a user name, and a password from a file that is read again when the store refuses it."""

from __future__ import annotations

import base64
from pathlib import Path

from contract.private_file import read_password


class Account:
    """An account with its password.

    Args:
        username: The user.
        password_file: Its password, one line, readable by its owner only.

    Raises:
        PrivateFileError: The file cannot be used.
    """

    def __init__(self, username: str, password_file: Path) -> None:
        self.username = username
        self.password_file = password_file
        self._password = read_password(password_file)

    def __repr__(self) -> str:
        return f"Account({self.username!r}, {self.password_file})"

    @property
    def authorization(self) -> str:
        """The HTTP header `Authorization` (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self._password}".encode()).decode()

    def read_again(self) -> None:
        """Read the password again: it was changed while we ran, so nobody has to start us anew.

        Raises:
            PrivateFileError: The file cannot be used; the password stays as it was.
        """
        self._password = read_password(self.password_file)
