"""The time-series store: write ready line protocol, query InfluxQL, health. Never its own queue: callers retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store.account import Account, Token
from store.config import StoreSettings
from store.errors import (
    StoreDeniedError,
    StoreError,
    StoreMisconfiguredError,
    StorePartialError,
    StoreQueryError,
    StoreRefusedError,
    StoreRetryError,
    StoreSlowDownError,
    StoreTooLargeError,
)
from store.protocol import Row, Store, Value

if TYPE_CHECKING:
    from store.influxdb1 import InfluxDB1

__all__ = [
    "Account",
    "InfluxDB1",
    "Row",
    "Store",
    "StoreDeniedError",
    "StoreError",
    "StoreMisconfiguredError",
    "StorePartialError",
    "StoreQueryError",
    "StoreRefusedError",
    "StoreRetryError",
    "StoreSettings",
    "StoreSlowDownError",
    "StoreTooLargeError",
    "Token",
    "Value",
    "open_store",
]


def __getattr__(name: str) -> Any:
    """Return a generation's client when it is asked for: its HTTP library takes 0.2 s that a desk's start can spare."""
    if name == "InfluxDB1":
        from store.influxdb1 import InfluxDB1

        return InfluxDB1
    raise AttributeError(name)


def open_store(settings: StoreSettings, account: Account | None, *, others: bool = False) -> InfluxDB1:
    """Return the store that settings name, not yet connected; the seam where other generations are chosen.

    Args:
        settings: The settings.
        account: Who we are to it.
        others: Whether others write to the same database, too.

    Raises:
        StoreMisconfiguredError: The settings do not go together.
    """
    if settings.kind == "influxdb2":
        from store.influxdb2 import InfluxDB2

        if settings.org is None or not isinstance(account, Token):
            raise StoreMisconfiguredError("InfluxDB 2.x and 3.x need an organisation and a token")
        return InfluxDB2(settings.url, settings.database, settings.org, account, others=others)
    from store.influxdb1 import InfluxDB1

    return InfluxDB1(settings.url, settings.database, account, others=others)
