"""The NMEA 0183 driver: bytes of a GNSS receiver in, one `position` sample an epoch out."""

from __future__ import annotations

from collections import Counter
from typing import Final

from edge_agent.drivers.base import EARLIEST_LIVE_NS, DriverType, Sample
from edge_agent.drivers.line import LineDriver, LineSettings
from edge_agent.drivers.nmea.epoch import EpochAssembler
from edge_agent.drivers.nmea.framer import Framer
from edge_agent.drivers.nmea.gate import FixGate, FixRules
from edge_agent.drivers.nmea.sentence import SentenceError, parse
from edge_agent.drivers.nmea.settings import FixSettings

_GARBLED_AT: Final = 20
_GARBLED_AT_MOST: Final = 40
_GARBAGE_BYTES_A_SENTENCE: Final = 80
REFUSED: Final = frozenset(
    {
        "no fix",
        "estimated",
        "manual",
        "simulated",
        "bad checksum",
        "no checksum",
        "not text",
        "malformed",
        "bad time",
        "wrong hemisphere",
        "out of range",
        "null island",
        "cut off",
        "too long",
    }
)
"""The reasons for having no fix that the sentences themselves give; the gate has more."""
_UNREADABLE: Final = frozenset({"no checksum", "not text", "bad checksum"})


class NmeaDecoder:
    """The decoder of one receiver.

    `counters`: `bytes`, `sentences` (with a good checksum), `fixes`; refused: `no fix`, `estimated`, `manual`,
    `simulated`, `bad checksum`, `no checksum`, `not text`, `malformed`, `bad time`, `wrong hemisphere`, `out of range`,
    `null island`, `cut off`, `too long`, `late`, `repeated`; left out: `implausible <field>`, and a fix's
    time when there is `no date`, as after a `week rollover`; `garbage bytes`.

    With `rules`, a gate lets through only the fixes that can be true (`gate.py`): `outside area`, `stale`, `jump`,
    `hemisphere flip`; `time jump`; `believed`.

    The line is `garbled` after 20 unreadable sentences more than good ones (80 bytes of garbage count as one), until
    good ones made up for all of them.
    """

    def __init__(self, *, earliest_ns: int | None = None, rules: FixRules | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self._gate = None if rules is None else FixGate(rules, self.counters, REFUSED)
        self._framer = Framer(self.counters)
        self._epochs = EpochAssembler(self.counters, earliest_ns=earliest_ns)
        self._unreadable = 0
        self._garbage_seen = 0
        self._garbled = False
        self._monotonic_ns = 0

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns`; return the samples of the epochs they end."""
        self.counters["bytes"] += len(data)
        self._monotonic_ns = monotonic_ns
        samples = [sample for raw in self._framer.feed(data) for sample in self._sentence(raw, monotonic_ns)]
        self._count_garbage()
        return samples if self._gate is None else self._gate.take(samples, monotonic_ns)

    def flush(self) -> list[Sample]:
        """Return the sample of the last epoch, because the line ended."""
        samples = [sample for raw in self._framer.flush() for sample in self._sentence(raw, self._monotonic_ns)]
        samples += self._epochs.end()
        return samples if self._gate is None else self._gate.take(samples, self._monotonic_ns)

    def fault(self) -> str | None:
        """Return `garbled`, or why there was no good fix for a minute, or None."""
        if self._garbled:
            return "garbled"
        return None if self._gate is None else self._gate.fault()

    def _sentence(self, raw: bytes, monotonic_ns: int) -> list[Sample]:
        try:
            sentence = parse(raw)
        except SentenceError as error:
            self.counters[error.reason] += 1
            if error.reason in _UNREADABLE:
                self._judge_line(1)
            else:
                self.counters["sentences"] += 1
                self._judge_line(-1)
            return []
        self.counters["sentences"] += 1
        self._judge_line(-1)
        if sentence is None:
            return []
        for name in sentence.implausible:
            self.counters[f"implausible {name}"] += 1
        return self._epochs.feed(sentence, monotonic_ns)

    def _count_garbage(self) -> None:
        worse, left = divmod(self.counters["garbage bytes"] - self._garbage_seen, _GARBAGE_BYTES_A_SENTENCE)
        self._garbage_seen = self.counters["garbage bytes"] - left
        if worse:
            self._judge_line(worse)

    def _judge_line(self, change: int) -> None:
        self._unreadable = min(max(self._unreadable + change, 0), _GARBLED_AT_MOST)
        if self._unreadable >= _GARBLED_AT:
            self._garbled = True
        elif self._unreadable == 0:
            self._garbled = False


class NmeaSettings(LineSettings, FixSettings):
    """A receiver at the end of a line."""


def open_nmea(settings: NmeaSettings) -> LineDriver:
    """Return a receiver's driver; a replayed log may be as old as it likes."""
    earliest_ns = EARLIEST_LIVE_NS if settings.live else None
    return LineDriver(NmeaDecoder(earliest_ns=earliest_ns, rules=settings.rules()), settings.uri)


DRIVER: Final = DriverType(
    name="nmea",
    settings=NmeaSettings,
    open=open_nmea,
    example="""\
[[sensors]]
id = "gps"
driver = "nmea"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
max_speed_mps = 70.0
area = [-7.5, 107.0, -6.5, 108.0]
min_interval_s = 1.0
min_distance_m = 5.0
max_interval_s = 30.0
""",
    tells_time=True,
)
