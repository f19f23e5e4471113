"""The tide-gauge driver: lines such as `L 1.234*46` in, a `water_level` each out; the star is for a checksum."""

import re
from collections import Counter
from functools import reduce
from operator import xor
from pathlib import Path

from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.line import LineDriver, LineSettings

LONGEST = 64
LINE = re.compile(rb"(L (-?[0-9]{1,2}\.[0-9]{3}))\*([0-9A-F]{2})\r?$")


class Settings(LineSettings):
    """`zero_m` is the height of the gauge above the zero that levels are told from, in metres."""

    zero_m: float = 0.0


class Decoder:
    """One gauge's decoder. `counters`: `bytes`, `levels`; refused: `bad checksum`, `unmatched`."""

    def __init__(self, zero_m: float) -> None:
        self.counters: Counter[str] = Counter()
        self._zero_m = zero_m
        self._line = b""
        self._bad_in_a_row = 0

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        self.counters["bytes"] += len(data)
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[-LONGEST:]  # whatever comes, memory stays small
        return [sample for line in lines for sample in self._read(line[-LONGEST:], monotonic_ns)]

    def flush(self) -> list[Sample]:
        self._line = b""
        return []

    def fault(self) -> str | None:
        return "garbled" if self._bad_in_a_row >= 20 else None

    def _read(self, line: bytes, monotonic_ns: int) -> list[Sample]:
        found = LINE.search(line)
        good = found is not None and reduce(xor, found[1]) == int(found[3], 16)
        self.counters["levels" if good else "bad checksum" if found else "unmatched"] += 1
        self._bad_in_a_row = 0 if good else self._bad_in_a_row + 1
        if found is None or not good:
            return []
        return [Sample("water_level", {"level_m": round(float(found[2]) + self._zero_m, 3)}, monotonic_ns, None)]


DRIVER = DriverType(
    name="tide-gauge",
    settings=Settings,
    open=lambda settings: LineDriver(Decoder(settings.zero_m), settings.uri),
    example=Path(__file__).with_name("sample.toml").read_text(),
)
