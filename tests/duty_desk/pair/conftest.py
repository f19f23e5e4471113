"""Two desks of one database and two brokers, each in a folder of its own, and what can be cut between them all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.identity import new_event_id
from contract.messages import Heartbeat, decode
from duty_desk.ledger.place import Server, server
from duty_desk.ledger.tables import open_reader, read_rows
from provisioning.brokers.accounts import ensure_password
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.duty_desk.conftest import Box, Desk, broker_lines, press_body
from tests.duty_desk.ledger.servers import PASSWORD, Postgres, running
from tests.edge_agent.network_faults.proxy import Proxy
from tests.warm import Warm

NAMES = ("desk", "desk-2")
_BUFFER = 1 << 18


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a PostgreSQL server."""
    with running() as made:
        yield made


@dataclass
class Half:
    """One desk of the two."""

    name: str
    desk: Desk
    proxy: Proxy
    """Between it and the database."""
    ways: list[Proxy] = field(default_factory=list)
    """Between it and the brokers, where there is something between them."""

    async def lose_database(self) -> None:
        """Let no database answer this desk."""
        await self.proxy.refuse()
        self.proxy.cut()

    async def find_database(self) -> None:
        """Let it answer again."""
        await self.proxy.accept()

    def lose_brokers(self) -> None:
        """Let nothing pass to the brokers any more."""
        for each in self.ways:
            each.mute = True
            each.hold()

    def cut_off(self) -> None:
        """Let nothing pass any more, to the database or the brokers, as with a cable that was pulled."""
        for each in (self.proxy, *self.ways):
            each.mute = True
            each.hold()

    def join(self) -> None:
        """Let all pass again."""
        for each in (self.proxy, *self.ways):
            each.release()

    def start(self) -> None:
        """Start it; its page is served then."""
        self.desk.process.start()
        self.desk.process.wait_ready()

    @property
    def process(self) -> Any:
        """Its process."""
        return self.desk.process

    def health(self) -> dict[str, Any]:
        """Return what it says of itself; `{}` while it says nothing."""
        try:
            found: dict[str, Any] = self.desk.get("/healthz")
        except OSError:
            return {}
        return found

    @property
    def owns(self) -> bool:
        """Whether it is not a standby, and answers."""
        return self.health().get("status") in ("ok", "degraded")


@dataclass
class Heard:
    """What a witness heard on one broker, with when."""

    messages: list[tuple[float, str, bytes]] = field(default_factory=list)

    def beats(self, since: float = 0.0) -> list[tuple[float, Heartbeat]]:
        """Return the heartbeats since then."""
        return [(at, decode(Heartbeat, body)) for at, topic, body in self.of(topics.HEARTBEAT, since)]

    def of(self, topic: str, since: float = 0.0) -> list[tuple[float, str, bytes]]:
        """Return what came on a topic since then."""
        return [each for each in self.messages if each[1] == topic and each[0] >= since]


@dataclass
class Two:
    """Both desks, their database and brokers."""

    first: Half
    second: Half
    place: Server
    alarm: Mosquitto
    telemetry: Mosquitto
    heard: Heard

    def entries(self) -> list[dict[str, Any]]:
        """Return the ledger's entries."""
        with open_reader(self.place).connect() as reading:
            return [json.loads(row.body) for row, _ in read_rows(reading)]

    async def beat_of(self, name: str, since: float = 0.0, within_s: float = 15.0) -> float:
        """Return when the first heartbeat of a desk came since then."""
        await until(lambda: any(beat.desk == name for _, beat in self.heard.beats(since)), within_s)
        return next(at for at, beat in self.heard.beats(since) if beat.desk == name)


async def until(done: Callable[[], bool], within_s: float = 15.0) -> None:
    """Return once something is so."""
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(done):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.05)


