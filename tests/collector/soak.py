"""`make soak-collector`: two collectors under a seeded schedule of kills, freezes and outages; books to the reading.

Real processes: a broker, InfluxDB, two collectors that share the messages, boxes that keep each batch until its receipt
and send it again, and now and then send something bad. At the end everything is healed, every box has its receipts, and

    what each box sent = what the store counts + what is in the quarantine, reading by reading.

The schedule is drawn from the seed before anything starts; what the machine makes of it is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from collector.quarantine import FILE
from collector.quarantine_read import read_rows
from provisioning.brokers.accounts import ensure_password
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.collector.batches import body, reading
from tests.collector.box import Box, box
from tests.collector.test_process import COMMAND, count, write_config
from tests.warm import WarmProcess

BOXES = 4
REPLICAS = ("collector-1", "collector-2")
READINGS = 3
_HEAL_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Event:
    """A fault: when it begins in s, what befalls whom, and for how long in s."""

    at_s: float
    what: str
    whom: str
    lasts_s: float


def schedule(seconds: float, seed: int) -> list[Event]:
    """Return the faults of a run, in time; everything is healed by its end."""
    draw = random.Random(seed)
    events: list[Event] = []
    at_s = 1.0
    while at_s < seconds - 2.5:
        whom = draw.choice([*REPLICAS, *REPLICAS, "influxdb", "broker"])
        what = draw.choice(["kill", "kill", "freeze"])
        lasts_s = min(draw.uniform(0.2, 6.0 if whom != "broker" else 2.0), seconds - at_s - 1.0)
        events.append(Event(round(at_s, 2), what, whom, round(lasts_s, 2)))
        at_s += draw.uniform(0.5, 6.0)
    return events


@dataclass
class Books:
    """What one box sent: readings that are good, and bodies or readings that are refused."""

    good: int = 0
    refused: int = 0
    junk: set[bytes] = field(default_factory=set)


class Machines:
    """The processes, and what befalls them; faults of one process do not overlap."""

    def __init__(self, folder: Path, seed: int) -> None:
        trust = Trust(folder / "authority")
        for name in REPLICAS:
            ensure_password(trust.folder, name)
        self.broker = Mosquitto(folder, "broker", trust, "telemetry")
        self.influxdb = InfluxDB(folder / "influxdb")
        self.collectors = {
            name: WarmProcess([*COMMAND, "run", "--config", str(self._config(folder, name))], name=name, folder=folder)
            for name in REPLICAS
        }
        self.told: Counter[str] = Counter()
        self._busy: dict[str, asyncio.Lock] = {}

    def _config(self, folder: Path, name: str) -> Path:
        # The broker's files are there once it was rendered; the paths are known before.
        return write_config(folder, self.broker, self.influxdb, self.influxdb.database, name=name, group=True)

    def start(self) -> None:
        """Start all, ready."""
        self.influxdb.start()
        self.broker.start()
        for process in self.collectors.values():
            process.start()
        for process in self.collectors.values():
            process.wait_ready()

    def stop(self) -> None:
        """Stop all."""
        for process in (*self.collectors.values(), self.broker, self.influxdb):
            process.stop()

    async def befall(self, event: Event) -> None:
        """Let an event happen and heal it."""
        process = {"influxdb": self.influxdb, "broker": self.broker, **self.collectors}[event.whom]
        async with self._busy.setdefault(event.whom, asyncio.Lock()):
            self.told[f"{event.whom} {event.what}"] += 1
            if event.what == "freeze":
                process.freeze()
                await asyncio.sleep(event.lasts_s)
                process.thaw()
            else:
                process.kill()
                await asyncio.sleep(event.lasts_s)
                await asyncio.to_thread(process.start)


async def _flow(one: Box, books: Books, seed: int, seconds: float) -> None:
    """Send batches, good and bad; the bad ones are fewer than a quarantine keeps of one device."""
    draw = random.Random(seed)
    bad, until_s = min(0.1, 10 / seconds), time.monotonic() + seconds
    number = 0
    while time.monotonic() < until_s:
        readings = [reading(number * READINGS + place) for place in range(READINGS)]
        kind = draw.random()
        if kind < bad / 2:
            junk = f"junk {one.device} {number}".encode()
            books.junk.add(junk)
            await one.send(f"junk-{number}", junk)
        elif kind < bad:
            readings[0] = reading(number, kind="mood")
            books.refused += 1
            books.good += READINGS - 1
            await one.send(number, body(one.device, number, readings=readings))
        else:
            books.good += READINGS
            await one.send(number, body(one.device, number, readings=readings))
        number += 1
        await asyncio.sleep(draw.uniform(0.0, 0.05))


async def run(folder: Path, seconds: float, seed: int, tell: Callable[[str], None]) -> None:
    """Run a soak.

    Raises:
        AssertionError: The books do not balance, or a receipt is missing at the end.
    """
    machines = Machines(folder, seed)
    events = schedule(seconds, seed)
    books = {f"box-{number}": Books() for number in range(BOXES)}
    machines.start()
    try:
        async with AsyncExitStack() as stack:
            boxes = [await stack.enter_async_context(box(machines.broker, name)) for name in books]
            began_s = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                for place, one in enumerate(boxes):
                    tasks.create_task(
                        _flow(one, books[one.device], seed * 100 + place, seconds), name=f"flow-{one.device}"
                    )
                for event in events:
                    tasks.create_task(_at(machines, event, began_s), name=f"{event.whom}-{event.what}")
            for one in boxes:
                await one.all_receipted(_HEAL_TIMEOUT_S)
            sendings = sum(one.sendings for one in boxes)
        for process in machines.collectors.values():
            process.stop()
        _balance(folder, machines, books)
    finally:
        machines.stop()
    told = ", ".join(f"{number} x {what}" for what, number in sorted(machines.told.items()))
    good, refused = (sum(getattr(one, name) for one in books.values()) for name in ("good", "refused"))
    junk = sum(len(one.junk) for one in books.values())
    tell(
        f"{seconds:g} s from seed {seed}: {good} readings stored, {refused} quarantined, {junk} bodies of junk,"
        f" {sendings} sendings; {told}; the books balance"
    )


async def _at(machines: Machines, event: Event, began_s: float) -> None:
    await asyncio.sleep(max(0.0, began_s + event.at_s - time.monotonic()))
    await machines.befall(event)


def _balance(folder: Path, machines: Machines, books: dict[str, Books]) -> None:
    stored = count(machines.influxdb, machines.influxdb.database)
    rows = {row.sha256: row for name in REPLICAS for row in read_rows(folder / name / FILE)}
    for name, one in books.items():
        refused = sum(row.readings for row in rows.values() if row.device == name)
        junk = {row.body for row in rows.values() if row.device == name and not row.readings}
        assert stored.get(name, 0) == one.good, f"{name}: {one.good} good readings, {stored.get(name, 0)} stored"
        assert refused == one.refused, f"{name}: {one.refused} bad readings, {refused} in the quarantine"
        assert junk == one.junk, f"{name}: {len(one.junk)} bodies of junk, {len(junk)} in the quarantine"


def main() -> int:
    """Run as long as told, from a seed."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    logging.disable(logging.WARNING)  # the boxes' sessions say each time that the broker is gone
    for event in schedule(seconds, seed):
        print(f"{event.at_s:7.2f} s  {event.what} {event.whom} for {event.lasts_s:g} s")
    with (
        tempfile.TemporaryDirectory(prefix="siaga-", ignore_cleanup_errors=True) as folder,
        contextlib.suppress(KeyboardInterrupt),
    ):
        asyncio.run(run(Path(folder), seconds, seed, lambda text: print(text, flush=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
