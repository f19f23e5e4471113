"""`make bench-trust`: what TLS costs the collector per message, and a press on its way to the desk.

Both ways run in one broker process in turns: the listeners that provisioning renders, and beside them one with the same
account rules over plain TCP, which exists only here.

- Collector: its CPU (user and system, of its process) for a message of one reading, into a real InfluxDB. A generator
  sends with a window of 500; five pairs, interleaved; the figure is the median of the pairs' ratios.
- Press: from a box's `publish` to the desk's session having it, both legs over TLS or both plain, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import mqtt5

from benchmarks.collector_rig import cpu_s
from benchmarks.figures import Figure, conclude, keep_samples
from benchmarks.plain_broker import PlainToo
from contract import topics
from contract.batch import Batch, Reading, encode_batch
from contract.identity import new_event_id, new_stream_id
from contract.messages import Press, encode
from link import Endpoint, Session
from siaga.stack.influxdb import COLLECTOR, InfluxDB
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust

MESSAGES: Final = 100_000
PAIRS: Final = 5
PRESSES: Final = 300
CHUNK: Final = 5_000
WINDOW: Final = 500
CPU_MORE_PERCENT: Final = 30.0
PRESS_MORE_MS: Final = 5.0
_STORED_TIMEOUT_S: Final = 60.0


def main() -> int:
    """Measure and print; return the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    broker = PlainToo(folder, "broker", Trust(folder / "authority"), "telemetry")
    influxdb = InfluxDB(folder / "influxdb")
    try:
        broker.start()
        influxdb.start()
        pairs = [_collector_pair(folder, broker, influxdb, number) for number in range(PAIRS)]
        presses = asyncio.run(_presses(broker))
    finally:
        broker.stop()
        influxdb.stop()
        shutil.rmtree(folder)
    ratios = [100 * (tls / plain - 1) for plain, tls in pairs]
    plain_ms, tls_ms = (statistics.median(column) for column in zip(*presses, strict=True))
    path = keep_samples(
        "trust",
        ("what", "plain", "tls"),
        [("collector_us_a_message", *pair) for pair in pairs] + [("press_ms", *press) for press in presses],
    )
    return conclude(
        [
            Figure(f"collector: CPU more a message, median of {PAIRS} pairs", statistics.median(ratios),
                   CPU_MORE_PERCENT, "%"),
            Figure("collector: CPU more, least of the pairs", min(ratios), None, "%"),
            Figure("collector: CPU more, most of the pairs", max(ratios), None, "%"),
            Figure("collector: CPU a message, plain, median", statistics.median(p for p, _ in pairs), None, "µs"),
            Figure("collector: CPU a message, TLS, median", statistics.median(t for _, t in pairs), None, "µs"),
            Figure(f"press: median more over TLS, {PRESSES} each", tls_ms - plain_ms, PRESS_MORE_MS, "ms"),
            Figure("press: box to desk, plain, median", plain_ms, None, "ms"),
            Figure("press: box to desk, TLS, median", tls_ms, None, "ms"),
        ],
        path,
    )  # fmt: skip


# --- the collector


def _collector_pair(folder: Path, broker: PlainToo, influxdb: InfluxDB, number: int) -> tuple[float, float]:
    """Return the collector's CPU in µs for a message, plain and over TLS, in an order that changes with each pair."""
    ways = {"plain": broker.plain(), "tls": broker.service("collector-1")}
    order = sorted(ways, reverse=number % 2 == 1)
    took = {way: _collector_us(folder, broker, influxdb, f"{way}-{number}", ways[way]) for way in order}
    print(f"pair {number + 1} of {PAIRS}: {took['plain']:.1f} µs plain, {took['tls']:.1f} µs TLS", flush=True)
    return took["plain"], took["tls"]


def _collector_us(folder: Path, broker: PlainToo, influxdb: InfluxDB, name: str, endpoint: Endpoint) -> float:
    credentials = endpoint.credentials
    assert credentials is not None
    settings = {
        "data_dir": str(folder / name),
        "url": influxdb.url,
        "database": influxdb.database,
        "store_password_file": str(influxdb.password_file(COLLECTOR)),
        "port": endpoint.port,
        "ca": str(broker.trust.authority.trust) if credentials.context is not None else None,
        "username": credentials.username,
        "password": credentials.password,
        "metrics_port": free_port(),
    }
    file = folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings))
    process = Process([sys.executable, "-m", "benchmarks.collector_rig", str(file)], name=name, folder=folder)
    process.start()
    try:
        process.wait_ready()
        began = cpu_s(process.pid)[0]
        for sent in range(0, MESSAGES, CHUNK):
            # Mosquitto drops what exceeds its queue of 10,000, so the next chunk waits for the last one's points.
            asyncio.run(_generate(broker.plain(), f"gen-{name}", sent))
            _await_stored(influxdb, name, sent + CHUNK)
        return (cpu_s(process.pid)[0] - began) / MESSAGES * 1e6
    finally:
        process.stop()


