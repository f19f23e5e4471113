"""The time-series store: write ready line protocol, query InfluxQL, health. Never its own queue: callers retry."""

from store.account import Account
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
    "Value",
    "open_store",
]


def open_store(settings: StoreSettings, account: Account | None) -> InfluxDB1:
    """Return the store that settings name, not yet connected; the seam where other generations are chosen."""
    return InfluxDB1(settings.url, settings.database, account)
