"""Where the store is and who we are to it, as it stands in a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError, PrivateFileError
from contract.settings import Settings, line_of
from store.account import Account, Token

DEFAULT_URL = "http://127.0.0.1:8086"
DEFAULT_DATABASE = "siaga"
EXAMPLES = {
    "url": 'url = "http://127.0.0.1:8086"',
    "database": 'database = "siaga"',
    "username": 'username = "collector"',
    "password_file": 'password_file = "store.password"',
    "kind": 'kind = "influxdb2"',
    "org": 'org = "city"',
    "token_file": 'token_file = "store.token"',
}


class StoreSettings(Settings):
    """The table `[store]`. Paths are relative to the file they stand in.

    `kind` is `influxdb1`, or `influxdb2` for 2.x and 3.x, which need `org` and `token_file`; `database` is the bucket.
    """

    kind: Literal["influxdb1", "influxdb2"] = "influxdb1"
    org: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    token_file: Path | None = None

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+/?$")] = DEFAULT_URL
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = DEFAULT_DATABASE
    username: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together")
        if self.kind == "influxdb2" and (self.org is None or self.token_file is None or self.username is not None):
            raise ValueError("influxdb2 needs org and token_file, and no username")
        if self.kind == "influxdb1" and (self.org is not None or self.token_file is not None):
            raise ValueError("org and token_file are of kind influxdb2")
        return self

    def account(self, config: Path, *, table: str = "store") -> Account | None:
        """Read the password and return who we are to the store, or None without an account.

        Args:
            config: The configuration file.
            table: The table's name in it, for messages.

        Raises:
            ConfigError: The password file cannot be used.
        """
        key = f"{table}.token_file" if self.token_file is not None else f"{table}.password_file"
        try:
            if self.token_file is not None:
                return Token(config.parent / self.token_file)
            if self.username is None or self.password_file is None:
                return None
            return Account(self.username, config.parent / self.password_file)
        except PrivateFileError as error:
            raise ConfigError(str(config), key, str(error), line=_line_in(config, key)) from None


def _line_in(config: Path, key: str) -> int | None:
    try:
        return line_of(config.read_text(encoding="utf-8"), tuple(key.split(".")))
    except (OSError, ValueError):  # it has changed meanwhile
        return None
