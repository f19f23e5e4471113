"""What can go wrong with the store, by what the caller should do.

StoreError
├── StoreRetryError           not written, or unknown; writing the same points again later is right
│   └── StoreSlowDownError    the same, and not before `retry_after_s`
├── StoreRefusedError         points are refused for what they are; writing them again changes nothing
│   └── StorePartialError     the same, but the good points of the body are stored
├── StoreTooLargeError        the body is too large; write it in parts
├── StoreMisconfiguredError   address, account or database is wrong; a person must look
│   └── StoreDeniedError      the store does not let our account in, or not do that; it says which and what to do
└── StoreQueryError           the query is refused
"""

from __future__ import annotations

from contract.errors import SiagaError


class StoreError(SiagaError):
    """The root of what a store raises."""


class StoreRetryError(StoreError):
    """The store is down, slow or in trouble. Whether the points were written is unknown; a repeat changes nothing."""


class StoreSlowDownError(StoreRetryError):
    """The store asks for patience: at least `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class StoreRefusedError(StoreError):
    """The store refuses the body for what it contains. `reason` is the store's own words, at most 500 characters."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the store refused: {reason}")


class StorePartialError(StoreRefusedError):
    """The good points of the body are stored, some others are refused.

    `dropped` is how many by the store's count, or None when it cannot tell: InfluxDB 1.6 says 0 for lines that it
    could not parse.
    """

    def __init__(self, reason: str, dropped: int | None) -> None:
        self.dropped = dropped
        super().__init__(reason)


class StoreTooLargeError(StoreError):
    """The body is larger than the store takes (413)."""


class StoreMisconfiguredError(StoreError):
    """What answered is not our store, or does not know our account or database."""


class StoreDeniedError(StoreMisconfiguredError):
    """The store does not know our account or its password (401), or the account may not do that (403)."""


class StoreQueryError(StoreError):
    """The query is refused, or its answer is incomplete."""
