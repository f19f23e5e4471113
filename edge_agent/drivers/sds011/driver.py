"""The Nova SDS011 driver: frames in, one `air_quality` sample a measurement out.

Laser PM2.5 Sensor specification, product model SDS011, V1.3, "The UART communication protocol": AA C0, PM2.5 and PM10
in tenths of µg/m³ as 16 bits little-endian, two bytes of the sensor's id, the sum of these six bytes, AB. Replies to a
command are the same with C5 for C0.
"""

from __future__ import annotations

from collections import Counter
from struct import unpack
from typing import Final

from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.binary import BinaryFramer, Checksum, Layout
from edge_agent.drivers.fields import plausible
from edge_agent.drivers.line import LineDriver, LineSettings

_MEASURED: Final = 0xC0
_REPLY: Final = 0xC5
_LAYOUT: Final = Layout(
    header=b"\xaa", length=10, checksum=Checksum("sum8", "big", at=-2, first=2, end=-2), tail=b"\xab"
)


class Sds011Decoder:
    """The decoder of one sensor.

    `counters`: `bytes`, `frames` (with a good checksum), `replies` (to a command; nothing is measured in one), `unknown
    frame`; refused: `bad checksum`, `bad tail`, `cut off`, `garbage bytes`, `no value`; left out: `implausible
    <field>`.
    """

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._framer = BinaryFramer(_LAYOUT, self.counters)

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
        return [sample for frame, monotonic_ns in frames if (sample := self._sample(frame, monotonic_ns)) is not None]

    def _sample(self, frame: bytes, monotonic_ns: int) -> Sample | None:
        if frame[1] != _MEASURED:
            self.counters["replies" if frame[1] == _REPLY else "unknown frame"] += 1
            return None
        pm2_5, pm10 = unpack("<2H", frame[2:6])
        values = {"pm2_5_ugm3": pm2_5 / 10, "pm10_ugm3": pm10 / 10}
        fields = plausible("air_quality", dict(values), self.counters)
        return None if fields is None else Sample("air_quality", fields, monotonic_ns, None)


class Sds011Settings(LineSettings):
    """An SDS011 at the end of a line."""

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return fine dust."""
        return frozenset((self.id, f"air_quality.{name}") for name in ("pm2_5_ugm3", "pm10_ugm3"))


def open_sds011(settings: Sds011Settings) -> LineDriver:
    """Return a sensor's driver."""
    return LineDriver(Sds011Decoder(), settings.uri)


DRIVER: Final = DriverType(
    name="sds011",
    settings=Sds011Settings,
    open=open_sds011,
    example="""\
[[sensors]]
id = "dust"
driver = "sds011"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
""",
)
