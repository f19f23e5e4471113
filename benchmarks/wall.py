"""The walls over a simulated day and a year: how long each dashboard's questions take, all of them asked at once.

A database of its own is filled with the day that `siaga simulate history` writes, up to now, and with a year of values
of an hour: those of the day, 365 times. BOXES (500) and VEHICLES (60) make the city; ROUNDS (9) is how often each is
asked. The store is the machine's own InfluxDB, which the bench, and nothing else, should share the machine with.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, conclude, keep_samples
from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard
from dashboards.ranges import Range, ask
from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from simulator.history.day import Day, simulate
from simulator.history.plan import HOUR, Plan, S
from simulator.history.rollup import rolled
from simulator.history.series import Series
from simulator.history.writing import PORTION, write
from store import Account, InfluxDB1

DAY_TARGET_S: Final = 1.0
YEAR_TARGET_S: Final = 2.0
DAYS: Final = 365
HEALTH_OF_EACH: Final = 10
"""A year of box health is written of each tenth box; a dashboard shows one."""
_DAY: Final = 24 * HOUR
_TIMEOUT_S: Final = 120.0


def main() -> int:
    """Run it; 1 when a figure is short."""
    boxes, vehicles = int(os.environ.get("BOXES") or 500), int(os.environ.get("VEHICLES") or 60)
    plan = Plan.until(time.time_ns() // S * S, 24, boxes=boxes, vehicles=vehicles)
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        server = InfluxDB(Path(folder))
        server.start()
        try:
            server.set_up()
            return asyncio.run(_measure(server, simulate(plan), int(os.environ.get("ROUNDS") or 9)))
        finally:
            server.stop()


async def _measure(server: InfluxDB, day: Day, rounds: int) -> int:
    admin, reader = (_store(server, name) for name in (ADMIN, READER))
    async with admin, reader:
        points, year_points, took_s = await _fill(admin, day)
        print(f"{points} points of a day and {year_points} of a year written in {took_s:.0f} s")
        samples: list[tuple[str, str, float, int]] = []
        worst: dict[str, tuple[float, str]] = {}
        for span, length_ns in (("day", _DAY), ("year", DAYS * _DAY)):
            for board in DASHBOARDS.values():
                taken = [await _ask(reader, board, day, length_ns) for _ in range(rounds)]
                samples += [(span, board.uid, took, rows) for took, rows in taken]
                median = statistics.median(took for took, _ in taken)
                worst[span] = max(worst.get(span, (0.0, "")), (median, board.uid))
                print(f"{span}: {board.uid} {median:.3f} s, {taken[-1][1]} rows", flush=True)
    figures = [
        Figure(f"a day, the heaviest dashboard ({worst['day'][1]})", worst["day"][0], DAY_TARGET_S, "s", digits=3),
        Figure(f"a year, the heaviest dashboard ({worst['year'][1]})", worst["year"][0], YEAR_TARGET_S, "s", digits=3),
        Figure("points of the day", points, None, "points", digits=0),
        Figure("points of the year, an hour each", year_points, None, "points", digits=0),
    ]
    return conclude(figures, keep_samples("wall", ("span", "dashboard", "seconds", "rows"), samples))


async def _fill(admin: InfluxDB1, day: Day) -> tuple[int, int, float]:
    """Write the day, and its values of an hour for a year; return how many points each has, and how long it took."""
    began_s = time.monotonic()
    points = year = 0
    for one in day.series():
        points += (await write(admin, [one])).total()
        lines = _year(one)
        while portion := await asyncio.to_thread(_some, lines):
            await admin.write("\n".join(portion).encode(), policy="hour")
            year += len(portion)
    return points, year, time.monotonic() - began_s


def _year(series: Series) -> Iterator[str]:
    """Yield a year of values of an hour, before the day; incidents of each of its days."""
    if series.measurement == "incident":
        hours = series
    elif series.measurement == "box_health" and int(series.tags["device"].partition("-")[2]) % HEALTH_OF_EACH != 1:
        return
    elif "sensor" in series.tags:
        hours = rolled(series, HOUR)
    else:
        return
    for text in hours.lines(late=False):
        fields, _, at = text.rpartition(" ")
        for days in range(1, DAYS):
            yield f"{fields} {int(at) - days * _DAY}"


def _some(lines: Iterable[str]) -> list[str]:
    return list(islice(lines, PORTION))


async def _ask(reader: InfluxDB1, board: Dashboard, day: Day, length_ns: int) -> tuple[float, int]:
    """Ask all questions of a dashboard at once, as its page does; return the time to the last answer, and the rows."""
    now_ms = time.time_ns() // 10**6
    shown = Range(now_ms - length_ns // 10**6, now_ms)
    device, sensor = {
        "siaga_vehicle": (day.plan.moving[0], ""),
        "siaga_box": (day.plan.fixed[0], ""),
        "siaga_sensor": (day.plan.air_boxes[0], "air"),
    }.get(board.uid, ("", ""))
    texts = [
        ask(question.influxql, shown, device=device, sensor=sensor)
        for panel in board.panels
        for question in panel.questions
    ]
    began_s = time.perf_counter()
    answers = await asyncio.gather(*(reader.query(text) for text in texts))
    return time.perf_counter() - began_s, sum(len(rows) for rows in answers)


def _store(server: InfluxDB, name: str) -> InfluxDB1:
    account = Account(name, server.password_file(name))
    return InfluxDB1(server.url, server.database, account, timeout_s=_TIMEOUT_S)


if __name__ == "__main__":
    raise SystemExit(main())
