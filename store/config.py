"""Where the store is and who we are to it, as it stands in a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError, PrivateFileError
from contract.settings import Settings, line_of
from store.account import Account

DEFAULT_URL = "http://127.0.0.1:8086"
DEFAULT_DATABASE = "siaga"
EXAMPLES = {
    "url": 'url = "http://127.0.0.1:8086"',
    "database": 'database = "siaga"',
    "username": 'username = "collector"',
    "password_file": 'password_file = "store.password"',
}


class StoreSettings(Settings):
    """The table `[store]`. Paths are relative to the file they stand in."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+/?$")] = DEFAULT_URL
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = DEFAULT_DATABASE
    username: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together")
        return self

    def account(self, config: Path, *, table: str = "store") -> Account | None:
        """Read the password and return who we are to the store, or None without an account.

        Args:
            config: The configuration file.
            table: The table's name in it, for messages.

        Raises:
            ConfigError: The password file cannot be used.
        """
        if self.username is None or self.password_file is None:
            return None
        try:
            return Account(self.username, config.parent / self.password_file)
        except PrivateFileError as error:
            key = f"{table}.password_file"
            raise ConfigError(str(config), key, str(error), line=_line_in(config, key)) from None


def _line_in(config: Path, key: str) -> int | None:
    try:
        return line_of(config.read_text(encoding="utf-8"), tuple(key.split(".")))
    except (OSError, ValueError):  # it has changed meanwhile
        return None
