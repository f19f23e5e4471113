"""What `make bench-desk` measures on: the demo's stack, TLS before the desk, accounts, and a city's telemetry.

Everything is real but hand, button and boxes: two Mosquitto, collector, InfluxDB, the boxes' agents, the desk. Alarms
that no simulated button made come by a listener of the alarm broker that exists only here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import aiomqtt

from benchmarks.desk_city import CityOrder, CityOutcome
from collector.metrics import parse
from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import Press, encode
from duty_desk.access.changes import Changes
from siaga.demo.stack import DemoStack, Size
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import HOST

PASSWORD: Final = "only-for-this-measurement"
OFFICERS: Final = ("bench-1", "bench-2")
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_STREAM: Final = new_stream_id()


class Stage:
    """The stack, in a folder of its own; a context manager.

    Args:
        boxes: How many boxes with a simulated button.
    """

    def __init__(self, boxes: int = 3) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="siaga-"))
        self.stack = DemoStack(self.folder, Size(boxes=boxes), probes=True)
        self.port = free_port()

    @property
    def url(self) -> str:
        """The desk's address, over TLS."""
        return f"https://{HOST}:{self.port}"

    @property
    def ca(self) -> Path:
        """The authority whose certificate the front has."""
        return self.stack.trust.authority.trust

    @property
    def ledger(self) -> Path:
        """The desk's ledger."""
        return self.folder / "desk" / "ledger.db"

    def __enter__(self) -> Self:
        try:
            self.stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
            self._behind_tls()
        except BaseException:  # also at Ctrl-C: what was started must not outlive the benchmark
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        front: Process | None = getattr(self, "front", None)
        if front is not None:
            front.stop()
        self.stack.stop()
        shutil.rmtree(self.folder)

    def _behind_tls(self) -> None:
        """Start the desk again as one that browsers reach by TLS alone."""
        config = self.stack.config / "desk.toml"
        config.write_text(config.read_text().replace("[http]\n", "[http]\nhttps = true\n"))
        self.stack.desk.stop()
        with Changes(self.folder / "desk" / "accounts.db", "bench", lambda _: None) as changes:
            for number, name in enumerate(OFFICERS):
                changes.add(name, "officer", PASSWORD, f"Petugas {'AB'[number]}")
        self.stack.restart(self.stack.desk)
        home = self.stack.trust.authority.broker_folder("alarm")
        arguments = [str(self.port), str(self.stack.page_port), str(home / "broker.pem"), str(home / "broker.key")]
        self.front = Process(
            [sys.executable, "-m", "benchmarks.desk_front", *arguments], name="front", folder=self.folder / "log"
        )
        self.front.start()
        self.front.wait_ready()

    @contextmanager
    def city(self, sessions: int, readings: int) -> Iterator[CityOutcome]:
        """Let a city's boxes send; what they saw is filled in at the end."""
        names = [f"city-{number}" for number in range(sessions)]
        trust, authority = self.stack.trust, self.stack.trust.authority
        trust.issue_devices(names)
        boxes = [(name, str(authority.device_certificate(name)), str(authority.device_key(name))) for name in names]
        order = CityOrder(HOST, self.stack.telemetry_broker.device_port, str(authority.trust), boxes, readings)
        file = self.folder / "city.json"
        file.write_text(json.dumps(asdict(order)))
        outcome = CityOutcome()
        popen = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.desk_city", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert popen.stdout is not None
        try:
            if popen.stdout.readline() != b"ready\n":
                raise SystemExit("the city's boxes could not connect")
            yield outcome
            told = json.loads(popen.communicate(b"\n", timeout=30)[0])
            for name, value in told.items():
                setattr(outcome, name, value)
        finally:
            popen.kill()
            popen.communicate()

    def stored(self) -> float:
        """Return how many readings the collector has stored."""
        with _OPENER.open(f"http://{HOST}:{self.stack.metrics_port}/metrics", timeout=5.0) as answer:
            return parse(answer.read().decode())["stored_total"]


class Street:
    """Presses of boxes that exist only as messages, and the receipts the desk gives for them."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.incidents: dict[str, str] = {}
        self.stored: set[str] = set()
        self._news = asyncio.Condition()

    async def press(self, device: str, *, event_id: str | None = None, button: str = "sos") -> str:
        """Press a button and return the event's id."""
        press = Press(
            event_id=event_id or new_event_id(),
            device=device,
            button=button,
            cause="press",
            status="Actual",
            pressed_at_ns=1_760_000_000_000_000_000,
            clock="ntp",
            age_ms=1,
            stream=_STREAM,
            sequence=1,
        )
        await self._client.publish(topics.alarm(device), encode(press), qos=1)
        return press.event_id

    async def hear(self) -> None:
        """Note the receipts, for ever."""
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            receipt: dict[str, Any] = json.loads(message.payload)
            async with self._news:
                self.incidents[receipt["event_id"]] = receipt["incident_id"]
                if receipt["stage"] == "stored":
                    self.stored.add(receipt["event_id"])
                self._news.notify_all()

    async def incident(self, event_id: str) -> str:
        """Return the incident a press became, once the desk says so."""
        async with self._news:
            await self._news.wait_for(lambda: event_id in self.incidents)
        return self.incidents[event_id]

    async def all_stored(self, events: Sequence[str], timeout_s: float) -> int:
        """Wait until each of the presses has its receipt; return how many have none when the time is over."""
        wanted = set(events)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: wanted <= self.stored)
        return len(wanted - self.stored)


@asynccontextmanager
async def street(broker: Mosquitto) -> AsyncIterator[Street]:
    """Yield presses on a broker that has a listener for probes."""
    async with connection(broker.probe(), "street", max_inflight_messages=1_000) as client:
        await client.subscribe(topics.alarm_receipt("+"), qos=1)
        made = Street(client)
        hearing = asyncio.create_task(made.hear(), name="street-hear")
        try:
            yield made
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
