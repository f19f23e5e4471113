"""What each step of the collector's hot path costs, alone and in one process: part of `make bench-collector`.

The least of many turns, in processor time: what the step costs when nothing else disturbs it. What a running collector
costs on top is the kernel's work for its sockets, the event loop, and the store's client.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

import mqtt5

from benchmarks.generator import Order, bodies
from collector.batcher import Batcher, Limits
from collector.decode import LATEST_AHEAD_NS, careful, parse, quick
from collector.intake import Intake
from collector.order import Arrivals, Load
from collector.receipts import Receipts
from collector.roster import Device, Roster
from contract.identity import new_stream_id

_DEVICES: Final = 200
_TURNS: Final = 15
_READINGS: Final = 10_000


class Bench:
    """The steps, over messages of one size."""

    def __init__(self, readings: int, kind: str) -> None:
        self.readings = readings
        self.messages = _READINGS // readings
        now_ns = time.time_ns()
        order = Order("", 0, "", "", "g", _DEVICES, self.messages, readings, kind, now_ns - 3_600 * 10**9, False)
        streams = [new_stream_id() for _ in range(_DEVICES)]
        self._packets = [
            mqtt5.PublishPacket(topic, body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number + 1)
            for number, (topic, body) in enumerate(bodies(order, streams))
        ]
        self._wire = b"".join(packet.write() for packet in self._packets)
        self._roster = Roster()
        self._latest_ns = now_ns + LATEST_AHEAD_NS
        self._known = []
        for packet in self._packets:
            device = self._roster.at(packet.topic)
            assert device is not None
            careful(device, packet.payload, self._latest_ns)
            self._known.append((device, packet.payload))

    def steps(self) -> dict[str, Callable[[], object]]:
        """Return each step by its name, over all messages."""
        return {
            "packets off the wire (mqtt5)": self._read,
            "JSON (msgspec)": lambda: [parse(body) for _, body in self._known],
            "decode, the quick way, JSON included": lambda: self._decode(quick),
            "decode, the careful way": lambda: self._decode(careful),
            "intake, decoding included": self._take,
        }

    def after(self) -> dict[str, tuple[Callable[[], Load], Callable[[Load], object]]]:
        """Return each step that needs a fresh load, with what makes it."""
        receipts, arrivals = Receipts(), Arrivals()
        intake = Intake(Batcher(Limits()), receipts, self._roster)
        return {
            "body for the store": (self._take, lambda load: "\n".join([piece[2] for piece in load.pieces]).encode()),
            "settling, and notes for receipts": (self._take, lambda load: intake.stored(load, {})),
            "PUBACKs": (lambda: _settled(arrivals, self.messages), lambda load: arrivals.release()),
            "receipts, one a device": (
                lambda: _noted(receipts, self._take()),
                lambda load: receipts.take(_DEVICES),
            ),
        }

    def _parse(self) -> None:
        for _, body in self._known:
            parse(body)

    def _decode(self, way: Callable[[Device, bytes, int], object]) -> None:
        for device, body in self._known:
            way(device, body, self._latest_ns)

    def _read(self) -> list[mqtt5.Packet]:
        view, place, found = memoryview(self._wire), 0, []
        while place < len(self._wire):
            packet, size = mqtt5.read(view[place:])
            found.append(packet)
            place += size
        return found

    def _take(self) -> Load:
        batcher = Batcher(Limits())
        Intake(batcher, Receipts(), self._roster).take(Arrivals(), self._packets, len(self._wire), 1.0)
        load = batcher.take()
        assert load is not None
        return load


def _settled(arrivals: Arrivals, messages: int) -> Load:
    load = arrivals.begin()
    load.packet_ids += range(1, messages + 1)
    load.parts = 0
    return load


def _noted(receipts: Receipts, load: Load) -> Load:
    receipts.take(_DEVICES)
    receipts.stored(load.pieces)
    return load


def measure(readings: int, kind: str = "water_level") -> dict[str, float]:
    """Return the cost of each step in µs a reading, by its name."""
    bench = Bench(readings, kind)
    costs: dict[str, float] = {}
    total = bench.messages * readings
    for name, step in bench.steps().items():
        costs[name] = min(_timed(step) for _ in range(_TURNS)) / total * 1e6
    for name, (make, act) in bench.after().items():
        costs[name] = min(_timed_load(make, act) for _ in range(_TURNS)) / total * 1e6
    return costs


def _timed(step: Callable[[], object]) -> float:
    began_s = time.process_time()
    step()
    return time.process_time() - began_s


def _timed_load(make: Callable[[], Load], act: Callable[[Load], object]) -> float:
    load = make()
    began_s = time.process_time()
    act(load)
    return time.process_time() - began_s


def table() -> str:
    """Return the costs as a table: messages of one reading, batches of 50, and positions with five fields."""
    columns = [measure(1), measure(50), measure(50, "position")]
    lines = ["µs a reading | 1 a message | 50 a message | 50 positions of 5 fields a message"]
    lines += [f"{name} | " + " | ".join(f"{column[name]:.3f}" for column in columns) for name in columns[0]]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
    sys.exit(0)
