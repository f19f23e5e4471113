"""Where the ledger is, as it stands in desk.toml."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from contract.errors import ConfigError, PrivateFileError
from duty_desk.ledger.place import Place, Server, server
from store.account import read_password

EXAMPLES: Final = {
    "ledger": 'ledger = "postgresql://siaga@localhost/ledger"',
    "ledger_password_file": 'ledger_password_file = "ledger.password"',
}


def ledger_place(source: str, url: str | None, password_file: Path | None, file: Path) -> Place:
    """Return where the ledger is.

    Args:
        source: What named it, for messages.
        url: The database, None for a file.
        password_file: The file with its password, mode 600; None where the server asks for none.
        file: The SQLite file that it is without a database.

    Raises:
        ConfigError: The URL, or the password's file, cannot be used.
    """
    if url is None:
        if password_file is not None:
            raise ConfigError(source, "ledger_password_file", "it is for `ledger`", example=EXAMPLES["ledger"])
        return file
    try:
        return open_server(url, password_file)
    except PrivateFileError as error:
        example = EXAMPLES["ledger_password_file"]
        raise ConfigError(source, "ledger_password_file", str(error), example=example) from None
    except ValueError as error:
        raise ConfigError(source, "ledger", str(error), example=EXAMPLES["ledger"]) from None


def open_server(url: str, password_file: Path | None) -> Server:
    """Return the database that a URL names, with its password.

    Raises:
        PrivateFileError: The password's file cannot be used.
        ValueError: The URL cannot be used, or the driver is not installed.
    """
    found = server(url, None if password_file is None else read_password(password_file))
    if find_spec("psycopg") is None:
        raise ValueError("the driver is not installed: pip install 'siaga[postgresql]'")
    return found
