"""Sees to it that a store loses nothing of what comes first for a day.

InfluxDB 1.x and 2.x hold what came last in a cache, one for each shard, made at its first write. While one request
makes it, another one of the same moment takes it for made and finds none yet: its points go into the log alone, and the
answer is 204. No question finds them, and once the cache is written out the log goes, and they with it; a restart
before that brings them back. (`Cache.init` in `tsdb/engine/tsm1/cache.go`, in 1.6.7 as in 1.12 and 2.7; with sixteen
connections on two busy processors 2 shards of 46,600 lost 1 and 4 writes.) A cache is given up when its shard is idle,
and is not there after a restart of the store. So:

- The first write for a day goes alone; others for it wait until it is answered. First is also who comes after a minute
  in which nothing was written for the day, or after the store was in trouble.
- Where others write to the same store, or a request of ours may still be at work in it, the first write is written
  again a second later: whatever cache had been begun is made by then. A repeat is the same points.

Shards are days or whole numbers of days, see `store.layout`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from operator import itemgetter
from typing import Final

from store.errors import StoreRetryError

SETTLED_S: Final = 1.0
"""After how long a request that was at work is done with a step of it, whatever the machine is busy with."""
KNOWN_S: Final = 60.0
MAX_DAYS: Final = 4_096
_DAY_NS: Final = 86_400 * 10**9
_DIGITS: Final = 19
"""Of a time in ns since 1970, from 2001 to 2286."""
_BELOW: Final = 10
_TENS_OF_S: Final = itemgetter(slice(-_DIGITS, -_BELOW))
_DAY_TENS: Final = _DAY_NS // 10**_BELOW


class FirstWrites:
    """The order of one client's writes.

    Args:
        others: Whether others write to the same database, too.
        settled_s: Between a write and its repeat, in seconds.
        now_s: The time in seconds, by any clock that never goes back.
    """

    def __init__(
        self, *, others: bool = False, settled_s: float = SETTLED_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._others = others
        self._settled_s = settled_s
        self._now_s = now_s
        self._alone = asyncio.Lock()
        self._written_s: dict[tuple[str, int], float] = {}
        self._unanswered = False

    async def write(self, of: Collection[int], policy: str, send: Callable[[], Awaitable[None]]) -> None:
        """Send lines, when it is their turn.

        Args:
            of: Their days, see `days_of`.
            policy: The retention policy they go to.
            send: Sends them; what it raises is raised.
        """
        days = [(policy, day) for day in of]
        if not self._known(days):
            async with self._alone:
                if not self._known(days):
                    await self._send_first(send)
                    self._note(days)
                    return
        await self._send(send)
        self._note(days)

    def unanswered(self) -> None:
        """Note that a request was given up which may still be at work in the store."""
        self._unanswered = True

    async def _send_first(self, send: Callable[[], Awaitable[None]]) -> None:
        await self._send(send)
        if self._others or self._unanswered:
            await asyncio.sleep(self._settled_s)
            await self._send(send)
            self._unanswered = False

    async def _send(self, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await send()
        except StoreRetryError:
            self._written_s.clear()
            raise

    def _known(self, days: list[tuple[str, int]]) -> bool:
        since_s = self._now_s() - KNOWN_S
        return all(self._written_s.get(day, -KNOWN_S) > since_s for day in days)

    def _note(self, days: list[tuple[str, int]]) -> None:
        now_s = self._now_s()
        for day in days:
            self._written_s[day] = now_s
        if len(self._written_s) > MAX_DAYS:
            self._written_s = {day: at_s for day, at_s in self._written_s.items() if at_s > now_s - KNOWN_S}
            while len(self._written_s) > MAX_DAYS:
                del self._written_s[next(iter(self._written_s))]


def days_of(lines: bytes) -> set[int]:
    """Return the days of the lines' times, counted since 1970; a line without a time has none."""
    several = lines.split(b"\n")
    # Times of as many digits are in the order of their bytes: nearly all bodies are of one day, and need no more.
    times = [line[-_DIGITS:] for line in several]
    first, last = _day(min(times)), _day(max(times))
    if first is not None and first == last:
        return {first}
    days = {_day(line.rpartition(b" ")[2]) for line in several}
    return {day for day in days if day is not None}


def days_of_ends(ends: Iterable[str]) -> set[int]:
    """Return the days of what ends with a time in ns, counted since 1970; one without a time has none."""
    tens_of_s = set(map(_TENS_OF_S, ends))
    return {int(digits) // _DAY_TENS for digits in tens_of_s if digits.isdigit()}


def _day(digits: bytes) -> int | None:
    return int(digits) // _DAY_NS if digits.isdigit() else None
