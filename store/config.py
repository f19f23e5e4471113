"""Where the store is, as it stands in a configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contract.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8086"
DEFAULT_DATABASE = "siaga"
EXAMPLES = {"url": 'url = "http://127.0.0.1:8086"', "database": 'database = "siaga"'}


class StoreSettings(Settings):
    """The table `[store]`."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+/?$")] = DEFAULT_URL
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = DEFAULT_DATABASE
