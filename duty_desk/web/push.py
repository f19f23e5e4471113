"""Server-sent events to the pages: one encoding for all, a bounded queue for each.

A page that does not read is dropped; it connects again and begins with a snapshot, so nothing is lost by it.
Format: HTML Living Standard, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MAX_QUEUED = 256
"""Events that may wait for one page."""
MAX_PAGES = 200
"""Pages connected at once."""
RETRY_MS = 1_000
"""How long a page whose stream ended waits before it connects again."""


def event_bytes(name: str, event_id: str, data: bytes) -> bytes:
    """Return an event as bytes. `data` is JSON on one line."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), event_id.encode(), data)


class Page:
    """One connected page: what waits for it. `screen` is the name it gave itself, if any."""

    def __init__(self, screen: str | None) -> None:
        self.dropped = False
        self.screen = screen
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Queue an event; a page that is too slow is dropped."""
        if len(self._queue) >= MAX_QUEUED:
            self.drop()
            return
        self._queue.append(event)
        self._wake.set()

    def drop(self) -> None:
        """End this page's stream."""
        self.dropped = True
        self._queue.clear()
        self._wake.set()

    async def take(self) -> bytes | None:
        """Return all that waits, at least one event, or None when the page was dropped."""
        while not self._queue:
            if self.dropped:
                return None
            self._wake.clear()
            await self._wake.wait()
        chunk = b"".join(self._queue)
        self._queue.clear()
        return chunk


class Push:
    """All connected pages.

    Args:
        snapshot: Makes the first event's data for a page that connects.
    """

    def __init__(self, snapshot: Callable[[], bytes]) -> None:
        self._snapshot = snapshot
        self._pages: set[Page] = set()
        self._number = 0
        self.run = "0"
        self.dropped = 0

    @property
    def pages(self) -> int:
        """How many pages are connected."""
        return len(self._pages)

    def screens(self) -> list[str]:
        """Return the names of the screens whose pages are connected."""
        return sorted({page.screen for page in self._pages if page.screen is not None})

    def join(self, screen: str | None = None) -> Page | None:
        """Return a new page with the snapshot waiting for it, or None when there are too many."""
        if len(self._pages) >= MAX_PAGES:
            return None
        page = Page(screen)
        page.put(b"retry: %d\n" % RETRY_MS + event_bytes("snapshot", f"{self.run}-{self._number}", self._snapshot()))
        self._pages.add(page)
        return page

    def leave(self, page: Page) -> None:
        """Forget a page."""
        page.drop()
        self._pages.discard(page)

    def send(self, name: str, data: bytes) -> None:
        """Queue an event for every page."""
        self._number += 1
        event = event_bytes(name, f"{self.run}-{self._number}", data)
        for page in list(self._pages):
            page.put(event)
            if page.dropped:
                self.dropped += 1
                self._pages.discard(page)

    def close(self) -> None:
        """End every stream."""
        for page in list(self._pages):
            self.leave(page)
