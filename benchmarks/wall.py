"""The walls over a simulated day and a year: how long each dashboard's questions take, all of them asked at once.

A database of its own is filled with the day that `siaga simulate history` writes, up to now, with 30 days of values of
a minute and a year of values of an hour: those of the day, again and again. BOXES (500) and VEHICLES (60) make the
city; ROUNDS (9) is how often each is asked. The store is the machine's own InfluxDB, which the bench, and nothing
else, should share the machine with.
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
from contract.chronicle import BOX_REPORT, DESK_BEAT, INCIDENT
from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard
from dashboards.ranges import Range, ask
from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from simulator.history.day import Day, simulate
from simulator.history.plan import HOUR, MINUTE, Plan, S
from simulator.history.rollup import rolled
from simulator.history.series import Series
from simulator.history.writing import PORTION, write
from store import Account, InfluxDB1
from store.beside import BOX_HISTORY, DESK_HISTORY, FLEET, STREET_SPEED

DAY_TARGET_S: Final = 1.0
YEAR_TARGET_S: Final = 2.0
OF_EACH: Final = 10
"""Values of health, and those of a minute of reports and positions, are of each tenth box only; a dashboard
shows one."""
_DAY: Final = 24 * HOUR
_MINUTES: Final = ("minute", MINUTE, 30)
_HOURS: Final = ("hour", HOUR, 365)
"""A policy, how long its values are, and for how many days they are written."""
_SPANS: Final = (("day", 1), ("month", 30), ("year", 365))
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
        points, values, took_s = await _fill(admin, day)
        print(f"{points} points of a day, {values} values of 30 days and a year, written in {took_s:.0f} s", flush=True)
        samples: list[tuple[str, str, float, int]] = []
        worst: dict[str, tuple[float, str]] = {}
        for span, days in _SPANS:
            for board in DASHBOARDS.values():
                taken = [await _ask(reader, board, day, days * _DAY) for _ in range(rounds)]
                samples += [(span, board.uid, took, rows) for took, rows in taken]
                median = statistics.median(took for took, _ in taken)
                worst[span] = max(worst.get(span, (0.0, "")), (median, board.uid))
                print(f"{span}: {board.uid} {median:.3f} s, {taken[-1][1]} rows", flush=True)
    targets = {"day": DAY_TARGET_S, "month": None, "year": YEAR_TARGET_S}
    figures = [
        Figure(f"a {span}, the heaviest dashboard ({worst[span][1]})", worst[span][0], target, "s", digits=3)
        for span, target in targets.items()
    ]
    figures += [
        Figure("points of the day", points, None, "points", digits=0),
        Figure("values of a minute and of an hour", values, None, "values", digits=0),
    ]
    return conclude(figures, keep_samples("wall", ("span", "dashboard", "seconds", "rows"), samples))


async def _fill(admin: InfluxDB1, day: Day) -> tuple[int, int, float]:
    """Write the day, and values of 30 days and a year; return how many of each, and how long it took in s."""
    began_s = time.monotonic()
    points = values = 0
    fleet: dict[tuple[str, int], dict[int, int]] = {(_MINUTES[0], MINUTE): {}, (_HOURS[0], HOUR): {}}
    for one in day.series():
        points += (await write(admin, [one])).total()
        if one.measurement == BOX_REPORT:
            for (_, step_ns), most in fleet.items():
                for at, waiting in zip(one.times, one.columns["waiting"], strict=True):
                    start = at // step_ns * step_ns
                    most[start] = max(most.get(start, 0), int(waiting or 0))
        for policy, step_ns, days in (_MINUTES, _HOURS):
            made = _values(one, step_ns)
            if made is not None:
                values += await _again(admin, made, policy, days)
    for (policy, step_ns), most in fleet.items():
        of_all = Series(FLEET, {}, {"waiting": "q"})
        for at in sorted(most):
            of_all.add(at, most[at])
        values += await _again(admin, of_all, policy, 30 if step_ns == MINUTE else 365)
    return points, values, time.monotonic() - began_s


def _values(series: Series, step_ns: int) -> Series | None:
    """Return a series' values of a minute or hour, or None where a dashboard asks for none of it."""
    name = series.measurement
    if name == INCIDENT:
        return series if step_ns == HOUR else None
    tenth = int(series.tags.get("device", "box-1").partition("-")[2]) % OF_EACH == 1
    if not tenth and (name == "box_health" or (step_ns == MINUTE and name in (BOX_REPORT, "position"))):
        return None
    made = rolled(series, step_ns)
    if name == BOX_REPORT:
        return _some_of(made, BOX_HISTORY, ("waiting", "dropped", "faults"), ("clock",))
    if name == STREET_SPEED:
        return _some_of(made, STREET_SPEED, ("vehicles",), ("speed_mps",))
    if name == DESK_BEAT:
        found = Series(DESK_HISTORY, series.tags, {"beats": "d"})
        for place, at in enumerate(made.times):
            found.add(at, float(made.value("readings", place) or 0) * MINUTE / step_ns)
        return found
    return made


def _some_of(made: Series, name: str, whole: tuple[str, ...], others: tuple[str, ...]) -> Series:
    """Return some fields under another name; whole numbers are so in the store, which takes no other type beside."""
    shape = dict.fromkeys(whole, "q") | {field: made.shape[field] for field in others}
    found = Series(name, made.tags, shape)
    for place, at in enumerate(made.times):
        numbers = [int(float(made.value(field, place) or 0)) for field in whole]
        found.add(at, *numbers, *(made.value(field, place) for field in others))
    return found


async def _again(admin: InfluxDB1, made: Series, policy: str, days: int) -> int:
    """Write the values of a day to each of the days before it; incidents to each day of a year."""
    lines = _days(made, days)
    written = 0
    while portion := await asyncio.to_thread(_some, lines):
        await admin.write("\n".join(portion).encode(), policy=policy)
        written += len(portion)
    return written


def _days(made: Series, days: int) -> Iterator[str]:
    for text in made.lines(late=False):
        fields, _, at = text.rpartition(" ")
        for before in range(1, days):
            yield f"{fields} {int(at) - before * _DAY}"


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
