"""Server-sent events to the pages: one encoding and one memory for all; each page is a place in it.

Rules:
- Each event has a number, and its id is the run of the desk and that number. The latest events are kept; a page that
  comes back with the id of the last one it has gets what it missed, nothing else and nothing twice.
- A page that is new, comes from another run, or is so late that what it needs is no longer kept, begins with a
  snapshot. It is not cut off for being late.
- Several pages that need a snapshot within a second share one, and each gets what happened since after it.
- What not everybody may read is encoded a second time, veiled, once for all pages that get that. Numbers are the same.

Format: HTML Living Standard, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

MAX_EVENTS: Final = 2_000
MAX_BYTES: Final = 4_000_000
"""What is kept for pages that come back: so many events, so many bytes, whichever is less."""
MAX_PAGES: Final = 200
"""Pages connected at once."""
CHUNK_BYTES: Final = 65_536
"""What is handed to one page at once, about: what it does not take yet costs no memory."""
RETRY_MS: Final = 1_000
"""How long a page whose stream ended waits before it connects again."""
_SHARE_NS: Final = 10**9


def event_bytes(name: str, event_id: str, data: bytes) -> bytes:
    """Return an event as bytes. `data` is JSON on one line."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), event_id.encode(), data)


class Kept:
    """The latest events, by number.

    Args:
        max_events: How many at most.
        max_bytes: How many bytes at most, but for the last event, whatever its size.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[tuple[bytes, bytes]] = deque()
        self._bytes = 0
        self.last = 0
        """The number of the latest event, 0 before the first."""

    def add(self, event: bytes, veiled: bytes | None = None) -> None:
        """Keep an event under the next number; `veiled` is what of it everybody may read, None when that is all."""
        self.last += 1
        self._events.append((event, event if veiled is None else veiled))
        self._bytes += _size(self._events[-1])
        while len(self._events) > self._max_events or (self._bytes > self._max_bytes and len(self._events) > 1):
            self._bytes -= _size(self._events.popleft())

    def clear(self) -> None:
        """Keep none of the events so far."""
        self._events.clear()
        self._bytes = 0

    def has_after(self, number: int) -> bool:
        """Return whether every event after this one is kept."""
        return self.last - len(self._events) <= number <= self.last

    def after(self, number: int, *, veiled: bool = False) -> tuple[bytes, int]:
        """Return the events after this one, as many as make up a chunk, and the number of the last of them."""
        start = number - (self.last - len(self._events))
        parts: list[bytes] = []
        size = 0
        for position in range(start, len(self._events)):
            event = self._events[position][veiled]
            if parts and size + len(event) > CHUNK_BYTES:
                break
            parts.append(event)
            size += len(event)
        return b"".join(parts), number + len(parts)


def _size(event: tuple[bytes, bytes]) -> int:
    whole, veiled = event
    return len(whole) if veiled is whole else len(whole) + len(veiled)


class Page:
    """One connected page. `screen` is the name it gave itself, if any; `after` the last event it has, None for none.

    `veiled`: it is not given what not everybody may read. `owner`: whose it is, the same for all of one account.
    """

    def __init__(
        self, push: Push, screen: str | None, after: int | None, *, veiled: bool = False, owner: str = ""
    ) -> None:
        self.dropped = False
        self.screen = screen
        self.owner = owner
        self._push = push
        self._after = after
        self._veiled = veiled
        self._rest = memoryview(b"retry: %d\n\n" % RETRY_MS)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def drop(self) -> None:
        """End this page's stream."""
        self.dropped = True
        self._wake.set()

    async def take(self) -> bytes | None:
        """Return some of what the page does not have, or None when its stream ends."""
        while not self.dropped:
            if not self._rest:
                data, self._after = self._push.next_for(self._after, veiled=self._veiled)
                self._rest = memoryview(data)
            if self._rest:
                chunk, self._rest = bytes(self._rest[:CHUNK_BYTES]), self._rest[CHUNK_BYTES:]
                return chunk
            self._wake.clear()
            await self._wake.wait()
        return None


