"""A real agent, killed at seeded moments: what it says it lost is held against what went in and what came out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import random
import sys
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.batch import Range, TelemetryReceipt, decode_batch
from contract.errors import TopicError
from contract.messages import Lamps, encode
from contract.topics import parse_up
from edge_agent.books import LOST, Note, decode_note
from edge_agent.runtime_file import open_runtime_file
from edge_agent.status_socket import Place, SilentAgentError, ask
from link import LinkError, Session
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.warm import WarmProcess

BOX = "box-1"
LIVES = 5
# The agent as it is, but for the 30 s after which a batch goes to the card: so that kills meet commits.
_AGENT = """
import sys
from edge_agent import telemetry_lane
telemetry_lane.KEEP_AFTER_NS = 150_000_000
from edge_agent.main import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Centre:
    """A collector that stores everything, and gives receipts for half of it until the calm."""

    draw: random.Random
    calm: bool = False
    stored: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    receipted: dict[tuple[str, int], tuple[float, set[tuple[str, int]]]] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.session: Session | None = None

    def heard(self, topic: str, body: bytes, retained: bool) -> None:
        try:
            kind = parse_up(topic).kind
        except TopicError:
            return
        if kind != "telemetry":
            return
        batch = decode_batch(body)
        key = (batch["stream"], batch["batch"])
        points = {(reading["sensor"], reading["timestamp_ns"]) for reading in batch["readings"]}
        for point in points:
            self.stored[point] = key
        if self.calm or self.draw.random() < 0.5:
            self._spawn(self._receipt(key, points))

    async def tell_time(self) -> None:
        """Tell the time until cancelled, so that the box hears it as soon as it is connected."""
        while True:
            self.version += 1
            told = Lamps(device=BOX, version=self.version, centre_time_ns=time.time_ns(), lamps={})
            await self._publish(topics.lamp(BOX), encode(told))
            await asyncio.sleep(0.05)

    def surely_receipted(self, lives: list[tuple[float, float]]) -> set[tuple[str, int]]:
        """Return the points whose receipt reached a running agent well before its end."""
        found: set[tuple[str, int]] = set()
        for at_s, points in self.receipted.values():
            if any(began_s < at_s < ended_s - 0.3 for began_s, ended_s in lives):
                found |= points
        return found

    async def _receipt(self, key: tuple[str, int], points: set[tuple[str, int]]) -> None:
        receipt = TelemetryReceipt(device=BOX, ranges=[Range(stream=key[0], first=key[1], last=key[1])])
        await self._publish(topics.telemetry_receipt(BOX), encode(receipt))
        self.receipted.setdefault(key, (time.monotonic(), points))

    async def _publish(self, topic: str, body: bytes) -> None:
        assert self.session is not None
        with contextlib.suppress(LinkError):
            await self.session.publish(topic, body, allow_no_subscriber=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass
class Gauge:
    """A water gauge on a pty."""

    master: int
    path: str
    fed: int = 0

    async def feed(self) -> None:
        """Tell a new number each 5 ms, until cancelled."""
        while True:
            self.fed += 1
            with contextlib.suppress(BlockingIOError):
                os.write(self.master, b"R%04d\n" % self.fed)
            await asyncio.sleep(0.005)


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    yield Gauge(master, os.ttyname(slave))
    os.close(master)
    os.close(slave)


def configure(folder: Path, gauge: Gauge, trust: Trust, alarm: Mosquitto, telemetry: Mosquitto) -> Path:
    trust.issue_devices([BOX])
    authority = trust.authority
    lines = f'device = "{BOX}"\ndata_dir = "{folder / "data"}"\nruntime_dir = "{folder}"\n'
    for lane, broker in (("alarm", alarm), ("telemetry", telemetry)):
        lines += (
            f'[{lane}_broker]\nhost = "127.0.0.1"\nport = {broker.device_port}\nca = "{authority.trust}"\n'
            f'certificate = "{authority.device_certificate(BOX)}"\nkey = "{authority.device_key(BOX)}"\n'
        )
    lines += (
        f'[[sensors]]\nid = "river"\ndriver = "pattern"\nuri = "serial://{gauge.path}?baudrate=115200"\nbegins = "R"\n'
        "[[sensors.readings]]\nkind = \"water_level\"\npattern = '^R(?P<level_m>[0-9]{4})$'\n"
        "[sensors.readings.fields]\nlevel_m = { scale = 0.001 }\n"
    )
    config = folder / "box.toml"
    config.write_text(lines)
    return config


def noted(folder: Path) -> Note:
    file = open_runtime_file(folder / "data", folder, {})
    told = file.read()
    file.close()
    assert told is not None
    note = decode_note(told)
    assert note is not None
    return note


async def readings(folder: Path) -> dict[str, Any]:
    """Return the books of readings of the agent that runs, once its health is among them, or nothing."""
    with contextlib.suppress(SilentAgentError):
        if (told := await asyncio.to_thread(ask, [Place(folder / "data")])) is not None:
            agent = json.loads(told)
            if any(sensor["readings"] for sensor in agent["sensors"] if sensor["driver"] == "health"):
                return dict(agent["report"]["readings"])
    return {}


@pytest.mark.slow
async def test_what_killed_agents_say_they_lost_is_what_is_missing(
    tmp_path: Path,
    gauge: Gauge,
    trust: Trust,
    alarm_broker: Mosquitto,
    telemetry_broker: Mosquitto,
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(5)
    config = configure(tmp_path, gauge, trust, alarm_broker, telemetry_broker)
    agent = WarmProcess([sys.executable, "-c", _AGENT, "--config", str(config)], name="agent", folder=tmp_path)
    centre = Centre(draw)
    centre.session = Session(
        telemetry_broker.probe(), "centre", subscriptions=(topics.ALL_TELEMETRY,), on_message=centre.heard
    )
    listening = asyncio.create_task(centre.session.run())
    lives: list[tuple[float, float]] = []
    produced = 0
    for life in range(LIVES):
        agent.start()
        await asyncio.to_thread(agent.wait_ready)
        began_s = time.monotonic()
        works = [asyncio.create_task(gauge.feed())]
        if life:  # the first has no clock: everything is held
            works.append(asyncio.create_task(centre.tell_time()))
        async with asyncio.timeout(20):
            while (await readings(tmp_path)).get("produced", 0) < 2:  # noqa: ASYNC110 - its books are all it shows
                await asyncio.sleep(0.01)
        await asyncio.sleep(draw.uniform(0.2, 1.1))
        agent.kill()
        lives.append((began_s, time.monotonic()))
        for work in works:
            work.cancel()
        produced += noted(tmp_path).produced
    centre.calm = True
    agent.start()
    await asyncio.to_thread(agent.wait_ready)
    began_s = time.monotonic()
    telling = asyncio.create_task(centre.tell_time())
    async with asyncio.timeout(20):
        while not (books := await readings(tmp_path)) or LOST not in books["dropped"] or books["waiting"]:  # noqa: ASYNC110 - its books are all it shows
            await asyncio.sleep(0.05)
    telling.cancel()
    lives.append((began_s, time.monotonic() + 1))
    agent.stop()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    healths = LIVES + 1
    produced += 1  # nothing was fed any more, and health is read once in 30 s
    lost = books["dropped"][LOST]
    assert books["produced"] == books["receipted"] + sum(books["dropped"].values())
    assert gauge.fed / 2 < produced - healths <= gauge.fed, "all but what a killed one had not read yet"
    record_property("told", f"lost_at_restart: {produced} produced, {len(centre.stored)} stored, {lost} told as lost")
    assert produced - len(centre.stored) <= lost <= produced - len(centre.surely_receipted(lives))
    assert min(lost, len(centre.stored)) > 50
