"""The frame driver: binary frames in, a sample for each kind that a frame has values of out, by configuration."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final

from contract.batch import FieldValue
from contract.catalogue import Quantity
from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.binary import BinaryFramer
from edge_agent.drivers.fields import plausible, quantities, scaled
from edge_agent.drivers.frame.number import NUMBER_TYPES
from edge_agent.drivers.frame.settings import FieldSettings, FrameSettings
from edge_agent.drivers.line import LineDriver


class FrameDecoder:
    """The decoder of one sensor.

    `counters`: `bytes`, `frames` (with a good checksum), `unknown frame` (without the bytes that `matches` wants);
    refused: `bad checksum`, `bad tail`, `wrong length`, `cut off`, `garbage bytes`, `no value`; left out: `implausible
    <field>`, `not decimal`.
    """

    def __init__(self, settings: FrameSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._framer = BinaryFramer(settings.layout(), self.counters)
        self._matches = [(match.at, bytes.fromhex(match.bytes)) for match in settings.matches]
        self._readings = [
            (
                reading.kind,
                [(one, reading.fields[one.name]) for one in quantities(reading.kind, reading.fields).values()],
            )
            for reading in settings.readings
        ]

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns`; return the samples of the frames they complete."""
        self.counters["bytes"] += len(data)
        return self._samples(self._framer.feed(data, monotonic_ns))

    def flush(self) -> list[Sample]:
        """Return the samples of what is still pending, because the line ended."""
        return self._samples(self._framer.flush())

    def fault(self) -> str | None:
        """Return `garbled` or None."""
        return "garbled" if self._framer.garbled else None

    def _samples(self, frames: list[tuple[bytes, int]]) -> list[Sample]:
        samples: list[Sample] = []
        for frame, monotonic_ns in frames:
            if any(_cut(frame, at, len(wanted)) != wanted for at, wanted in self._matches):
                self.counters["unknown frame"] += 1
                continue
            for kind, wanted_fields in self._readings:
                values: dict[str, FieldValue] = {}
                for quantity, how in wanted_fields:
                    value = self._value(frame, quantity, how)
                    if value is not None:
                        values[quantity.name] = value
                fields = plausible(kind, values, self.counters)
                if fields is not None:
                    samples.append(Sample(kind, fields, monotonic_ns, None))
        return samples

    def _value(self, frame: bytes, quantity: Quantity, how: FieldSettings) -> FieldValue | None:
        number = NUMBER_TYPES[how.type]
        raw = number.read(_cut(frame, how.at, number.size))
        if raw is None:
            self.counters["not decimal"] += 1
            return None
        if how.mask is not None and isinstance(raw, int):
            raw = (raw & how.mask) >> ((how.mask & -how.mask).bit_length() - 1)
        if raw in how.missing:
            return None
        return scaled(quantity, Decimal(raw), how)


def _cut(frame: bytes, at: int, size: int) -> bytes:
    first = at % len(frame)
    return frame[first : first + size]


def open_frame(settings: FrameSettings) -> LineDriver:
    """Return a sensor's driver."""
    return LineDriver(FrameDecoder(settings), settings.uri)


DRIVER: Final = DriverType(
    name="frame",
    settings=FrameSettings,
    open=open_frame,
    example="""\
[[sensors]]
id = "dust"
driver = "frame"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
header = "AA C0"
length = 10
tail = "AB"
checksum = { kind = "sum8", first = 2 }

[[sensors.readings]]
kind = "air_quality"
[sensors.readings.fields]
pm2_5_ugm3 = { at = 2, type = "u16le", scale = 0.1 }
pm10_ugm3 = { at = 4, type = "u16le", scale = 0.1 }
""",
)
