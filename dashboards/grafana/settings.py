"""grafana.toml: which Grafana the walls are pushed to, and as whom it asks the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from contract.errors import ConfigError, PrivateFileError
from contract.inventory import Inventory, parse_inventory
from contract.settings import Settings, fault_at, load_toml
from contract.zone import DEFAULT_ZONE, TimeZone
from contract.zone import EXAMPLE as ZONE_EXAMPLE
from store import Account, StoreSettings
from store.account import read_password
from store.config import EXAMPLES as STORE_EXAMPLES


class GrafanaSettings(Settings):
    """grafana.toml. Paths are relative to its folder.

    `token_file`: a service account's token with the role Admin, which data sources and alert rules need. `store`: the
    store as Grafana's server reaches it, with an account that may only read: whoever sees a wall can ask with it.
    `inventory`: the city's, for the names of boxes and the thresholds of gauges. `time_zone`: the city's, in which the
    dashboards tell times.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#@]+$")]
    token_file: str
    folder: Annotated[str, Field(min_length=1, max_length=100)] = "Siaga"
    timeout_s: Annotated[float, Field(ge=1, le=120)] = 10
    inventory: str | None = None
    time_zone: TimeZone = DEFAULT_ZONE
    store: StoreSettings

    @model_validator(mode="after")
    def _the_store_knows_who_asks(self) -> GrafanaSettings:
        if self.store.username is None and self.store.token_file is None:
            raise fault_at(
                ("store", "username"),
                "is missing: without a read-only account everybody who sees a wall could write to the store",
            )
        return self


EXAMPLES = {
    "url": 'url = "http://127.0.0.1:3000/grafana/"',
    "token_file": 'token_file = "grafana.token"',
    "folder": 'folder = "Siaga"',
    "timeout_s": "timeout_s = 10",
    "inventory": 'inventory = "inventory.toml"',
    "time_zone": ZONE_EXAMPLE,
    "store": '[store] database = "siaga" username = "reader" password_file = "reader.password"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
    "store.username": 'username = "reader" password_file = "reader.password"',
}


@dataclass(frozen=True, slots=True)
class Grafana:
    """A Grafana and what is needed to push to it. `url` ends in `/`; `account` is the store's reader."""

    settings: GrafanaSettings
    url: str
    token: str
    account: Account
    inventory: Inventory | None = None


def load_settings(file: Path) -> GrafanaSettings:
    """Return the settings alone; none of the files they name is read.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(str(file), "", f"cannot be read: {reason}") from None
    return load_toml(text, GrafanaSettings, source=str(file), examples=EXAMPLES)


def load_grafana(file: Path) -> Grafana:
    """Return the settings, with the files they name read.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    settings = load_settings(file)
    try:
        token = read_password(file.parent / settings.token_file)
    except PrivateFileError as error:
        raise ConfigError(str(file), "token_file", str(error), example=EXAMPLES["token_file"]) from None
    account = settings.store.account(file)
    if account is None:
        raise ConfigError(str(file), "store.username", "is missing", example=EXAMPLES["store.username"])
    inventory = load_inventory(settings, file)
    return Grafana(settings, settings.url.rstrip("/") + "/", token, account, inventory)


def load_inventory(settings: GrafanaSettings, file: Path) -> Inventory | None:
    """Return the inventory that the settings in `file` name, or None.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    if settings.inventory is None:
        return None
    path = file.parent / settings.inventory
    try:
        return parse_inventory(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(
            str(file), "inventory", f"{path} cannot be read: {reason}", example=EXAMPLES["inventory"]
        ) from None
