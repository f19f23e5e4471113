"""collector.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from contract.errors import ConfigError
from contract.settings import Settings, load_toml
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from store.config import EXAMPLES as STORE_EXAMPLES
from store.config import StoreSettings

EXAMPLES = {
    "data_dir": 'data_dir = "/var/lib/siaga/collector"',
    "client_id": 'client_id = "collector-1"',
    **broker_examples("broker"),
    "store": '[store] with url = "http://127.0.0.1:8086", username = "collector", password_file = "store.password"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
}


class CollectorSettings(Settings):
    """The whole file."""

    data_dir: Path
    client_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "collector-1"
    broker: BrokerSettings
    store: StoreSettings = StoreSettings()


def broker_endpoint(settings: CollectorSettings, path: Path) -> Endpoint:
    """Return whom to dial, the account's password and the trusted CA read.

    Args:
        settings: The settings.
        path: The file they are from; paths in it are relative to its folder.

    Raises:
        ConfigError: A file it names cannot be used.
    """
    return settings.broker.endpoint(source=str(path), table="broker", base=path.parent)


def load(path: Path) -> CollectorSettings:
    """Return the settings in a file.

    Raises:
        ConfigError: The file cannot be read or used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(str(path), "", f"cannot be read: {reason}", example="collector.toml") from None
    return load_toml(text, CollectorSettings, source=str(path), examples=EXAMPLES)
