"""`siaga edge probe` at the terminal: what is heard on each port, in words or as JSON, and the tables to copy."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from edge_agent.lines import tty_candidates
from edge_agent.probe import LISTEN_S, Finding, probe_ports

NOTHING_KNOWN: Final = 1
"""Exit status when no driver knows anything of what is heard."""

_NO_PORT: Final = (
    "tidak ada port serial / no serial port here\n"
    "  → periksa kabel dan driver kernel / check the cable and the kernel's driver (dmesg)"
)
_COPY: Final = "# salin ke box.toml / copy into box.toml:"


def run_probe(
    ports: Sequence[str], *, as_json: bool, out: TextIO, progress: TextIO = sys.stderr, listen_s: float = LISTEN_S
) -> int:
    """Listen on serial ports and print what is heard; what is tried now goes to `progress`.

    Args:
        ports: The ports; none: every one of this machine.
        as_json: Whether to print one JSON object instead of words.
        out: Where to print.
        progress: Where to say what is tried.
        listen_s: How long to listen at each baud rate, in seconds.

    Returns:
        The exit status: 0 when a driver knows what comes in on a port, else 1.
    """
    asked = [_path(port) for port in ports] or each_once(tty_candidates())

    def tell(port: str, baudrate: int) -> None:
        print(f"{port}: {baudrate} …", file=progress, flush=True)

    try:
        findings = asyncio.run(probe_ports(asked, listen_s=listen_s, progress=tell))
    except KeyboardInterrupt:
        return NOTHING_KNOWN
    if as_json:
        print(json.dumps({"ports": [_as_dict(finding) for finding in findings]}, ensure_ascii=False), file=out)
    else:
        print("\n".join(map(in_words, findings)) or _NO_PORT, file=out)
        tables = _numbered([finding for finding in findings if finding.table is not None])
        if tables:
            print("\n".join(["", _COPY, *tables]), file=out)
    return 0 if any(finding.driver is not None for finding in findings) else NOTHING_KNOWN


def each_once(ports: Sequence[str]) -> list[str]:
    """Return ports without those that are there already under another name; the first name stays."""
    found: dict[str, str] = {}
    for port in ports:
        found.setdefault(os.path.realpath(port), port)
    return list(found.values())


def _path(port: str) -> str:
    """Return the path of a port as a technician types it: `ttyUSB0` is that of /dev, unless it is in this folder."""
    beside = Path("/dev") / port
    return str(beside) if not os.path.lexists(port) and beside.exists() else os.path.abspath(port)


def in_words(finding: Finding) -> str:
    """Return what is on a port, Indonesian / English, and what to do about it."""
    port, start = finding.port, finding.start
    match finding.what:
        case "known":
            counts = ", ".join(f"{count} {name}" for name, count in finding.counters.items() if name != "bytes")
            told = f"{finding.driver} pada / at {finding.baudrate}: {counts}"
            readings = f"{finding.readings} bacaan / readings" if finding.readings else "belum ada bacaan / no reading"
            return f"{port}: {told}, {readings}{_no_fix(finding)}"
        case "text":
            text = start.decode("ascii", "replace").splitlines()
            return (
                f"{port}: baris teks / lines of text at {finding.baudrate}: {max(text, key=len)!r}\n"
                "  → driver pattern dapat membacanya / a pattern sensor can read them"
            )
        case "bytes":
            return (
                f"{port}: ada bita, bingkai tak dikenal / bytes, no known frame: {start.hex(' ')}\n"
                "  → lihat lembar data untuk baudrate; driver frame dapat membaca bingkai biner / see the data sheet "
                "for the baud rate; a frame sensor can read binary frames"
            )
        case "silence":
            return (
                f"{port}: senyap / silence\n"
                "  → periksa daya dan kabel RX/TX; perangkat Modbus hanya menjawab bila ditanya / check power and the "
                "RX and TX wires; a Modbus device only speaks when asked"
            )
        case "held":
            holder = finding.holder
            who = f"{holder.name} (pid {holder.pid})" if holder is not None and holder.name else "?"
            return (
                f"{port}: dipakai / held by {who}; tidak dibuka / not opened\n"
                "  → hentikan dulu / stop it first: systemctl stop siaga-edge"
            )
        case "error":
            return f"{port}: tidak dapat dibuka / cannot be opened: {finding.problem}"


def _no_fix(finding: Finding) -> str:
    if finding.driver != "nmea":
        return ""
    if finding.counters.get("fixes"):
        return ", ada posisi / fix"
    return ", belum ada posisi / no fix\n  → beri antena pandangan ke langit / give the antenna a view of the sky"


def _numbered(findings: list[Finding]) -> list[str]:
    """Return the tables, with names that differ."""
    tables: list[str] = []
    for finding in findings:
        table = finding.table or ""
        name = table.split('"')[1]
        same = sum(other.driver == finding.driver for other in findings[: findings.index(finding)])
        tables.append(table.replace(f'"{name}"', f'"{name}-{same + 1}"', 1) if same else table)
    return tables


def _as_dict(finding: Finding) -> dict[str, object]:
    return {
        "port": finding.port,
        "what": finding.what,
        "baudrate": finding.baudrate,
        "driver": finding.driver,
        "counters": dict(finding.counters),
        "readings": finding.readings,
        "start": finding.start.hex(" "),
        "held_by": None if finding.holder is None else {"pid": finding.holder.pid, "name": finding.holder.name},
        "problem": finding.problem or None,
        "table": finding.table,
        "words": in_words(finding),
    }
