"""A process that is many boxes' telemetry: `python -m benchmarks.desk_city FILE.json`.

Each box is an MQTT session of its own over TLS with its own certificate, as a real one: it hears its receipts and sends
a batch each second, at a moment of the second of its own. It prints `ready` when all are connected, sends until its
stdin ends, and prints what it saw as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import mqtt5
import uvloop

from benchmarks.generator import FIELDS
from contract import topics
from contract.identity import new_stream_id

_READ_BYTES: Final = 65_536
_AT_ONCE: Final = 20
_POSITION: Final = json.dumps(FIELDS["position"], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class CityOrder:
    """Who sends what, where: `boxes` are name, certificate and key; each sends `readings` in a batch a second."""

    host: str
    port: int
    ca: str
    boxes: list[tuple[str, str, str]]
    readings: int


@dataclass(slots=True)
class CityOutcome:
    """What was seen: batches sent and acknowledged, receipts heard, sessions that ended, and for how many seconds."""

    sent: int = 0
    acknowledged: int = 0
    receipts: int = 0
    lost: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Box:
    """One box's telemetry session."""

    name: str
    outcome: CityOutcome
    stream: str = field(default_factory=new_stream_id)
    rest: bytes = b""
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def connect(self, order: CityOrder, certificate: str, key: str) -> None:
        """Connect and subscribe to the receipts."""
        context = ssl.create_default_context(cafile=order.ca)
        context.load_cert_chain(certificate, key)
        self.reader, self.writer = await asyncio.open_connection(order.host, order.port, ssl=context)
        self.writer.write(mqtt5.ConnectPacket(self.name, clean_start=True, keep_alive=0).write())
        connack = await self.packet()
        if not isinstance(connack, mqtt5.ConnAckPacket) or connack.reason_code.value:
            raise SystemExit(f"city: {self.name} was refused: {connack}")
        receipts = mqtt5.TopicFilter(topics.telemetry_receipt(self.name), max_qos=mqtt5.QoS.AT_MOST_ONCE)
        self.writer.write(mqtt5.SubscribePacket(1, [receipts]).write())
        await self.packet()

    async def packet(self) -> Any:
        """Return the next packet."""
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self.rest))
            except IndexError:
                data = await self.reader.read(_READ_BYTES)
                if not data:
                    raise ConnectionError(f"{self.name}: the broker closed the connection") from None
                self.rest += data
            else:
                self.rest = self.rest[size:]
                return packet

    async def hear(self) -> None:
        """Count what comes, until the connection ends."""
        try:
            while True:
                packet = await self.packet()
                if isinstance(packet, mqtt5.PubAckPacket):
                    self.outcome.acknowledged += 1
                elif isinstance(packet, mqtt5.PublishPacket):
                    self.outcome.receipts += 1
        except ConnectionError:
            self.outcome.lost += 1

    async def send(self, readings: int, phase_s: float) -> None:
        """Send a batch each second, for ever."""
        await asyncio.sleep(phase_s)
        due_s = time.monotonic()
        batch = 0
        while True:
            body = self._body(batch, readings)
            packet_id = batch % 65_535 + 1
            topic = topics.telemetry(self.name)
            self.writer.write(
                mqtt5.PublishPacket(topic, body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()
            )
            self.outcome.sent += 1
            batch += 1
            due_s += 1.0
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def _body(self, batch: int, readings: int) -> bytes:
        last_ns = time.time_ns()
        each = ",".join(
            f'{{"timestamp_ns":{last_ns - place * 100_000_000},"sensor":"gps","kind":"position",'
            f'"fields":{_POSITION},"clock":"ntp"}}'
            for place in reversed(range(readings))
        )
        return f'{{"device":"{self.name}","stream":"{self.stream}","batch":{batch},"readings":[{each}]}}'.encode()


async def _run(order: CityOrder) -> None:
    outcome = CityOutcome()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def enter(name: str, certificate: str, key: str) -> Box:
        box = Box(name, outcome)
        async with gate:
            await box.connect(order, certificate, key)
        return box

    boxes = await asyncio.gather(*(enter(*each) for each in order.boxes))
    print("ready", flush=True)
    began_s = time.monotonic()
    tasks = [asyncio.create_task(box.hear(), name="city-hear") for box in boxes]
    tasks += [
        asyncio.create_task(box.send(order.readings, number / len(boxes)), name="city-send")
        for number, box in enumerate(boxes)
    ]
    await asyncio.to_thread(sys.stdin.readline)
    outcome.seconds = time.monotonic() - began_s
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    uvloop.run(_run(CityOrder(**json.loads(Path(sys.argv[1]).read_text()))))
