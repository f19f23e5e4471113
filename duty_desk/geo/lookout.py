"""Asks the store what is near a place, without ever being waited for by an alarm.

One question at a time, at most one in two seconds: who asks meanwhile gets the answer that came last. A store that is
silent for 1.5 s is said to be silent; the last answer is shown with its age, as it is older than it was.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from contract.inventory import Inventory
from duty_desk.geo.nearby import Camera, Sensor, Surroundings, Vehicle, positions_query, sensors_query
from duty_desk.geo.shapes import Point
from store import Account, Row, StoreError, StoreSettings

TIMEOUT_S: Final = 1.5
KEPT_S: Final = 2.0
MAX_KEPT: Final = 64
"""Different questions whose last answer is remembered."""
MAX_AGE_S: Final = 1_800.0
"""An answer of a store that fell silent is shown no longer than this."""

StoreState = Literal["none", "good", "silent"]
_log = logging.getLogger("siaga.desk.map")


@dataclass(frozen=True, slots=True)
class Nearby:
    """What is near a place. `store`: there is none, it answered, or it is silent and this is the last that came."""

    store: StoreState
    vehicles: list[Vehicle]
    sensors: list[Sensor]
    cameras: list[Camera]


@dataclass(slots=True)
class _Kept:
    asked_s: float = float("-inf")
    answered_s: float = float("-inf")
    rows: tuple[Row, ...] = ()
    good: bool = False


class Lookout:
    """What is near a place, as the inventory and the store know it.

    Args:
        inventory: What stands where.
        settings: Where the store is; None without one.
        account: Who we are to it.
        now_ns: The centre's clock.
        monotonic_s: A clock that never jumps.
    """

    def __init__(
        self,
        inventory: Inventory,
        settings: StoreSettings | None,
        account: Account | None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._around = Surroundings(inventory)
        self._settings = settings
        self._account = account
        self._now_ns = now_ns
        self._monotonic_s = monotonic_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = asyncio.Lock()
        self._told = False
        self._silent_until_s = float("-inf")

    async def near(self, at: Point) -> Nearby:
        """Return what is near a place, after two time-outs at most."""
        cameras = self._around.cameras_near(at)
        if self._settings is None:
            return Nearby("none", [], [], cameras)
        queries = [positions_query()]
        devices = self._around.devices_near(at)
        if devices:
            queries.append(sensors_query(devices))
        await self._refresh(queries)
        kept = [self._of(query) for query in queries]
        now_ns = self._now_ns()
        vehicles = self._around.vehicles(kept[0].rows, at, now_ns)
        sensors = self._around.sensors(kept[1].rows, at, now_ns) if devices else []
        state: StoreState = "good" if all(one.good for one in kept) else "silent"
        return Nearby(state, vehicles, sensors, cameras)

    async def _refresh(self, queries: list[str]) -> None:
        """Ask what was not asked just now. Who comes while somebody asks waits for that answer, no longer."""
        async with self._lock:
            now_s = self._monotonic_s()
            due = [query for query in queries if now_s - self._of(query).asked_s >= KEPT_S]
            if not due:
                return
            if now_s < self._silent_until_s:
                self._failed(due)
                return
            try:
                answers = await self._ask(due)
            except StoreError as error:
                # All who wait behind this one would wait as long, each after the other.
                self._silent_until_s = self._monotonic_s() + KEPT_S
                if not self._told:
                    _log.warning("the map: no answer from the store: %s", error)
                self._told = True
                self._failed(due)
                return
            self._told = False
            for query, rows in zip(due, answers, strict=True):
                at_s = self._monotonic_s()
                self._keep(query, _Kept(at_s, at_s, tuple(rows), good=True))

    async def _ask(self, queries: list[str]) -> list[list[Row]]:
        assert self._settings is not None
        # InfluxQL and its answers are the same in every generation, so the first one's way does for all.
        # In a thread, as it takes a while the first time, and not at the start of a desk that has to come back.
        client = await asyncio.to_thread(importlib.import_module, "store.influxdb1")
        store = client.InfluxDB1(self._settings.url, self._settings.database, self._account, timeout_s=TIMEOUT_S)
        async with store:
            return list(await asyncio.gather(*(store.query(query) for query in queries)))

    def _failed(self, queries: list[str]) -> None:
        now_s = self._monotonic_s()
        for query in queries:
            kept = self._of(query)
            rows = kept.rows if now_s - kept.answered_s <= MAX_AGE_S else ()
            self._keep(query, _Kept(now_s, kept.answered_s, rows))

    def _of(self, query: str) -> _Kept:
        return self._kept.get(query) or _Kept()

    def _keep(self, query: str, kept: _Kept) -> None:
        self._kept[query] = kept
        self._kept.move_to_end(query)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def as_json(nearby: Nearby) -> dict[str, Any]:
    """Return it as the page takes it."""
    return {
        "store": nearby.store,
        "vehicles": [_fields(one) for one in nearby.vehicles],
        "sensors": [{**_fields(one), "values": [_fields(each) for each in one.values]} for one in nearby.sensors],
        "cameras": [_fields(one) for one in nearby.cameras],
    }


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}