def _stored(influxdb: InfluxDB, name: str) -> int:
    series = influxdb.query(f"SELECT count(level_m) FROM water_level WHERE device = 'gen-{name}'")
    return int(series[0]["values"][0][1]) if series else 0


def _await_stored(influxdb: InfluxDB, name: str, count: int) -> None:
    deadline = time.monotonic() + _STORED_TIMEOUT_S
    while _stored(influxdb, name) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name}: fewer than {count} points stored within {_STORED_TIMEOUT_S:g} s")
        time.sleep(0.02)


async def _generate(endpoint: Endpoint, device: str, first: int) -> None:
    """Publish `CHUNK` batches of one reading at QoS 1, at most `WINDOW` of them without PUBACK."""
    credentials = endpoint.credentials
    assert credentials is not None
    assert credentials.password is not None
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    connect = mqtt5.ConnectPacket(
        device, username=credentials.username, password=credentials.password.encode(), clean_start=True
    )
    writer.write(connect.write())
    stream, began_ns = new_stream_id(), time.time_ns()
    acknowledged, sent, rest = -1, 0, b""  # the CONNACK is counted too
    while acknowledged < CHUNK:
        while sent < CHUNK and sent - max(acknowledged, 0) < WINDOW and acknowledged >= 0:
            reading = Reading(
                timestamp_ns=began_ns + first + sent,
                sensor="level",
                kind="water_level",
                fields={"level_m": 1.5},
                clock="ntp",
            )
            body = encode_batch(Batch(device=device, stream=stream, batch=sent, readings=[reading]))
            packet_id = sent % 65_535 + 1
            packet = mqtt5.PublishPacket(
                topics.telemetry(device), body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id
            )
            writer.write(packet.write())
            sent += 1
        await writer.drain()
        rest += await reader.read(65_536)
        place = 0
        while place < len(rest):
            try:
                _, size = mqtt5.read(memoryview(rest)[place:])
            except IndexError:
                break
            place += size
            acknowledged += 1
        rest = rest[place:]
    writer.close()
    await writer.wait_closed()


# --- a press


async def _presses(broker: PlainToo) -> list[tuple[float, float]]:
    """Return each pair of presses' ms from the box's publish to the desk's session, plain and over TLS."""
    ways = {
        "plain": _Way(broker.plain(), "box-plain", broker.plain()),
        "tls": _Way(broker.device("box-tls"), "box-tls", broker.service("desk")),
    }
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(session.run()) for way in ways.values() for session in (way.box_session, way.desk_session)
        ]
        for way in ways.values():
            await way.box_session.wait_connected()
            await way.desk_session.wait_connected()
        samples = []
        for number in range(PRESSES):
            took = {name: await ways[name].press() for name in sorted(ways, reverse=number % 2 == 1)}
            samples.append((took["plain"], took["tls"]))
            await asyncio.sleep(0.005)
        for task in running:
            task.cancel()
    return samples


class _Way:
    """A box's session and a desk's, both over TLS or both plain."""

    def __init__(self, box: Endpoint, device: str, desk: Endpoint) -> None:
        self.device = device
        self.topic = topics.alarm(device)
        self.arrived = asyncio.Event()
        self.arrived_ns = 0
        self.box_session = Session(box, device)
        self.desk_session = Session(desk, f"desk-{device}", subscriptions=(topics.ALL_ALARMS,), on_message=self._hear)

    def _hear(self, topic: str, body: bytes, retained: bool) -> None:
        if topic == self.topic:
            self.arrived_ns = time.monotonic_ns()
            self.arrived.set()

    async def press(self) -> float:
        """Send a press and return after how many ms the desk's session had it."""
        press = Press(
            event_id=new_event_id(),
            device=self.device,
            button="sos",
            cause="press",
            status="Test",
            pressed_at_ns=time.time_ns(),
            clock="ntp",
            age_ms=0,
            stream=secrets.token_hex(8),
            sequence=0,
        )
        body = encode(press)
        self.arrived.clear()
        began_ns = time.monotonic_ns()
        await self.box_session.publish(self.topic, body)
        async with asyncio.timeout(10):
            await self.arrived.wait()
        return (self.arrived_ns - began_ns) / 1e6


if __name__ == "__main__":
    sys.exit(main())
