"""Makes each minute's street speeds of the store's positions and writes them back, for as long as it runs.

A minute is made once it is SETTLED_S old, when a box on a good link has told all of it. The last MADE_AGAIN minutes are
made at a start, so that a restart leaves no hole; the same minute again is the same points. Best effort: while the
store is out nothing is made, and when it is back the minutes of the outage are, up to as many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from dashboards.traffic.matching import Streets
from dashboards.traffic.minutes import GAP_S, MEASUREMENT, Fix, StreetSpeed, speeds
from store import Store, StoreError
from store.layout import RAW
from store.lines import line
from store.protocol import Row

_log = logging.getLogger("siaga.walls.traffic")

MINUTE_NS: Final = 60 * 10**9
SETTLED_S: Final = 90.0
MADE_AGAIN: Final = 15
LOOK_S: Final = 10.0
_MOST_ROWS: Final = 2_500
"""Of one vehicle and minute: 210 s at 10 Hz, and some."""


async def run(
    read: Store,
    write: Store,
    streets: Streets,
    *,
    posts: Collection[str] = (),
    now_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    counters: Counter[str] | None = None,
) -> None:
    """Make street speeds until cancelled.

    Args:
        read: The store, entered, as an account that may read.
        write: The same as one that may write; may be the same object.
        streets: The city's streets.
        posts: The boxes that stand somewhere: one beside a street is no jam.
        now_ns: The clock, since 1970.
        sleep: Waits, in seconds.
        counters: Where minutes, points and troubles are counted.
    """
    counted = Counter[str]() if counters is None else counters
    next_ns = _settled(now_ns()) - MADE_AGAIN * MINUTE_NS
    trouble: str | None = None
    while True:
        settled_ns = _settled(now_ns())
        next_ns = max(next_ns, settled_ns - MADE_AGAIN * MINUTE_NS)
        try:
            while next_ns < settled_ns:
                counted["points"] += await make(read, write, streets, next_ns, posts)
                counted["minutes"] += 1
                next_ns += MINUTE_NS
        except StoreError as error:
            counted["troubles"] += 1
            if trouble is None:
                _log.warning("street speeds wait for the store: %s", error)
            trouble = str(error)
        else:
            if trouble is not None:
                _log.info("street speeds are made again")
            trouble = None
        await sleep(LOOK_S)


async def make(read: Store, write: Store, streets: Streets, begin_ns: int, posts: Collection[str] = ()) -> int:
    """Make one minute, without the boxes in `posts`; return how many streets were written.

    Raises:
        StoreError: As `Store.query` and `Store.write`.
    """
    end_ns, gap_ns = begin_ns + MINUTE_NS, round(GAP_S * 1e9)
    rows = await read.query(
        f'SELECT "latitude", "longitude", "speed_mps", "course_deg" FROM "{RAW}"."position"'
        f' WHERE time >= {begin_ns - gap_ns} AND time < {end_ns + gap_ns} GROUP BY "device" LIMIT {_MOST_ROWS}'
    )
    found = speeds(fixes_of([row for row in rows if row["device"] not in posts]), begin_ns, end_ns, streets)
    if found:
        await write.write("\n".join(line_of(one) for one in found).encode())
    return len(found)


def fixes_of(rows: list[Row]) -> dict[str, list[Fix]]:
    """Return the fixes in the store's answer by device, by time; a position without a speed says nothing here."""
    fixes: dict[str, list[Fix]] = {}
    for row in rows:
        device, at, speed, course = row["device"], row["time"], row["speed_mps"], row["course_deg"]
        latitude, longitude = row["latitude"], row["longitude"]
        if isinstance(speed, int | float) and isinstance(at, int):
            fix = Fix(
                at, _number(latitude), _number(longitude), float(speed), None if course is None else _number(course)
            )
            fixes.setdefault(str(device), []).append(fix)
    return fixes


def line_of(one: StreetSpeed) -> str:
    """Return a street's speed as a line of the store."""
    fields = {"speed_mps": float(one.speed_mps), "vehicles": one.vehicles}
    return line(MEASUREMENT, {"street": one.street}, fields, one.time_ns)


def _settled(now_ns: int) -> int:
    """Return where the first minute begins that is not settled yet."""
    return int(now_ns - SETTLED_S * 1e9) // MINUTE_NS * MINUTE_NS


def _number(value: str | int | float | None) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
