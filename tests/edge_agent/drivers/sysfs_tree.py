"""A sysfs of our own, made from a text: `path = content` (`\\n` ends a line) or `path -> path` for a link."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from contract.catalogue import fault
from contract.settings import check_table
from edge_agent.drivers.base import DriverType
from edge_agent.drivers.sysfs import SysfsDriver

DRIVERS = Path(__file__).parents[3] / "edge_agent/drivers"


def cases(driver: str) -> list[Path]:
    """Return a driver's test cases."""
    return sorted(path for path in (DRIVERS / driver / "testcases").iterdir() if path.is_dir())


def make(text: str, root: Path) -> None:
    """Make the files of a tree."""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if " -> " in line:
            link, target = line.split(" -> ")
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(root / target)
        else:
            path, _, content = line.partition(" =")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content.strip().replace("\\n", "\n") + "\n")


def opened(kind: DriverType[Any], table: str, root: Path, **more: Any) -> SysfsDriver:
    """Return the driver of a `[[sensors]]` table, on a tree."""
    (settings,) = tomllib.loads(table)["sensors"]
    driver = kind.open(check_table({**settings, "sysfs": str(root), **more}, kind.settings))
    assert isinstance(driver, SysfsDriver)
    return driver


async def play(kind: DriverType[Any], case: Path, root: Path) -> None:
    """Play a test case and compare what comes out."""
    make((case / "sysfs.txt").read_text(), root)
    source = opened(kind, (case / "sensor.toml").read_text(), root).samples()
    samples = await anext(source)
    await source.aclose()
    assert [fault(sample.kind, sample.fields) for sample in samples] == [None] * len(samples)
    told = [
        {"timestamp_ns": sample.time_ns, "sensor": sample.sensor, "kind": sample.kind, "fields": sample.fields}
        for sample in samples
    ]
    assert told == [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines()]


def in_step(kind: DriverType[Any]) -> None:
    """Check that a driver's example, sample and README fit its settings."""
    folder = DRIVERS / kind.name
    for text in (kind.example, (folder / "sample.toml").read_text()):
        (table,) = tomllib.loads(text)["sensors"]
        check_table(table, kind.settings)
    readme = (folder / "README.md").read_text()
    own = set(kind.settings.model_fields) - {"id", "driver", "min_interval_s"}
    assert [field for field in own if f"`{field}`" not in readme] == []
