"""The Plantower driver: frames of a PMS5003, PMS6003 or PMS7003 in, one `air_quality` sample a frame out.

PMS5003 series data manual (V2.3) and PMS7003 series data manual (V2.5), Appendix I: 42 4D, length 28, thirteen 16-bit
words, the sum of all bytes before it; big-endian. Words 1 to 3 are µg/m³ of PM1, PM2.5 and PM10 "under CF=1, standard
particle", 4 to 6 the same "under atmospheric environment", 7 to 12 counts of particles, 13 version and error code.
"""

from __future__ import annotations

from collections import Counter
from struct import unpack
from typing import Final, Literal

from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.binary import BinaryFramer, Checksum, Layout, LengthField
from edge_agent.drivers.fields import plausible
from edge_agent.drivers.line import LineDriver, LineSettings

Calibration = Literal["atmospheric", "standard"]

_DATA_BYTES: Final = 32
_REPLY_BYTES: Final = 8
_LAYOUT: Final = Layout(
    header=b"BM",
    length=LengthField(at=2, size=2, order="big", plus=4, least=_REPLY_BYTES, most=_DATA_BYTES),
    checksum=Checksum("sum16", "big", at=-2, first=0, end=-2),
)
_FIELDS: Final = ("pm1_ugm3", "pm2_5_ugm3", "pm10_ugm3")


class PlantowerDecoder:
    """The decoder of one sensor.

    `counters`: `bytes`, `frames` (with a good checksum), `replies` (to a command; nothing is measured in one), `unknown
    frame` (of another model); refused: `bad checksum`, `wrong length`, `cut off`, `garbage bytes`, `no value`; left
    out: `implausible <field>`; `sensor error`, a frame with an error code, whose values are not taken.

    Args:
        calibration: Which of the two sets of concentrations to take.
    """

    def __init__(self, calibration: Calibration = "atmospheric") -> None:
        self.counters: Counter[str] = Counter()
        self._framer = BinaryFramer(_LAYOUT, self.counters)
        self._first = 0 if calibration == "standard" else 3
        self._error = 0

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns`; return the samples of the frames they complete."""
        self.counters["bytes"] += len(data)
        return self._samples(self._framer.feed(data, monotonic_ns))

    def flush(self) -> list[Sample]:
        """Return the samples of what is still pending, because the line ended."""
        return self._samples(self._framer.flush())

    def fault(self) -> str | None:
        """Return `garbled`, or that the sensor itself reports an error, or None."""
        if self._framer.garbled:
            return "garbled"
        if self._error:
            return f"sensor error: it reports code {self._error:#04x}; clean its inlet and fan, else replace it"
        return None

    def _samples(self, frames: list[tuple[bytes, int]]) -> list[Sample]:
        return [sample for frame, monotonic_ns in frames if (sample := self._sample(frame, monotonic_ns)) is not None]

    def _sample(self, frame: bytes, monotonic_ns: int) -> Sample | None:
        if len(frame) != _DATA_BYTES:
            self.counters["replies" if len(frame) == _REPLY_BYTES else "unknown frame"] += 1
            return None
        words = unpack(">13H", frame[4:30])
        self._error = words[12] & 0xFF
        if self._error:
            self.counters["sensor error"] += 1
            return None
        values = dict(zip(_FIELDS, map(float, words[self._first : self._first + 3]), strict=True))
        fields = plausible("air_quality", dict(values), self.counters)
        return None if fields is None else Sample("air_quality", fields, monotonic_ns, None)


class PlantowerSettings(LineSettings):
    """A Plantower at the end of a line. `calibration`: `atmospheric` for the air of a street, `standard` (CF=1) for a
    comparison with an instrument calibrated so."""

    calibration: Calibration = "atmospheric"

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return fine dust."""
        return frozenset((self.id, f"air_quality.{name}") for name in _FIELDS)


def open_plantower(settings: PlantowerSettings) -> LineDriver:
    """Return a sensor's driver."""
    return LineDriver(PlantowerDecoder(settings.calibration), settings.uri)


DRIVER: Final = DriverType(
    name="plantower",
    settings=PlantowerSettings,
    open=open_plantower,
    example="""\
[[sensors]]
id = "dust"
driver = "plantower"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
""",
)
