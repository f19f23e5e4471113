"""Writes loads to the store: several in parallel, each until it is stored or refused.

Rules:
- The store is down, slow or misconfigured: the load is kept and tried again with backoff; nothing new is taken by that
  worker, so memory stays bounded by what the broker may hand over. The first success wakes every waiting worker.
- The store refuses points: the body is halved until the refused lines are found; the others are written. A repeat of
  good lines changes nothing in the store. Series of which lines were refused lately are written apart from the others.
- Too large: halved as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Final

from collector.batcher import Batcher
from collector.intake import RefusedLines
from collector.line_protocol import split_lines
from collector.order import Load
from collector.suspects import Part, Suspects
from collector.trouble import Trouble
from link.backoff import Backoff
from store.errors import (
    StoreDeniedError,
    StoreMisconfiguredError,
    StorePartialError,
    StoreRefusedError,
    StoreRetryError,
    StoreSlowDownError,
    StoreTooLargeError,
)
from store.first_writes import days_of_ends
from store.protocol import Store

_log = logging.getLogger("siaga.collector.writer")
_BACKOFF_BASE_S: Final = 0.25
_BACKOFF_CAP_S: Final = 5.0

_Never = StoreRefusedError | StoreTooLargeError
"""Why the store will never take a body as it stands."""
OnStored = Callable[[Load, RefusedLines], None]
"""Called with a load and the lines of it that the store refused."""


class Writer:
    """Takes bodies from the batcher and writes them.

    Args:
        store: The store.
        batcher: Where lines wait.
        on_stored: Called for each load when it is done.
        on_load: Called afterwards.
        trouble: Told whether the store takes anything.
        workers: How many loads are written in parallel.
        new_backoff: Makes the waits between attempts of one body.
    """

    def __init__(
        self,
        store: Store,
        batcher: Batcher,
        *,
        on_stored: OnStored,
        on_load: Callable[[], None],
        trouble: Trouble,
        workers: int = 4,
        new_backoff: Callable[[], Backoff] = lambda: Backoff(_BACKOFF_BASE_S, _BACKOFF_CAP_S),
    ) -> None:
        self.look = asyncio.Event()
        self.writes = 0
        self.write_s = 0.0
        self.suspects = Suspects()
        self._limit_told = False
        self._store = store
        self._batcher = batcher
        self._on_stored = on_stored
        self._on_load = on_load
        self._trouble = trouble
        self._workers = workers
        self._new_backoff = new_backoff
        self._taking = asyncio.Lock()
        self._recovered = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._workers):
                tasks.create_task(self._work(), name=f"collector-writer-{number}")

    async def prepare(self) -> None:
        """Return when the store answered and has the database."""
        backoff = self._new_backoff()
        while True:
            try:
                await self._store.prepare()
            except (StoreRetryError, StoreMisconfiguredError) as error:
                await self._wait(error, backoff)
            else:
                self._succeeded()
                return

    async def _work(self) -> None:
        while True:
            async with self._taking:
                load = await self._next()
            refused = await self._deliver(load) if load.pieces else {}
            self._on_stored(load, refused)
            self._on_load()

    async def _next(self) -> Load:
        while True:
            due_s = self._batcher.due_in_s(self._loop.time())
            load = self._batcher.take() if due_s == 0.0 else None
            if load is not None:
                return load
            self.look.clear()
            await _wait_for(self.look, due_s)

    async def _deliver(self, load: Load) -> RefusedLines:
        """Write a load until each line is stored or refused; return the refused ones."""
        self.suspects.forget(self._loop.time())
        if self.suspects:
            waiting = await self._attempt_apart(load)
        else:
            bodies = [piece[2] for piece in load.pieces]
            # A message is of the day it ends in: what it has of the day before follows what was written of that.
            fault = await self._attempt("\n".join(bodies).encode(), days_of_ends(bodies))
            waiting = [] if fault is None else [(_parts(load), fault)]
        refused: dict[int, list[tuple[bytes, str]]] = {}
        while waiting:
            parts, fault = waiting.pop()
            count = sum(lines for _, _, lines in parts)
            if count == 1 or (isinstance(fault, StorePartialError) and fault.dropped == count):
                for place, body, _ in parts:
                    for line in split_lines(body):
                        self.suspects.note(line, _reason(fault), self._loop.time())
                        refused.setdefault(place, []).append((line, _reason(fault)))
                continue
            for half in _halves(parts):
                wrong = await self._attempt(_body(half))
                if wrong is not None:
                    waiting.append((half, wrong))
        if refused or self._limit_told:
            self._tell_limit()
        return refused

    async def _attempt_apart(self, load: Load) -> list[tuple[list[Part], _Never]]:
        """Write the lines of suspects apart from the others; return what the store refused as it stands."""
        others, suspects = self.suspects.apart(_parts(load))
        waiting: list[tuple[list[Part], _Never]] = []
        for parts in (others, suspects):
            fault = await self._attempt(_body(parts)) if parts else None
            if fault is not None:
                waiting.append((parts, fault))
            elif parts is suspects:
                self.suspects.clear(parts)
        return waiting

    async def _attempt(self, body: bytes, days: Collection[int] | None = None) -> _Never | None:
        """Write a body, for as long as it takes; return why the store will never take it, or None."""
        backoff = self._new_backoff()
        while True:
            began_s = self._loop.time()
            try:
                await self._store.write(body, days=days)
            except (StoreRefusedError, StoreTooLargeError) as error:
                self._succeeded()
                return error
            except StoreRetryError as error:
                await self._wait(error, backoff)
            except StoreMisconfiguredError as error:
                await self._wait(error, backoff)
                if isinstance(error, StoreDeniedError):
                    continue
                # A database that somebody dropped is made again; whatever else is wrong, the next write tells.
                with contextlib.suppress(StoreRetryError, StoreMisconfiguredError):
                    await self._store.prepare()
            else:
                self.writes += 1
                self.write_s += self._loop.time() - began_s
                self._succeeded()
                return None

    def _tell_limit(self) -> None:
        limit = self.suspects.series_limit(self._loop.time())
        if limit is not None and not self._limit_told:
            _log.error("%s", limit)
        self._limit_told = limit is not None

    def _succeeded(self) -> None:
        lasted_s = self._trouble.end(self._loop.time())
        if lasted_s is not None:
            _log.warning("the store is back after %.1f s", lasted_s)
        self._recovered.set()

    async def _wait(self, error: StoreRetryError | StoreMisconfiguredError, backoff: Backoff) -> None:
        asked_s = error.retry_after_s if isinstance(error, StoreSlowDownError) else 0.0
        self._recovered.clear()
        if self._trouble.begin(str(error), self._loop.time(), asked_s):
            level = logging.ERROR if isinstance(error, StoreMisconfiguredError) else logging.WARNING
            _log.log(level, "%s; boxes keep their readings meanwhile", error)
        await _wait_for(self._recovered, max(asked_s, backoff.next_s()))


def _parts(load: Load) -> list[Part]:
    return [(place, piece[2].encode(), piece[3]) for place, piece in enumerate(load.pieces)]


def _body(parts: list[Part]) -> bytes:
    return b"\n".join([body for _, body, _ in parts])


def _halves(parts: list[Part]) -> list[list[Part]]:
    if len(parts) > 1:
        middle = len(parts) // 2
        return [parts[:middle], parts[middle:]]
    place, body, _ = parts[0]
    lines = split_lines(body)
    middle = len(lines) // 2
    return [[(place, b"\n".join(some), len(some))] for some in (lines[:middle], lines[middle:]) if some]


def _reason(fault: _Never) -> str:
    return fault.reason if isinstance(fault, StoreRefusedError) else "too large"


async def _wait_for(event: asyncio.Event, timeout_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