class Push:
    """All connected pages.

    Args:
        snapshot: Makes the data of a snapshot.
        veiled_snapshot: Makes that for pages which may not read everything; without it they get the same.
        kept: What pages that come back can be given.
        monotonic_ns: The monotonic clock.
    """

    def __init__(
        self,
        snapshot: Callable[[], bytes],
        *,
        veiled_snapshot: Callable[[], bytes] | None = None,
        kept: Kept | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._make_snapshot = {False: snapshot, True: veiled_snapshot or snapshot}
        self._kept = Kept() if kept is None else kept
        self._monotonic_ns = monotonic_ns
        self._pages: dict[Page, None] = {}
        self._snapshots: dict[bool, tuple[bytes, int, int]] = {}
        self.run = "0"
        self.resumed = 0
        """Pages that came back and were given what they missed."""
        self.late = 0
        """Connected pages that were so late that they were given a snapshot."""

    @property
    def pages(self) -> int:
        """How many pages are connected."""
        return len(self._pages)

    def screens(self) -> list[str]:
        """Return the names of the screens whose pages are connected."""
        return sorted({page.screen for page in self._pages if page.screen is not None})

    def join(
        self, screen: str | None = None, last_event_id: str | None = None, *, veiled: bool = False, owner: str = ""
    ) -> Page | None:
        """Return a new page, or None when there are too many; whoever has the most of them makes room for others.

        Args:
            screen: Its name, if it has one.
            last_event_id: The id of the last event it has, as it says; what cannot be one counts as none.
            veiled: Whether it may not read everything.
            owner: Whose it is.
        """
        if len(self._pages) >= MAX_PAGES and not self._make_room(owner):
            return None
        after = self._number_of(last_event_id)
        if after is not None:
            self.resumed += 1
        page = Page(self, screen, after, veiled=veiled, owner=owner)
        self._pages[page] = None
        return page

    def leave(self, page: Page) -> None:
        """Forget a page."""
        page.drop()
        self._pages.pop(page, None)

    def send(self, name: str, data: bytes, veiled: bytes | None = None) -> None:
        """Send an event to every page; `veiled` to those that may not read everything, None when it is the same."""
        event_id = f"{self.run}-{self._kept.last + 1}"
        hidden = None if veiled is None else event_bytes(name, event_id, veiled)
        self._kept.add(event_bytes(name, event_id, data), hidden)
        for page in self._pages:
            page.wake()

    def next_for(self, after: int | None, *, veiled: bool = False) -> tuple[bytes, int]:
        """Return what comes after an event for a page, and the number of the last event that it has then."""
        if after is not None and self._kept.has_after(after):
            return self._kept.after(after, veiled=veiled)
        if after is not None:
            self.late += 1
        return self._shared_snapshot(veiled)

    def forget(self) -> None:
        """Give nobody what was said before: texts were erased. Who missed something gets a snapshot."""
        self._kept.clear()
        self._snapshots.clear()

    def close(self) -> None:
        """End every stream."""
        for page in list(self._pages):
            self.leave(page)

    def _make_room(self, owner: str) -> bool:
        """Cut off the oldest page of who has the most, unless the one who asks has about as many."""
        counts = Counter(page.owner for page in self._pages)
        most, count = counts.most_common(1)[0]
        if count <= counts[owner] + 1:
            return False
        self.leave(next(page for page in self._pages if page.owner == most))
        return True

    def _number_of(self, event_id: str | None) -> int | None:
        run, _, number = (event_id or "").rpartition("-")
        if run != self.run or not (number.isascii() and number.isdecimal() and len(number) < 19):
            return None
        return int(number) if self._kept.has_after(int(number)) else None

    def _shared_snapshot(self, veiled: bool) -> tuple[bytes, int]:
        now_ns = self._monotonic_ns()
        if veiled in self._snapshots:
            data, number, made_ns = self._snapshots[veiled]
            if now_ns - made_ns < _SHARE_NS and self._kept.has_after(number):
                return data, number
        number = self._kept.last
        data = event_bytes("snapshot", f"{self.run}-{number}", self._make_snapshot[veiled]())
        self._snapshots[veiled] = data, number, now_ns
        return data, number
