"""`siaga edge read`: reads a line once and prints what a driver makes of it. The technician's first tool."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final, TextIO

from contract.errors import EX_CONFIG, ConfigError
from edge_agent.drivers.base import DRIVERS, EARLIEST_LIVE_NS, Decoder, Sample, open_decoder
from edge_agent.errors import LineError
from edge_agent.lines import check_line_uri, read_line_source

_SECOND_NS: Final = 1_000_000_000
_INDONESIAN: Final = {
    "bytes": "bita",
    "sentences": "kalimat",
    "fixes": "posisi",
    "no fix": "tanpa posisi",
    "bad checksum": "checksum salah",
    "no checksum": "tanpa checksum",
    "not text": "bukan teks",
    "malformed": "cacat",
    "bad time": "waktu salah",
    "wrong hemisphere": "belahan bumi salah",
    "out of range": "di luar rentang",
    "null island": "koordinat nol",
    "estimated": "posisi taksiran",
    "manual": "posisi manual",
    "simulated": "posisi simulasi",
    "cut off": "terpotong",
    "too long": "terlalu panjang",
    "garbage bytes": "bita sampah",
    "late": "terlambat",
    "repeated": "terulang",
    "no date": "tanpa tanggal",
    "week rollover": "tanggal terlalu lama",
}


def run_read(uri: str, driver: str, *, json_lines: bool, limit: int | None, out: TextIO) -> int:
    """Read a line until it ends, is interrupted, or gave `limit` readings; print each to `out` as it comes.

    What came in is summed up on stderr at the end.

    Args:
        uri: The line, such as `serial:///dev/ttyUSB0?baudrate=9600`.
        driver: The driver's name, such as `nmea`.
        json_lines: Print JSON, one object a line, instead of words.
        limit: The number of readings after which to stop, at least 1; None: no limit.
        out: Where to.

    Returns:
        The exit status: 0; 1 when the line cannot be opened or is lost; 78 for a bad URI or an unknown driver, which
        are told before anything is opened.
    """
    try:
        check_line_uri(uri)
        # A replayed log may be as old as it likes.
        live = not uri.startswith("replay://")
        decoder = open_decoder(driver, earliest_ns=EARLIEST_LIVE_NS if live else None)
    except (ConfigError, ValueError) as error:
        print(f"siaga edge read: {error}", file=sys.stderr)
        return EX_CONFIG
    status = 0
    try:
        asyncio.run(read(uri, decoder, DRIVERS[driver], json_lines=json_lines, limit=limit, out=out))
    except LineError as error:
        print(f"siaga edge read: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # The reader of our output has enough, as `head` does; the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    print(summary(decoder), file=sys.stderr)
    return status


async def read(uri: str, decoder: Decoder, sensor: str, *, json_lines: bool, limit: int | None, out: TextIO) -> None:
    """Read a line to its end, or until it gave `limit` readings; print each to `out`.

    Raises:
        LineError: The line cannot be opened or is lost. What came before is printed.
    """
    left = limit
    try:
        async with aclosing(read_line_source(uri)) as source:
            async for data, monotonic_ns in source:
                for sample in decoder.feed(data, monotonic_ns):
                    _print(sample, sensor, json_lines, out)
                    left = None if left is None else left - 1
                    if left == 0:
                        return
    except LineError:
        _print_rest(decoder, sensor, json_lines, out)
        raise
    _print_rest(decoder, sensor, json_lines, out)


def summary(decoder: Decoder) -> str:
    """Return what came in, in words: Indonesian, then English; and the line's fault, if it has one."""
    counters = Counter({name: count for name, count in decoder.counters.items() if count})
    indonesian = ", ".join(f"{count} {_INDONESIAN.get(name, name)}" for name, count in counters.items())
    english = ", ".join(f"{count} {name}" for name, count in counters.items())
    lines = [f"Masuk: {indonesian or 'tidak ada'}.", f"Received: {english or 'nothing'}."]
    if decoder.fault() == "garbled":
        lines += [
            "Jalur kacau: periksa baudrate, kabel, dan driver.",
            "The line is garbled: check the baud rate, the cable and the driver.",
        ]
    return "\n".join(lines)


def reading(sample: Sample, sensor: str) -> dict[str, object]:
    """Return a sample as a reading; without a time of its own it is stamped with this machine's clock."""
    timestamp_ns = sample.time_ns if sample.time_ns is not None else time.time_ns()
    return {"timestamp_ns": timestamp_ns, "sensor": sensor, "kind": sample.kind, "fields": sample.fields}


def _print_rest(decoder: Decoder, sensor: str, json_lines: bool, out: TextIO) -> None:
    for sample in decoder.flush():
        _print(sample, sensor, json_lines, out)


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
