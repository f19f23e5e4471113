"""What a box says of itself each minute, and when it is asked: its books, faults and counts as of now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from contract.messages import Books as Balance
from contract.messages import Report
from edge_agent.alarm_lane import AlarmLane
from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.gatherer import Gatherer
from edge_agent.inputs import SensorReader
from edge_agent.report_size import as_counts
from edge_agent.telemetry_lane import TelemetryLane
from pins.output import Sounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """The parts of an agent that a report is made of.

    `certificate_ends_s` returns when its first certificate ends, in s since 1970, or None.
    """

    device: str
    boot: str
    stream: str
    software: str
    clock: Clock
    gatherer: Gatherer
    readings: TelemetryLane
    presses: AlarmLane
    books: Books
    dropped: Counter[str]
    faults: Counter[str]
    sensors: Sequence[SensorReader]
    outputs: Mapping[str, Sounding]
    certificate_ends_s: Callable[[], float | None]

    def report(self) -> Report:
        """Return the box's books as of now."""
        return Report(
            device=self.device,
            boot=self.boot,
            timestamp_ns=self.clock.time_ns(time.monotonic_ns()),
            clock=self.clock.source,
            software=self.software,
            readings=Balance(
                produced=self.gatherer.produced + self.readings.restored + self.books.lost,
                receipted=self.readings.receipted,
                waiting=self.gatherer.waiting + self.readings.waiting,
                dropped=as_counts(self.dropped),
            ),
            presses=Balance(
                produced=self.presses.produced,
                receipted=self.presses.receipted,
                waiting=len(self.presses),
                dropped={},
            ),
            faults=as_counts(self.faults),
            sensors={sensor.id: as_counts(sensor.counters) for sensor in self.sensors},
            stream=self.stream,
            previous_stream=self.books.previous_stream,
            outputs={name: output.on for name, output in self.outputs.items()},
            certificate_ends_s=None if (ends_s := self.certificate_ends_s()) is None else max(0, int(ends_s)),
        )
