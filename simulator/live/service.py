"""Writes a living city into a store: what is past at once, the rest as its time comes, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from simulator.live.city import Arrival, Traffic, arrivals
from simulator.live.kept import Kept, going_on
from store import Store, StoreError

PORTION: Final = 4_000
"""Points in one write."""
EACH_S: Final = 1.0
REMEMBER_NS: Final = 10 * 10**9
"""How often it notes how far it is; what is written again after a crash is the same."""
AGAIN_S: Final = 2.0
"""After a store that does not take it."""

_log = logging.getLogger("siaga.simulator.live")


async def run(store: Store, file: Path, ready: Callable[[], None], *, now_ns: Callable[[], int] = time.time_ns) -> None:
    """Write cities until cancelled, one after the other.

    Args:
        store: The store, entered, as an account that may write.
        file: Where it remembers how far it is.
        ready: Called once the past is written.
        now_ns: The clock, since 1970.

    Raises:
        OSError: The file cannot be written.
    """
    known = Kept.read(file)
    while True:
        known = going_on(known, now_ns())
        known = await _live(store, file, known, ready, now_ns)


async def _live(store: Store, file: Path, known: Kept, ready: Callable[[], None], now_ns: Callable[[], int]) -> Kept:
    """Write one city to its end."""
    coming, waiting, traffic = arrivals(known.plan), None, Traffic()
    is_past, told_ns = True, known.written_ns
    while True:
        until_ns = now_ns()
        lines, waiting, is_all = await asyncio.to_thread(_due, coming, waiting, until_ns, known.written_ns)
        if is_past:
            lines += [made for one in lines for made in traffic.take(one)]
        if lines:
            await _write(store, lines)
        if not is_all:
            continue
        if is_past:
            is_past = False
            ready()
        now = replace(known, written_ns=until_ns)
        if until_ns - told_ns > REMEMBER_NS or waiting is None:
            now.write(file)
            told_ns = until_ns
        if waiting is None:
            return now
        await asyncio.sleep(EACH_S)


def _due(
    coming: Iterator[Arrival], waiting: Arrival | None, until_ns: int, written_ns: int
) -> tuple[list[str], Arrival | None, bool]:
    """Return lines that are due and not written, the arrival that is next, and whether those are all."""
    lines: list[str] = []
    for _ in range(PORTION):
        waiting = waiting or next(coming, None)
        if waiting is None or waiting[0] > until_ns:
            return lines, waiting, True
        if waiting[0] > written_ns:
            lines.append(waiting[1])
        waiting = None
    return lines, waiting, False


async def _write(store: Store, lines: list[str]) -> None:
    """Write until the store has it: what comes later waits, as nothing of it is made before."""
    told = ""
    while True:
        try:
            await store.write("\n".join(lines).encode())
        except StoreError as error:
            if str(error) != told:
                told = str(error)
                _log.warning("the store does not take it: %s", error)
            await asyncio.sleep(AGAIN_S)
        else:
            return
