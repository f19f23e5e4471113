"""The pattern driver: lines of text in, a sample for each pattern that a line matches out, by configuration."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final

from contract.batch import FieldValue
from contract.catalogue import Quantity
from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.fields import number, plausible, quantities, scaled
from edge_agent.drivers.garbled import LineJudge
from edge_agent.drivers.line import LineDriver
from edge_agent.drivers.pattern.cutter import LineCutter
from edge_agent.drivers.pattern.regex import Regex
from edge_agent.drivers.pattern.settings import FieldSettings, PatternSettings, ReadingSettings

_GARBAGE_BYTES_A_LINE: Final = 80


class _Reading:
    """One pattern, compiled."""

    def __init__(self, settings: ReadingSettings) -> None:
        self.kind = settings.kind
        self.regex = Regex(settings.pattern)
        plain = FieldSettings()
        self.fields = [
            (quantity, settings.fields.get(quantity.name, plain))
            for quantity in quantities(settings.kind, self.regex.groups).values()
        ]


class PatternDecoder:
    """The decoder of one sensor.

    `counters`: `bytes`, `lines`, `matched` (by at least one pattern), `unmatched`; refused: `too long`, `cut off`,
    `garbage bytes` (of too long lines, and in front of a line's beginning), `no value`; left out: `not a number`,
    `implausible <field>`.

    The line is `garbled` after 20 lines in a row that no pattern matches; 80 bytes of garbage count as one.
    """

    def __init__(self, settings: PatternSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._cutter = LineCutter(settings.ends.encode(), settings.begins.encode(), settings.longest, self.counters)
        self._readings = [_Reading(reading) for reading in settings.readings]
        self._judge = LineJudge(_GARBAGE_BYTES_A_LINE)
        self._garbage_seen = 0

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns`; return the samples of the lines they end."""
        self.counters["bytes"] += len(data)
        samples = [sample for line in self._cutter.feed(data) for sample in self._line(line, monotonic_ns)]
        self._judge.garbage(self.counters["garbage bytes"] - self._garbage_seen)
        self._garbage_seen = self.counters["garbage bytes"]
        return samples

    def flush(self) -> list[Sample]:
        """Return nothing: a line that was cut off may be half a number."""
        self._cutter.flush()
        return []

    def fault(self) -> str | None:
        """Return `garbled` or None."""
        return "garbled" if self._judge.garbled else None

    def _line(self, line: bytes, monotonic_ns: int) -> list[Sample]:
        samples: list[Sample] = []
        matched = False
        for reading in self._readings:
            groups = reading.regex.search(line)
            if groups is None:
                continue
            matched = True
            values: dict[str, FieldValue] = {}
            for quantity, how in reading.fields:
                value = self._value(groups[quantity.name], quantity, how)
                if value is not None:
                    values[quantity.name] = value
            fields = plausible(reading.kind, values, self.counters)
            if fields is not None:
                samples.append(Sample(reading.kind, fields, monotonic_ns, None))
        if matched:
            self.counters["matched"] += 1
            self._judge.sense()
        else:
            self.counters["unmatched"] += 1
            self._judge.bad()
        return samples

    def _value(self, raw: bytes | None, quantity: Quantity, how: FieldSettings) -> FieldValue | None:
        if raw is None:
            return None
        text = raw.decode("latin-1").strip()
        if text in how.missing:
            return None
        found = Decimal(repr(how.words[text])) if text in how.words else number(text)
        if found is None:
            self.counters["not a number"] += 1
            return None
        return scaled(quantity, found, how)


def open_pattern(settings: PatternSettings) -> LineDriver:
    """Return a sensor's driver."""
    return LineDriver(PatternDecoder(settings), settings.uri)


DRIVER: Final = DriverType(
    name="pattern",
    settings=PatternSettings,
    open=open_pattern,
    example="""\
[[sensors]]
id = "river"
driver = "pattern"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
begins = "R"

[[sensors.readings]]
kind = "water_level"
pattern = '^R(?P<level_m>[0-9]{4})$'
[sensors.readings.fields]
level_m = { scale = -0.001, offset = 6.2, missing = ["9999"] }
""",
)
