"""What Linux tells of the machine: temperature, memory, card, supply, link, clock. Each function reads files below a
root and returns fields of `box_health`; what this machine does not have, or says in words nobody knows, is left out.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from contract.batch import FieldValue

Fields = dict[str, FieldValue]

_CPU_ZONE: Final = re.compile(r"cpu|soc|x86_pkg_temp", re.IGNORECASE)
_UNDER_VOLTAGE: Final = 0b0001
_THROTTLED: Final = 0b1110
"""Raspberry Pi, vcgencmd get_throttled: bits 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft temperature
limit, each as of now; bits 16 to 19 the same since boot."""
_WIRELESS: Final = re.compile(r"^\s*([^\s:]+):\s+\S+\s+(\d+)\.?\s+(-?\d+)\.?\s", re.MULTILINE)
_BEST_QUALITY: Final = 70
"""What mac80211 calls a perfect link (net/wireless/wext-compat.c)."""
_SECTOR_BYTES: Final = 512
_UNSYNCHRONISED: Final = 0x40
"""STA_UNSYNC, adjtimex(2)."""


def processor(root: Path) -> Fields:
    """Return the processor's temperature, its load, and whether it is slowed down or its supply too low."""
    fields: Fields = {}
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    named = [zone for zone in zones if _CPU_ZONE.search(_text(zone / "type") or "")]
    for zone in [*named, *zones][:1]:
        if (thousandths := _integer(zone / "temp")) is not None:
            fields["cpu_temperature_c"] = thousandths / 1000
    load = (_text(root / "proc/loadavg") or "").split()
    if load:
        with suppress(ValueError):
            fields["load_1min"] = float(load[0])
    flags = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    with suppress(ValueError):
        bits = int(flags or "", 16)
        fields["under_voltage"] = int(bool(bits & _UNDER_VOLTAGE))
        fields["throttled"] = int(bool(bits & _THROTTLED))
    if "under_voltage" not in fields:
        for chip in sorted((root / "sys/class/hwmon").glob("*")):
            if _text(chip / "name") == "rpi_volt" and (alarm := _integer(chip / "in0_lcrit_alarm")) is not None:
                fields["under_voltage"] = int(bool(alarm))
    return fields


def memory(root: Path) -> Fields:
    """Return the memory that is to be had."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo") or "", re.MULTILINE)
    return {} if found is None else {"memory_available_bytes": int(found[1]) * 1024}


def card(root: Path, folder: Path) -> Fields:
    """Return the room on a folder's disk, what was written to it since boot, and how worn it is where it says so."""
    fields: Fields = {}
    try:
        room = os.statvfs(folder)
        number = os.stat(folder).st_dev
    except OSError:
        return fields  # the card is gone; the outbox's own fault says so
    fields["disk_free_bytes"] = room.f_bavail * room.f_frsize
    fields["disk_total_bytes"] = room.f_blocks * room.f_frsize
    device = (root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    if (device / "partition").exists():
        device = device.parent
    statistics = (_text(device / "stat") or "").split()
    if len(statistics) > 6 and statistics[6].isdecimal():
        fields["disk_written_bytes"] = int(statistics[6]) * _SECTOR_BYTES
    worn = [int(each, 16) for each in re.findall(r"0x[0-9a-fA-F]{2}", _text(device / "device/life_time") or "")]
    if any(worn):  # 0 is unknown; 1 is up to 10 % of the rated life, 11 more than all of it (JEDEC 84-B51, 7.4)
        fields["disk_worn_pct"] = float(10 * max(worn))
    return fields


def supply(root: Path) -> Fields:
    """Return what supplies the machine, where the kernel knows: mains, battery, voltage."""
    fields: Fields = {}
    for source in sorted((root / "sys/class/power_supply").glob("*")):
        sort = _text(source / "type")
        voltage = _integer(source / "voltage_now")
        if sort in ("Mains", "USB") and (online := _integer(source / "online")) is not None:
            fields["on_mains"] = int(bool(online) or bool(fields.get("on_mains")))
        if sort == "Battery" and (charge := _integer(source / "capacity")) is not None:
            fields["battery_pct"] = float(charge)
        if voltage is not None and (sort == "Battery" or "supply_v" not in fields):
            fields["supply_v"] = voltage / 1e6
    return fields


def link(root: Path) -> Fields:
    """Return whether a network link is up, the frames it lost, and how good the radio is."""
    fields: Fields = {}
    up, errors = [], 0
    for interface in _interfaces(root / "sys/class/net"):
        carrier = _integer(interface / "carrier")
        up.append(_text(interface / "operstate") in ("up", "unknown") and carrier == 1)
        errors += sum(_integer(interface / f"statistics/{each}") or 0 for each in ("rx_errors", "tx_errors"))
    if up:
        fields["link_up"] = int(any(up))
        fields["link_errors"] = errors
    radios = [
        (int(level), int(quality)) for _, quality, level in _WIRELESS.findall(_text(root / "proc/net/wireless") or "")
    ]
    # Old drivers say the level as a byte, 256 too high.
    levels = [(level - 256 if level > 63 else level, quality) for level, quality in radios]
    if levels:
        level, quality = max(levels)
        fields["link_quality_pct"] = min(100.0 * quality / _BEST_QUALITY, 100.0)
        if level < 0:
            fields["link_signal_dbm"] = float(level)
    return fields


def kernel_clock() -> Fields:
    """Return whether the kernel's clock is kept by someone, and then its largest error (adjtimex(2), only asking)."""
    import ctypes  # 1 MB, and not on every machine

    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return {}
    return {} if state < 0 else timex(buffer.raw)


def timex(raw: bytes) -> Fields:
    """Return what a `struct timex` says: modes, offset, freq, maxerror (µs), esterror, status."""
    _, _, _, largest_error_us, _, status = struct.unpack_from("@Illlli", raw)
    if status & _UNSYNCHRONISED:
        return {"clock_synchronised": 0}
    return {"clock_synchronised": 1, "clock_error_s": largest_error_us / 1e6}


def _interfaces(folder: Path) -> Iterator[Path]:
    """Yield the network interfaces that lead out: those with a device behind them, and modems' `ppp`."""
    for interface in sorted(folder.glob("*")):
        if (interface / "device").exists() or interface.name.startswith(("ppp", "wwan")):
            yield interface


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _integer(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None
