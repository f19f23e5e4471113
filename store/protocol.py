"""What every time-series store can do. InfluxDB 1.x is in `influxdb1`; later generations stand beside it."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import Protocol, Self

Value = str | int | float | bool | None
Row = dict[str, Value]
"""One row of an answer: `measurement`, the tags of its series and its columns by name; `time` is in ns since 1970."""


class Store(Protocol):
    """A place that keeps points: measurement, tags and timestamp identify one, so writing it again changes nothing.

    An async context manager; connections open at the first request.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> None:
        """Make sure that the database exists; changes nothing when it does; who may not create it needs one.

        Raises:
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """

    async def write(self, lines: bytes, *, policy: str = "", days: Collection[int] | None = None) -> None:
        """Write points; returns when the store has accepted every one of them.

        Args:
            lines: Line protocol in UTF-8, one point a line, timestamps in ns.
            policy: Which of the layout's retention policies they go to, such as `hour`; empty for the default.
            days: The days of their times, counted since 1970; None: they are looked for in the lines, which takes a
                tenth of what a point costs.

        Raises:
            StoreRetryError: Down, slow or in trouble; it includes StoreSlowDownError.
            StoreRefusedError: Points are refused; it includes StorePartialError.
            StoreTooLargeError: The body is too large.
            StoreMisconfiguredError: A person must look; it includes StoreDeniedError.
        """

    async def query(self, influxql: str) -> list[Row]:
        """Return the rows that answer an InfluxQL query.

        Raises:
            StoreQueryError: The query is refused, or its answer is cut short.
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """

    async def health(self) -> str:
        """Return what answered, such as `InfluxDB 1.6.7`.

        Raises:
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """
