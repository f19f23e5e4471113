"""Looks at the books each hour, while the collector runs, and tells what is short or too much: a fault with numbers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from collector.books import FAULTS, HOUR_NS, SETTLED_S, Verdict
from collector.books_check import check
from collector.books_file import BooksError
from collector.config import Folders
from collector.quarantine import QuarantineError
from store import Store, StoreError

_log = logging.getLogger("siaga.collector.books")

LOOK_BACK_HOURS: Final = 3
"""A window is judged again for so long: what was waiting at first comes, or does not."""
_NAMED: Final = 3


class BooksWatch:
    """The watch.

    Args:
        folders: Where the collector keeps books and quarantine, and where the others of its group do.
        store: The store as an account sees it that may read; not yet entered.
        every_s: How often it looks, in seconds.
        now_ns: Returns the time, in ns since 1970.
    """

    def __init__(
        self, folders: Folders, store: Store, *, every_s: float = 3_600.0, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._folders = folders
        self._store = store
        self._every_s = every_s
        self._now_ns = now_ns
        self._found: dict[tuple[str, int], Verdict] = {}
        self._trouble: str | None = None

    async def run(self) -> None:
        """Look until cancelled, a while after each full hour."""
        async with self._store:
            while True:
                await asyncio.sleep(self.due_in_s())
                await self.look()

    def due_in_s(self) -> float:
        """Return in how many seconds it looks next: what was on the way at a full hour has had its time then."""
        return self._every_s - (self._now_ns() / 1e9 - SETTLED_S * 1.5) % self._every_s

    async def look(self) -> None:
        """Look once. What it finds anew is logged; what is right by now is forgotten."""
        since_ns = self._now_ns() - LOOK_BACK_HOURS * HOUR_NS
        found: dict[tuple[str, int], Verdict] = {}
        try:
            async for device, verdict in check(self._folders, self._store, None, since_ns):
                if verdict.state in FAULTS:
                    found[device, verdict.window.end_ns // HOUR_NS] = verdict
        except (StoreError, BooksError, QuarantineError) as error:
            self._trouble = f"the books cannot be looked at: {error}"
            _log.warning("%s", self._trouble)
            return
        self._trouble = None
        for key, verdict in found.items():
            if key not in self._found:
                _log.error("books of %s: %s: %s", key[0], verdict.state, verdict.why)
        self._found = found

    def told(self) -> tuple[str, ...]:
        """Return what people should know now; short, whatever the number of devices."""
        lines = () if self._trouble is None else (self._trouble,)
        if not self._found:
            return lines
        some = [f"{device}: {one.why}" for (device, _), one in list(self._found.items())[:_NAMED]]
        more = "" if len(self._found) <= _NAMED else f" and {len(self._found) - _NAMED} more"
        return (*lines, f"the books do not balance: {'; '.join(some)}{more}; siaga collector books --faults")
