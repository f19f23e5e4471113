"""The telemetry lane at work: how often it looks again, and what it does when card or broker fail it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from contract.batch import Range, Reading, TelemetryReceipt
from contract.messages import encode
from edge_agent import telemetry_uplink
from edge_agent.batch_commands import KeepBatches, Key
from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import GROWN_AGE_NS, Gatherer
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane
from edge_agent.telemetry_uplink import TelemetryUplink
from edge_agent.workers import Workers
from link import Endpoint, Session
from siaga.stack.mosquitto import Mosquitto

S = 10**9
DEAD = Endpoint("127.0.0.1", 1)


def position(number: int, draw: random.Random) -> Reading:
    fields = {"latitude": draw.uniform(-9, -5), "longitude": draw.uniform(100, 110)}
    return Reading(timestamp_ns=number * S, sensor="gps", kind="position", fields={**fields}, clock="gnss")


class Bench:
    """An uplink over a real outbox, without a connection unless a broker is given."""

    def __init__(self, folder: Path, broker: Endpoint = DEAD) -> None:
        self.dropped: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.draw = random.Random(1)
        self.outbox = BatchOutbox(folder)
        self.lane = TelemetryLane("box-1", "00000000000000aa", self.dropped, max_bytes=10**9)
        self.workers = Workers(self.faults)
        self.standstill_ns: int | None = None
        self.asked = 0
        self.session = Session(broker, "probe", keep_alive_s=60, on_connect=lambda: self.uplink.connected())
        self.uplink = TelemetryUplink(
            "box-1",
            self.session,
            self.workers,
            outbox=self.outbox,
            lane=self.lane,
            gatherer=Gatherer(Clock(0, 0), self.dropped),
            stands_still_until_ns=self._stands_still_until_ns,
        )
        self.added = 0

    def _stands_still_until_ns(self) -> int | None:
        self.asked += 1
        return self.standstill_ns

    def add(self, batches: int, *, positions: int = 60) -> None:
        for _ in range(batches):
            self.lane.add([position(self.added + number, self.draw) for number in range(positions)], 0)
            self.added += positions

    async def carry_out(self) -> None:
        """Let the card do what is due, until nothing is."""
        now_ns = time.monotonic_ns() + KEEP_AFTER_NS
        for _ in range(50):
            commands = self.lane.due(now_ns, sending=False)
            if not commands:
                return
            for command in commands:
                await self.uplink._carry_out(command)
        raise AssertionError("it goes on for ever")

    def check_books(self) -> None:
        assert self.added == self.lane.receipted + self.lane.waiting + self.dropped.total()
        assert self.lane.waiting == self.lane.in_memory + self.lane.on_disk


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.outbox.writer.start()
    yield bench
    bench.outbox.writer.stop()


@pytest.mark.slow
async def test_a_standstill_that_is_over_without_a_connection_makes_nothing_spin(bench: Bench) -> None:
    bench.standstill_ns = time.monotonic_ns() - 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bench.uplink.run()
    assert bench.asked <= 4


class Watching:
    """Notes what a watcher hears, and what the lane had in memory then."""

    def __init__(self, lane: TelemetryLane) -> None:
        self._lane = lane
        self.heard: list[tuple[str, int]] = []

    def changed(self) -> None:
        self.heard.append(("changed", self._lane.in_memory))

    def keeping(self, keys: tuple[Key, ...]) -> None:
        self.heard.append((f"keeping {len(keys)}", self._lane.in_memory))

    def answered(self, keys: tuple[Key, ...]) -> None:
        self.heard.append((f"answered {len(keys)}", self._lane.in_memory))


async def test_the_books_hear_of_each_command_to_the_card_and_of_its_answer(bench: Bench) -> None:
    watching = Watching(bench.lane)
    bench.uplink._books = watching
    bench.add(2)
    await bench.uplink.keep_all()
    assert watching.heard == [("keeping 2", 120), ("answered 2", 0)]


async def test_the_books_hear_of_a_receipt(bench: Bench) -> None:
    watching = Watching(bench.lane)
    bench.uplink._books = watching
    bench.add(2)
    receipt = TelemetryReceipt(device="box-1", ranges=[Range(stream=bench.lane.stream, first=0, last=0)])
    bench.uplink.hear_receipt(encode(receipt))
    assert watching.heard == [("changed", 60)]


def test_a_batch_that_grew_for_30_s_goes_to_the_card_at_once(bench: Bench) -> None:
    clock = Clock(0, 0)
    clock.tell("ntp", EARLIEST_NS, 0)
    gatherer = bench.uplink._gatherer = Gatherer(clock, bench.dropped)
    gatherer.add("level", Sample("water_level", {"level_m": 1.0}, 5, None), 5)
    assert bench.uplink._due(4 + GROWN_AGE_NS, sending=False) == []
    (command,) = bench.uplink._due(5 + GROWN_AGE_NS, sending=False)
    assert isinstance(command, KeepBatches)


async def _fill_card(bench: Bench) -> None:
    """Let the file grow no more, as on a card that others have filled."""

    def job(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    await bench.outbox.writer.run(job)


async def test_fault_6_on_a_full_card_telemetry_gives_way_by_class_and_is_counted(bench: Bench, tmp_path: Path) -> None:
    await bench.outbox.index()
    reserve = tmp_path / "telemetry.reserve"
    assert reserve.exists()
    bench.add(40)
    await bench.carry_out()
    assert (bench.lane.on_disk, bench.dropped.total()) == (40 * 60, 0)
    await _fill_card(bench)
    bench.add(20)
    await bench.carry_out()
    assert bench.dropped.keys() == {"thinned"}, "first the positions between"
    assert bench.lane.in_memory == 0, "and with the room they made all is kept"
    assert not reserve.exists(), "it gave room to the log"
    bench.check_books()
    while "disk budget" not in bench.dropped:
        bench.add(20)
        await bench.carry_out()
        bench.check_books()
    kept = (await bench.outbox.index()).value
    assert sum(row.readings for row in kept) == bench.lane.on_disk
    assert kept[-1].key[1] == bench.added // 60 - 1, "the newest is there"
    assert bench.faults["card"] > 0


async def test_fault_6_a_stop_on_a_full_card_keeps_the_newest_and_the_oldest_give_way(bench: Bench) -> None:
    await bench.outbox.index()
    bench.add(40)
    await bench.carry_out()
    await _fill_card(bench)
    bench.add(20)
    await bench.uplink.keep_all()
    assert bench.lane.in_memory == 0
    assert bench.dropped.total() > 0
    bench.check_books()
    assert (await bench.outbox.index()).value[-1].key[1] == bench.added // 60 - 1


async def test_a_stop_on_a_card_that_refuses_all_asks_no_more_than_once(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "telemetry.db").mkdir()
    (tmp_path / "telemetry.db" / "in the way").touch()
    bench.outbox.writer._put_aside = _refuse  # type: ignore[method-assign]
    bench.add(2)
    await bench.uplink.keep_all()
    assert (bench.lane.in_memory, bench.faults["card"]) == (120, 1)


def _refuse() -> None:
    raise OSError("the card takes nothing")


async def test_fault_11_a_file_lost_under_the_agent_is_counted_and_what_is_in_memory_is_kept_again(
    bench: Bench, tmp_path: Path
) -> None:
    bench.add(3)
    await bench.carry_out()
    for part in tmp_path.glob("telemetry.db*"):
        part.unlink()
    bench.add(2)
    stream = bench.lane.stream
    await bench.carry_out()
    assert bench.dropped == {"outbox set aside": 180}
    assert bench.lane.stream != stream
    assert bench.faults["outbox of readings set aside"] == 1
    assert [row.key[1] for row in (await bench.outbox.index()).value] == [3, 4]
    bench.check_books()


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            bench.workers.group = group
            group.create_task(bench.session.run())
            group.create_task(bench.uplink.run())

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.slow
async def test_a_broker_that_never_answers_a_batch_loses_its_connection_in_the_end(
    tmp_path: Path, telemetry_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_uplink, "PUBACK_S", 0.3)
    bench = Bench(tmp_path, telemetry_broker.probe())
    session = bench.session
    bench.outbox.writer.start()
    try:
        async with running(bench), asyncio.timeout(20):
            await session.wait_connected()
            telemetry_broker.freeze()
            bench.add(1)
            bench.uplink.wake()
            began_s = time.monotonic()
            while session.connected:  # noqa: ASYNC110 - its state is all it shows
                await asyncio.sleep(0.02)
            assert time.monotonic() - began_s < 4, "it waits as long as it is told, not as long as others wait"
            monkeypatch.setattr(telemetry_uplink, "PUBACK_S", 600.0)
            telemetry_broker.thaw()
            while not bench.lane.rate.measured:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.02)
    finally:
        bench.outbox.writer.stop()
    assert session.connects >= 2
    assert bench.lane.waiting == 60, "nobody has receipted it"
