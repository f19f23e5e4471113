"""The books of devices held against the store and the quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from collector.books import EDGE_S, HOUR_NS, Counted, Verdict, Window, judge, windows
from collector.books_file import FILE, read_devices, read_marks
from collector.quarantine import FILE as QUARANTINE
from collector.quarantine import read_hours
from contract.catalogue import KINDS
from store import Store

_EDGE_NS: Final = int(EDGE_S * 1e9)
_KINDS: Final = "|".join(KINDS)


async def check(data_dir: Path, store: Store, device: str | None, since_ns: int) -> AsyncIterator[tuple[str, Verdict]]:
    """Yield each device's windows, judged, oldest first.

    Args:
        data_dir: Where the collector keeps books and quarantine.
        store: The store, entered; the account must be allowed to read.
        device: The device; None for all that ever reported.
        since_ns: From the hour of this time on, in ns since 1970.

    Raises:
        BooksError, QuarantineError: A file cannot be read.
        StoreError: The store does not answer.
    """
    path = data_dir / FILE
    # A collector may look at its own books: its loop must not wait for the disk.
    for name in await asyncio.to_thread(read_devices, path) if device is None else [device]:
        refused = await asyncio.to_thread(read_hours, data_dir / QUARANTINE, name)
        for window in windows(await asyncio.to_thread(read_marks, path, name, since_ns // HOUR_NS)):
            stored = Counted(await count(store, name, window, -_EDGE_NS), await count(store, name, window, _EDGE_NS))
            readings = unknown = 0
            for hour in hours_of(window):
                more, bodies = refused.get(hour, (0, 0))
                readings, unknown = readings + more, unknown + bodies
            later = refused.get(window.end_ns // HOUR_NS + 1, (0, 0))[0]
            yield name, judge(window, stored, readings, refused_next=later, bodies_unknown=unknown)


async def count(store: Store, device: str, window: Window, edge_ns: int) -> int:
    """Return how many readings of a device the store has in a window made wider by `edge_ns` at both ends."""
    # Each reading has the field `clock`; names have nothing to escape, see contract.identity.
    rows = await store.query(
        f"SELECT count(clock) FROM /^({_KINDS})$/ WHERE device = '{device}' "
        f"AND time > {window.begin_ns - edge_ns} AND time <= {window.end_ns + edge_ns}"
    )
    return sum(int(row["count"] or 0) for row in rows)


def hours_of(window: Window) -> range:
    """Return the hours since 1970 whose refusals belong to a window."""
    first, last = window.begin_ns // HOUR_NS, window.end_ns // HOUR_NS
    return range(min(first + 1, last), last + 1)
