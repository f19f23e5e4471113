"""Sets a store of either generation up as a layout says, or says what differs; `setup1` and `setup2` know how."""

from __future__ import annotations

from collections.abc import Sequence

from store import setup1, setup2
from store.influxdb1 import InfluxDB1
from store.influxdb2 import InfluxDB2
from store.layout import Layout
from store.setup1 import Found


async def init(store: InfluxDB1, layout: Layout, *, writers: Sequence[str] = (), readers: Sequence[str] = ()) -> Found:
    """Make a store as the layout says; returns what differed before. May be repeated at any time.

    Args:
        store: The store, entered, as an account sees it that may do that.
        layout: What it is to be.
        writers: 1.x: users that may write to the database.
        readers: 1.x: users that may read from it.

    Raises:
        StoreRetryError, StoreMisconfiguredError: The store does not answer, or does not let us do that.
        StoreQueryError: It refuses a statement; doing it all again is safe.
    """
    if isinstance(store, InfluxDB2):
        return await setup2.init(store, layout)
    return await setup1.init(store, layout, writers=writers, readers=readers)


async def look(store: InfluxDB1, layout: Layout) -> Found:
    """Compare a store with a layout; changes nothing.

    Raises:
        StoreRetryError, StoreMisconfiguredError: The store does not answer, or does not let us in.
    """
    return await (setup2.look(store, layout) if isinstance(store, InfluxDB2) else setup1.look(store, layout))


async def rollup(store: InfluxDB1, begin_ns: int, end_ns: int) -> int:
    """Make the values of minutes and hours again from the readings of a time; return how many were written.

    Args:
        store: The store, entered, as an account that may read and write.
        begin_ns: From, in ns since 1970; rounded down to an hour.
        end_ns: To; rounded up.

    Raises:
        StoreRetryError, StoreMisconfiguredError, StoreQueryError: As `init`.
    """
    if isinstance(store, InfluxDB2):
        return await setup2.rollup(store, begin_ns, end_ns)
    return await setup1.rollup(store, begin_ns, end_ns)
