"""Where a broker is and who we are to it, as it stands in a configuration file.

    [alarm_broker]
    host = "alarm.siaga.example"
    port = 8883
    ca = "trust.pem"
    certificate = "box-1.pem"          # a device is known by its certificate …
    key = "box-1.key"
    username = "centre.desk"           # … one of the centre's services by its account, instead
    password_file = "desk.password"

Nobody connects without a name and without TLS: there is no setting for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError
from contract.settings import Settings, line_of
from link.dial import Endpoint
from link.trust import load_credentials

BROKER_EXAMPLE = (
    '{table} host = "alarm.siaga.example" port = 8883 ca = "trust.pem" certificate = "box-1.pem" key = "box-1.key"'
)


BROKER_KEYS = {
    "host": 'host = "alarm.siaga.example"',
    "port": "port = 8883",
    "ca": 'ca = "trust.pem"',
    "certificate": 'certificate = "box-1.pem"',
    "key": 'key = "box-1.key"',
    "username": 'username = "centre.desk"',
    "password_file": 'password_file = "desk.password"',
}


def broker_examples(table: str) -> dict[str, str]:
    """Return examples for a broker's table and each of its keys, as `contract.settings.load_toml` takes them."""
    keys = {f"{table}.{key}": example for key, example in BROKER_KEYS.items()}
    return {table: BROKER_EXAMPLE.format(table=f"[{table}]"), **keys}


class BrokerSettings(Settings):
    """One broker. Paths are relative to the file they stand in."""

    host: Annotated[str, Field(pattern=r"^[^\s/\x00]+$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)]
    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    username: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        device = (self.certificate is not None, self.key is not None)
        service = (self.username is not None, self.password_file is not None)
        if device == (True, True) and not any(service):
            return self
        if service == (True, True) and not any(device):
            return self
        raise ValueError(
            "needs certificate and key (a device), or username and password_file (a service of the centre)"
        )

    def endpoint(self, *, source: str, table: str, base: Path) -> Endpoint:
        """Read what the settings name and return whom to dial; no connection is opened.

        Args:
            source: The configuration file's path, for messages and the line in them.
            table: The table's name in it, for messages.
            base: The folder relative paths start from.

        Raises:
            ConfigError: A file is missing, unreadable, readable by others, or not what it should be.
        """
        try:
            credentials = load_credentials(
                source=source,
                table=table,
                ca=base / self.ca,
                certificate=None if self.certificate is None else base / self.certificate,
                key=None if self.key is None else base / self.key,
                username=self.username,
                password_file=None if self.password_file is None else base / self.password_file,
            )
        except ConfigError as error:
            raise ConfigError(source, error.key, error.expected, line=_line_in(source, error.key)) from None
        return Endpoint(self.host, self.port, credentials)


def _line_in(source: str, key: str) -> int | None:
    try:
        return line_of(Path(source).read_text(encoding="utf-8"), tuple(key.split(".")))
    except (OSError, ValueError):  # it is not read from a file, or the file has changed
        return None
