"""The books of devices held against the store and the quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from collector.books import EDGE_S, HOUR_NS, Counted, Verdict, Window, judge, windows
from collector.books_file import FILE, read_devices, read_marks
from collector.config import Folders
from collector.quarantine import FILE as QUARANTINE
from collector.quarantine import QuarantineError
from collector.quarantine_read import is_there, read_hours
from contract.catalogue import KINDS
from store import Store

_EDGE_NS: Final = int(EDGE_S * 1e9)
_KINDS: Final = "|".join(KINDS)


async def check(
    folders: Folders, store: Store, device: str | None, since_ns: int
) -> AsyncIterator[tuple[str, Verdict]]:
    """Yield each device's windows, judged, oldest first.

    Args:
        folders: Where the collector keeps books and quarantine, and where the others of its group do.
        store: The store, entered; the account must be allowed to read.
        device: The device; None for all that ever reported.
        since_ns: From the hour of this time on, in ns since 1970.

    Raises:
        BooksError, QuarantineError: A file cannot be read.
        StoreError: The store does not answer.
    """
    path = folders.own / FILE
    # A collector may look at its own books: its loop must not wait for the disk.
    for name in await asyncio.to_thread(read_devices, path) if device is None else [device]:
        refused = await asyncio.to_thread(_refused, folders, name)
        for window in windows(await asyncio.to_thread(read_marks, path, name, since_ns // HOUR_NS)):
            stored = Counted(await count(store, name, window, -_EDGE_NS), await count(store, name, window, _EDGE_NS))
            readings = unknown = 0
            for hour in hours_of(window):
                more, bodies = refused.get(hour, (0, 0))
                readings, unknown = readings + more, unknown + bodies
            later = refused.get(window.end_ns // HOUR_NS + 1, (0, 0))[0]
            unseen = not folders.whole
            yield (
                name,
                judge(window, stored, readings, refused_next=later, bodies_unknown=unknown, refusals_unseen=unseen),
            )


def _refused(folders: Folders, device: str) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for folder in (folders.own, *folders.others):
        if folder is not folders.own and not is_there(folder / QUARANTINE):
            raise QuarantineError(f"{folder}: no collector's data folder; correct [books] others, or start it once")
        for hour, (readings, unknown) in read_hours(folder / QUARANTINE, device).items():
            before = found.get(hour, (0, 0))
            found[hour] = (before[0] + readings, before[1] + unknown)
    return found


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
