"""The test cases of the drivers: folders `testcases/<name>/` beside each driver's code.

| file | what |
|---|---|
| `input.hex` | what came in, as hexadecimal, a frame a line; lines that begin with `#` are notes |
| `input.txt`, `input.nmea`, `input.jsonl` | what came in, as it is; each line with its end, CR or LF, is a frame |
| `input.bin` | what came in, as it is, in one piece |
| `expected.jsonl` | what must come out, one sample a line; `timestamp_ns` null without a time of its own |
| `sensor.toml` | the sensor's settings; without it the driver's `sample.toml` |

A folder without an input of these names is of a driver that has no line of bytes, and of its own test.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.settings import check_table
from edge_agent.drivers.base import Decoder, DriverSettings
from edge_agent.drivers.line import LineDriver
from edge_agent.drivers.registry import BUILT_IN, find_driver

DRIVERS = Path(__file__).parents[3] / "edge_agent/drivers"
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+$")


@dataclass(frozen=True)
class Case:
    """One test case."""

    folder: Path
    input: Path

    @property
    def driver(self) -> str:
        """The driver's name: its folder's."""
        return self.folder.parent.parent.name.replace("_", "-")

    def frames(self) -> list[bytes]:
        """Return what came in, in the pieces that junk may come between."""
        data = self.input.read_bytes()
        if self.input.suffix == ".hex":
            lines = data.decode().splitlines()
            return [bytes.fromhex(line) for line in lines if line.strip() and not line.startswith("#")]
        return [data] if self.input.suffix == ".bin" else _LINE.findall(data)

    def expected(self) -> list[dict[str, Any]]:
        """Return what must come out."""
        return [json.loads(line) for line in (self.folder / "expected.jsonl").read_text().splitlines()]

    def decoder(self) -> Decoder:
        """Return a new decoder with the case's settings, as a replayed line has it."""
        own = self.folder / "sensor.toml"
        text = own if own.exists() else self.folder.parent.parent / "sample.toml"
        (table,) = tomllib.loads(text.read_text(encoding="utf-8"))["sensors"]
        return decoder({**table, "uri": "replay://input"})


def decoder(table: dict[str, Any]) -> Decoder:
    """Return a new decoder for one `[[sensors]]` table."""
    kind = find_driver(table["driver"])
    settings: DriverSettings = check_table(table, kind.settings)
    driver = kind.open(settings)
    assert isinstance(driver, LineDriver)
    return driver.decoder


def line_cases() -> list[Case]:
    """Return the cases of all drivers that decode a line of bytes; a board's have tests of their own."""
    ours = {name.replace("-", "_") for name in BUILT_IN}
    folders = sorted(path for path in DRIVERS.glob("*/testcases/*") if path.is_dir() and path.parts[-3] in ours)
    inputs = [(folder, sorted(folder.glob("input.*"))) for folder in folders]
    return [Case(folder, found[0]) for folder, found in inputs if found and found[0].suffix in _SUFFIXES]


_SUFFIXES = (".hex", ".txt", ".nmea", ".jsonl", ".bin")
