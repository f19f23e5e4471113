"""Who we are to the store: a user name, and a password from a file that is read again when the store refuses it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from contract.errors import PrivateFileError
from contract.secret import MAX_PASSWORD_BYTES, parse_password, refuse_others


def read_password(path: Path) -> str:
    """Return the password in a file of its owner's alone.

    Raises:
        PrivateFileError: It is not there, cannot be read, others may read it, or it is not one printable line.
    """
    try:
        with path.open("rb") as file:
            refuse_others(str(path), os.fstat(file.fileno()).st_mode)
            body = file.read(MAX_PASSWORD_BYTES + 1)
    except FileNotFoundError:
        raise PrivateFileError(f"{path} is not there; correct the path, or put the file there") from None
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror}; is it a file, and this user's?") from None
    return parse_password(str(path), body)


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

    @property
    def secret(self) -> str:
        """The password, or the token."""
        return self._password

    def read_again(self) -> None:
        """Read the password again: it was changed while we ran, so nobody has to start us anew.

        Raises:
            PrivateFileError: The file cannot be used; the password stays as it was.
        """
        self._password = read_password(self.password_file)


class Token(Account):
    """A token of InfluxDB 2.x and 3.x, which stands for its owner.

    Args:
        token_file: The token, one line, readable by its owner only.

    Raises:
        PrivateFileError: The file cannot be used.
    """

    def __init__(self, token_file: Path) -> None:
        super().__init__("token", token_file)

    @property
    def authorization(self) -> str:
        """The HTTP header `Authorization`, as InfluxDB 2.x and 3.x want it."""
        return f"Token {self._password}"
