"""A card with a long outage on it, and what an agent does with it: `make bench-edge` judges the figures.

- `fill` runs the agent's own gatherer, lane and SQLite in virtual time, without a link. Half the readings are positions
  of a moving receiver, the others weather, air quality, water level and electrical ones with the noise of real sensors.
  Syncs of this file are left out (`synchronous=OFF`): what lies there is the same, and how long it took nobody asks.
- `resume`: an agent that begins with it, still without a link, is killed and started again.
"""

from __future__ import annotations

import contextlib
import math
import random
import shutil
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.edge_card import proc_line
from benchmarks.edge_status import dropped_but_killed, report, try_report
from contract.batch import FieldValue, decode_batch
from contract.identity import new_stream_id
from edge_agent.batch_commands import Command, ForgetBatches, KeepBatches
from edge_agent.clock import Clock
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import Gatherer
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import TelemetryLane
from siaga.stack.process import Process

RATE_HZ: Final = 10
BUDGET_BYTES: Final = 200_000_000
SETTLE_S: Final = 30.0
_S: Final = 10**9
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What `fill` left: readings, batches, bytes as they lie on the disk, readings dropped, and the s it took."""

    readings: int
    batches: int
    disk_bytes: int
    dropped: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """Two starts with a backlog: s to the first fix, s until all of it was known, and the most RSS in kB after."""

    first_s: float
    known_s: float
    rss_kb: int
    waiting: int
    dropped: int


async def fill(folder: Path, device: str, readings: int, *, ended_ns: int) -> Filled:
    """Fill the data folder of a box as an outage does that ended at a moment.

    Args:
        folder: The data folder; no agent may run on it.
        device: The box's name.
        readings: How many.
        ended_ns: When the last was taken, in ns since 1970.

    Raises:
        SystemExit: The lane asked for anything but keeping: something gave way.
    """
    began_s = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    outbox = BatchOutbox(folder)
    outbox.writer.start()
    await outbox.writer.run(_without_syncs)
    dropped: Counter[str] = Counter()
    clock = Clock(ended_ns - readings * _S // RATE_HZ, 0)
    clock.tell("ntp", ended_ns - readings * _S // RATE_HZ, 0)
    gatherer = Gatherer(clock, dropped)
    lane = TelemetryLane(device, new_stream_id(), dropped, max_bytes=BUDGET_BYTES)
    now_ns = 0
    for number, (sensor, sample) in enumerate(samples(readings)):
        now_ns = number * _S // RATE_HZ
        gatherer.add(sensor, sample, now_ns)
        # What `TelemetryUplink._due` does without a connection; nothing is due between two of these moments.
        due_ns = lane.next_ns(now_ns, sending=False)
        if (gathered := gatherer.close(now_ns, sending=False)) is not None:
            lane.add(gathered.readings, now_ns, since_ns=gathered.since_ns)
        elif due_ns is None or due_ns > now_ns:
            continue
        for command in lane.due(now_ns, sending=False):
            await _obey(command, lane, outbox)
    while (gathered := gatherer.close(now_ns, sending=False, flush=True)) is not None:
        lane.add(gathered.readings, now_ns)
    for command in lane.flush():
        await _obey(command, lane, outbox)
    index = (await outbox.index()).value
    if not outbox.writer.stop(_TIMEOUT_S):
        raise SystemExit("the outbox could not be closed")
    files = [path.stat() for path in folder.iterdir()]
    kept = sum(row.readings for row in index)
    if kept + dropped.total() != readings:
        raise SystemExit(f"{readings} readings made, {kept} kept, {dropped.total()} dropped")
    return Filled(
        kept, len(index), sum(512 * file.st_blocks for file in files), dropped.total(), time.monotonic() - began_s
    )


async def _obey(command: Command, lane: TelemetryLane, outbox: BatchOutbox) -> None:
    if isinstance(command, KeepBatches):
        answer = await outbox.keep(command.rows)
        lane.kept(command.keys, answer.value, answer.file)
    elif isinstance(command, ForgetBatches):
        lane.forgotten((await outbox.forget(command.keys)).file)
    else:
        raise SystemExit(f"the lane asks for {type(command).__name__}: the backlog does not fit")


def _without_syncs(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def samples(count: int) -> Iterator[tuple[str, Sample]]:
    """Yield samples of a box, ten a second: five positions, and five of what stands at a roadside, with their noise."""
    draw = random.Random(1)
    course, place = 0.0, [-6.9147, 107.6098]
    for number in range(count):
        moment_ns = number * _S // RATE_HZ
        if number % 2 == 0:
            course = (course + draw.gauss(0, 4)) % 360
            speed_mps = abs(draw.gauss(8, 3))
            place[0] += speed_mps * 0.2 * math.cos(math.radians(course)) / 111_111
            place[1] += speed_mps * 0.2 * math.sin(math.radians(course)) / 110_300
            yield "gps-1", Sample("position", _position(draw, place, speed_mps, course), moment_ns, None)
        else:
            sensor, kind, fields = _standing(draw, number // 2 % 5, number)
            yield sensor, Sample(kind, fields, moment_ns, None)


def _position(draw: random.Random, place: list[float], speed_mps: float, course: float) -> dict[str, FieldValue]:
    return {
        "latitude": round(place[0], 7),
        "longitude": round(place[1], 7),
        "altitude_m": round(draw.gauss(710, 2), 1),
        "speed_mps": round(speed_mps, 3),
        "course_deg": round(course, 1),
        "satellites": draw.randint(7, 12),
        "hdop": round(draw.uniform(0.7, 1.4), 1),
    }


def _standing(draw: random.Random, turn: int, number: int) -> tuple[str, str, dict[str, FieldValue]]:
    day = math.sin(number / RATE_HZ / 86_400 * 2 * math.pi)
    if turn in (0, 3):
        weather: dict[str, FieldValue] = {
            "temperature_c": round(24 + 5 * day + draw.gauss(0, 0.1), 2),
            "humidity_pct": round(75 - 15 * day + draw.gauss(0, 0.5), 1),
            "pressure_hpa": round(925 + day + draw.gauss(0, 0.1), 2),
            "wind_speed_mps": round(abs(draw.gauss(2, 1)), 2),
            "wind_direction_deg": round(draw.uniform(0, 359), 0),
        }
        return f"weather-{turn}", "weather", weather
    if turn == 1:
        dust: dict[str, FieldValue] = {name: draw.randint(5, 90) for name in ("pm1_ugm3", "pm2_5_ugm3", "pm10_ugm3")}
        return "dust", "air_quality", {name: float(value) for name, value in dust.items()}
    if turn == 2:
        return "river", "water_level", {"level_m": round(1.8 + 0.4 * day + draw.gauss(0, 0.004), 3)}
    voltage_v = round(draw.gauss(226, 2), 1)
    return "meter", "electrical", {"voltage_v": voltage_v, "current_a": round(abs(draw.gauss(1.2, 0.2)), 3)}


# --- an agent that begins with it


def resume(agent: Process, data: Path, fixes: str, expected: int) -> Resumed:
    """Start an agent on a backlog, kill it, and start it again; it is left running.

    Args:
        agent: The agent, not running, whose brokers do not answer.
        data: Its data folder.
        fixes: The sensor whose `fixes` are waited for.
        expected: Readings on the card.
    """
    _start(agent, data, fixes, expected)
    agent.kill()
    first_s, known_s = _start(agent, data, fixes, expected)
    rss_kb, end_s = 0, time.monotonic() + SETTLE_S
    while time.monotonic() < end_s:
        rss_kb = max(rss_kb, int(proc_line(Path(f"/proc/{agent.pid}/status"), "VmHWM")))
        time.sleep(1.0)
    return Resumed(first_s, known_s, rss_kb, report(data)["readings"]["waiting"], dropped_but_killed(data))


def _start(agent: Process, data: Path, fixes: str, expected: int) -> tuple[float, float]:
    began_s = time.monotonic()
    agent.start()
    first_s = None
    while time.monotonic() < began_s + _TIMEOUT_S:
        said = try_report(data)
        if said is not None:
            now_s = time.monotonic() - began_s
            if first_s is None and said["sensors"].get(fixes, {}).get("fixes", 0):
                first_s = now_s
            if first_s is not None and said["readings"]["waiting"] >= expected:
                return first_s, now_s
        time.sleep(0.02)
    raise SystemExit(f"the backlog was not known within {_TIMEOUT_S:g} s; its last lines: {agent.output()[-2000:]}")


def trim(folder: Path, readings: int) -> int:
    """Leave only the oldest batches of a filled folder, with at least so many readings; return how many these have."""
    with contextlib.closing(sqlite3.connect(folder / "telemetry.db")) as connection, connection:
        total, last = 0, 0
        for rowid, count in connection.execute("SELECT rowid, readings FROM kept ORDER BY rowid"):
            total, last = total + count, rowid
            if total >= readings:
                break
        connection.execute("DELETE FROM kept WHERE rowid > ?", (last,))
    return total


def newest_ns(folder: Path) -> int:
    """Return the time of the newest reading of a filled folder."""
    with contextlib.closing(sqlite3.connect(folder / "telemetry.db")) as connection:
        (body,) = connection.execute("SELECT body FROM kept ORDER BY rowid DESC LIMIT 1").fetchone()
    return max(reading["timestamp_ns"] for reading in decode_batch(zlib.decompress(body))["readings"])


def copy(source: Path, data: Path) -> None:
    """Put a filled outbox into a data folder on which no agent runs, in place of what is there."""
    for suffix in ("", "-wal", "-shm"):
        (data / f"telemetry.db{suffix}").unlink(missing_ok=True)
        if (found := source / f"telemetry.db{suffix}").exists():
            shutil.copy(found, data)
