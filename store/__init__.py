"""The time-series store: write ready line protocol, query InfluxQL, health. Never its own queue: callers retry."""

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
from store.influxdb1 import InfluxDB1
from store.protocol import Row, Store, Value

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


def open_store(settings: StoreSettings, account: Account | None) -> InfluxDB1:
    """Return the store that settings name, not yet connected; the seam where other generations are chosen."""
    if settings.kind == "influxdb2":
        from store.influxdb2 import InfluxDB2

        if settings.org is None or not isinstance(account, Token):
            raise StoreMisconfiguredError("InfluxDB 2.x and 3.x need an organisation and a token")
        return InfluxDB2(settings.url, settings.database, settings.org, account)
    return InfluxDB1(settings.url, settings.database, account)