def _half(
    folder: Path,
    name: str,
    brokers: tuple[Mosquitto, Mosquitto],
    proxy: Proxy,
    place: Server,
    warm: Warm,
    ways: list[Proxy],
    more: str,
) -> Half:
    folder.mkdir()
    desk = Desk(folder, *brokers, warm=warm)
    (folder / "ledger.password").write_text(PASSWORD + "\n")
    (folder / "ledger.password").chmod(0o600)
    url = f"postgresql://siaga@127.0.0.1:{proxy.port}/{place.url.rpartition('/')[2]}"
    lines = [broker_lines(each, name) for each in brokers]
    for number, way in enumerate(ways):
        lines[number] = lines[number].replace(f"port = {brokers[number].centre_port}", f"port = {way.port}")
    desk.config.write_text(
        f'data_dir = "data"\ninventory = "inventory.toml"\nledger = "{url}"\nledger_password_file = "ledger.password"\n'
        f"[alarm_broker]\n{lines[0]}"
        f"[telemetry_broker]\n{lines[1]}"
        f'[http]\nhost = "127.0.0.1"\nport = {desk.port}\n'
        f'[pair]\nname = "{name}"\nurl = "{desk.url}"\n{more}'
    )
    return Half(name, desk, proxy, ways)


@contextlib.contextmanager
def brokers_of(folder: Path) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    """Yield both brokers, which know two desks."""
    trust = Trust(folder / "authority")
    ensure_password(trust.folder, "desk-2")
    pair = Mosquitto(folder, "a", trust, "alarm", probes=True), Mosquitto(folder, "b", trust, "telemetry", probes=True)
    try:
        for each in pair:
            each.start()
        yield pair
    finally:
        for each in pair:
            each.stop()


@asynccontextmanager
async def two_desks(
    folder: Path, postgres: Postgres, warm: Warm, *, far: bool = False, more: str = ""
) -> AsyncIterator[Two]:
    """Yield two desks that are not started, and a witness on the alarm broker.

    Args:
        folder: Where they are.
        postgres: Their database's server.
        warm: What starts processes.
        far: Whether their ways to the brokers can be cut.
        more: What desk.toml says besides.
    """
    place = postgres.database()
    async with AsyncExitStack() as stack:
        brokers = stack.enter_context(brokers_of(folder))
        halves = []
        for name in NAMES:
            proxy = await stack.enter_async_context(Proxy(postgres.port, buffer=_BUFFER))
            ways = (
                [await stack.enter_async_context(Proxy(each.centre_port, buffer=_BUFFER)) for each in brokers]
                if far
                else []
            )
            halves.append(_half(folder / name, name, brokers, proxy, place, warm, ways, more))
        witness = await stack.enter_async_context(connection(brokers[0].probe(), "witness-of-two"))
        heard = Heard()
        for topic in ("siaga/v1/desk/#", "siaga/v1/down/#"):
            await witness.subscribe(topic, qos=1)

        async def listen() -> None:
            async for message in witness.messages:
                assert isinstance(message.payload, bytes)
                heard.messages.append((time.monotonic(), str(message.topic), message.payload))

        listening = asyncio.create_task(listen(), name="witness")
        try:
            yield Two(halves[0], halves[1], server(place.url, PASSWORD), *brokers, heard)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            stops = [threading.Thread(target=half.process.stop) for half in halves if half.process.running]
            for each in stops:
                each.start()
            for each in stops:
                await asyncio.to_thread(each.join)


class Presser:
    """A box that presses once and sends again as a box does: after 1, 2, 4 and 8 s, and to a desk it has not heard.

    Args:
        street: Its connection.
    """

    def __init__(self, street: Box) -> None:
        self.event_id = new_event_id()
        self._street = street

    async def until(self, stage: str, within_s: float = 15.0) -> float:
        """Press; return when the receipt of a stage is there."""
        sending = asyncio.create_task(self._send(), name="presser")
        try:
            await self._street.wait(
                topics.alarm_receipt(self._street.device),
                lambda body: body["event_id"] == self.event_id and body["stage"] == stage,
                within_s,
            )
            return time.monotonic()
        finally:
            sending.cancel()

    async def _send(self) -> None:
        pauses = iter((1.0, 2.0, 4.0, 8.0))
        while True:
            run = self._run()
            await self._street.alarm(press_body(event_id=self.event_id))
            next_s = time.monotonic() + next(pauses, 10.0)
            while time.monotonic() < next_s and self._run() == run:  # noqa: ASYNC110 - time ends it as well
                await asyncio.sleep(0.05)

    def _run(self) -> Any:
        runs = [body["run"] for topic, body in self._street.received if topic == topics.lamp(self._street.device)]
        return runs[-1] if runs else None
