"""collector.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from contract.errors import ConfigError
from contract.settings import Settings, load_toml
from store.config import EXAMPLES as STORE_EXAMPLES
from store.config import StoreSettings

EXAMPLES = {
    "data_dir": 'data_dir = "/var/lib/siaga/collector"',
    "client_id": 'client_id = "collector-1"',
    "broker": '[broker] with host = "127.0.0.1" and port = 1884',
    "broker.host": 'host = "127.0.0.1"',
    "broker.port": "port = 1884",
    "store": '[store] with url = "http://127.0.0.1:8086" and database = "siaga"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
}


class BrokerSettings(Settings):
    """The table `[broker]`: the telemetry broker."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535, strict=True)]


class CollectorSettings(Settings):
    """The whole file."""

    data_dir: Path
    client_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "collector-1"
    broker: BrokerSettings
    store: StoreSettings = StoreSettings()


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
