"""`siaga edge read`: reads a line once and prints what a driver makes of it. The technician's first tool."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import tomllib
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from pydantic import ValidationError

from contract.errors import EX_CONFIG, ConfigError
from contract.settings import check_table
from edge_agent.config import load_box_settings
from edge_agent.count_words import COUNTS_ID
from edge_agent.drivers.base import BusDriver, Driver, DriverSettings, Sample
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import LineError
from edge_agent.status_texts import FAULTS_ID

_SECOND_NS: Final = 1_000_000_000


def run_read(
    uri: str | None,
    driver: str | None,
    *,
    json_lines: bool,
    limit: int | None,
    out: TextIO,
    config: Path | None = None,
    sensor: str | None = None,
) -> int:
    """Read a line until it ends, is interrupted, or gave `limit` readings; print each to `out` as it comes.

    What came in is summed up on stderr at the end.

    Args:
        uri: The line, such as `serial:///dev/ttyUSB0?baudrate=9600`.
        driver: The driver's name, such as `nmea`.
        json_lines: Print JSON, one object a line, instead of words.
        limit: The number of readings after which to stop, at least 1; None: no limit.
        out: Where to.
        config: The box's configuration to take `sensor` from, in place of `uri` and `driver`.
        sensor: A sensor of `config`.

    Returns:
        The exit status: 0; 1 when the line cannot be opened or is lost; 78 for settings that cannot be used, which is
        told before anything is opened.
    """
    try:
        settings = _given(uri or "", driver or "") if config is None else _configured(config, sensor or "")
        opened: Driver = find_driver(settings.driver).open(settings)
    except ConfigError as error:
        print(f"siaga edge read: {error}", file=sys.stderr)
        return EX_CONFIG
    status = 0
    try:
        asyncio.run(read(opened, settings.id, json_lines=json_lines, limit=limit, out=out))
    except LineError as error:
        print(f"siaga edge read: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # The reader of our output has enough, as `head` does; the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    print(summary(opened), file=sys.stderr)
    return status


def _configured(config: Path, sensor: str) -> DriverSettings:
    sensors = {each.id: each for each in load_box_settings(config).sensors}
    if sensor not in sensors:
        there = f"there are: {', '.join(sensors)}" if sensors else "it has none; siaga edge probe tells which to add"
        raise ConfigError(str(config), "sensors", f"no sensor {sensor!r}; {there}", example="--sensor gps")
    return sensors[sensor]


def _given(uri: str, driver: str) -> DriverSettings:
    kind = find_driver(driver)
    usual: str = tomllib.loads(kind.example)["sensors"][0]["id"]
    try:
        settings: DriverSettings = check_table({"id": usual, "driver": driver, "uri": uri}, kind.settings)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        if fault["type"] == "missing":
            raise ConfigError(
                "", str(fault["loc"][0]), f"driver {driver!r} needs it", example="--config box.toml --sensor gauge"
            ) from None
        raise ConfigError("", "", fault["msg"].removeprefix("Value error, ")) from None
    return settings


async def read(driver: Driver, sensor: str, *, json_lines: bool, limit: int | None, out: TextIO) -> None:
    """Read a driver's source to its end, or until it gave `limit` readings; print each to `out`.

    Raises:
        LineError: The line cannot be opened or is lost. What came before is printed.
    """
    left = limit
    async with aclosing(driver.samples()) as source:
        async for samples in source:
            for sample in samples:
                _print(sample, sample.sensor or sensor, json_lines, out)
                left = None if left is None else left - 1
                if left == 0:
                    return


def summary(driver: Driver) -> str:
    """Return what came in, in words: Indonesian, then English; and what is wrong with the line or a part of a bus."""
    counters = Counter({name: count for name, count in driver.counters.items() if count})
    indonesian = ", ".join(f"{count} {COUNTS_ID.get(name, name)}" for name, count in counters.items())
    english = ", ".join(f"{count} {name}" for name, count in counters.items())
    lines = [f"Masuk: {indonesian or 'tidak ada'}.", f"Received: {english or 'nothing'}."]
    whole = driver.fault()
    parts = driver.faults_of_parts() if isinstance(driver, BusDriver) else {}
    for name, fault in [*([] if whole is None else [("", whole)]), *parts.items()]:
        indonesian_fault = FAULTS_ID.get(f"sensor {fault.partition(': ')[0]}")
        of = f"{name}: " if name else ""
        if indonesian_fault is not None:
            lines.append(f"{of}{indonesian_fault[0].upper()}{indonesian_fault[1:]}.")
        lines.append(f"Fault: {of}{fault}.")
    return "\n".join(lines)


def reading(sample: Sample, sensor: str) -> dict[str, object]:
    """Return a sample as a reading; without a time of its own it is stamped with this machine's clock."""
    timestamp_ns = sample.time_ns if sample.time_ns is not None else time.time_ns()
    return {"timestamp_ns": timestamp_ns, "sensor": sensor, "kind": sample.kind, "fields": sample.fields}


def _print(sample: Sample, sensor: str, json_lines: bool, out: TextIO) -> None:
    one = reading(sample, sensor)
    if json_lines:
        text = json.dumps(one, ensure_ascii=False, separators=(",", ":"))
    else:
        fields = " ".join(f"{name}={_human(value)}" for name, value in sample.fields.items())
        seconds, rest_ns = divmod(int(str(one["timestamp_ns"])), _SECOND_NS)
        moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        text = f"{moment}.{rest_ns // 1_000_000:03}Z {sensor} {sample.kind} {fields}"
    print(text, file=out, flush=True)


def _human(value: object) -> str:
    return f"{value:.7f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
