"""A telemetry lane under test, and a broker and a disk that answer at once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from contract.batch import Range, Reading, TelemetryReceipt
from edge_agent.batch_commands import (
    Command,
    KeepBatches,
    SendBatch,
    StoredRow,
)
from edge_agent.telemetry_lane import TelemetryLane

S = 10**9
STREAM = "00000000000000aa"
OLD = "00000000000000bb"


def reading(number: int) -> Reading:
    return Reading(timestamp_ns=number, sensor="gps", kind="water_level", fields={"level_m": 1.0}, clock="ntp")


def position(second: int) -> Reading:
    return Reading(timestamp_ns=second * S, sensor="gps", kind="position", fields={"latitude": 1.0}, clock="gnss")


def new_lane(max_bytes: int = 10**9, max_memory_bytes: int = 8_000_000) -> TelemetryLane:
    lane = TelemetryLane(
        "box-1", STREAM, Counter(), max_bytes=max_bytes, max_memory_bytes=max_memory_bytes, draw=random.Random(1)
    )
    lane.rate.bytes_per_s = 1e6
    lane.rate.measured = True
    return lane


def stored(number: int, *, readings: int = 1, size: int = 100, sent: bool = False, stream: str = OLD) -> StoredRow:
    return StoredRow((stream, number), readings, size, sent, thinned=False)


def receipt(*numbers: int, retry_after_s: float | None = None) -> TelemetryReceipt:
    ranges = [Range(stream=STREAM, first=number, last=number) for number in numbers]
    return TelemetryReceipt(device="box-1", ranges=ranges, retry_after_s=retry_after_s)


def sent(commands: Sequence[Command]) -> list[int]:
    return [command.key[1] for command in commands if isinstance(command, SendBatch)]


def puback(lane: TelemetryLane, commands: Sequence[Command], now_ns: int, *, heard: bool = True) -> None:
    """Let the broker answer each sending at this moment."""
    for command in commands:
        if isinstance(command, SendBatch):
            lane.acknowledged(command.sending, now_ns, heard=heard)


def send(lane: TelemetryLane, now_ns: int) -> list[int]:
    """Send what is due, with a broker that answers at once; return the numbers."""
    commands = lane.due(now_ns, sending=True)
    puback(lane, commands, now_ns)
    return sent(commands)


def keep(lane: TelemetryLane, command: Command, *, size: int = 50, file: int = 0) -> None:
    """Let the disk take what it is asked to keep."""
    assert isinstance(command, KeepBatches)
    lane.kept(command.keys, [size] * len(command.keys), file)


def fill(lane: TelemetryLane, count: int, now_ns: int = 0) -> None:
    for number in range(count):
        lane.add([reading(number)], now_ns)
