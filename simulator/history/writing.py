"""Writes a simulated day into a store, a portion at a time, as fast as the store takes it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from simulator.history.series import Series
from store import Store

PORTION = 4_000
"""Points in one write: under 1 MB, beyond which aiohttp warns."""


async def write(
    store: Store, series: Iterable[Series], *, told: Callable[[int], None] = lambda points: None
) -> Counter[str]:
    """Write series; those points that came late are written last. Returns how many points each measurement has.

    Args:
        store: The store, entered, as an account that may write.
        series: What to write.
        told: Called now and then with how many points are written.

    Raises:
        StoreError: As `Store.write`; writing it all again is safe.
    """
    counted: Counter[str] = Counter()
    afterwards: list[Series] = []
    for one in series:
        counted[one.measurement] += await _write(store, one, late=False)
        if one.late is not None:
            afterwards.append(one)
        told(counted.total())
    for one in afterwards:
        counted[one.measurement] += await _write(store, one, late=True)
    return counted


async def _write(store: Store, series: Series, *, late: bool) -> int:
    written = 0
    lines = series.lines(late=late)
    while portion := await asyncio.to_thread(_portion, lines):
        await store.write("\n".join(portion).encode(), policy=series.policy)
        written += len(portion)
    return written


def _portion(lines: Iterator[str]) -> list[str]:
    return list(islice(lines, PORTION))
