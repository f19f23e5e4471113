"""The box's own health, read from Linux."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from contract.batch import FieldValue
from edge_agent.drivers.base import Sample

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
_MEMINFO = Path("/proc/meminfo")


def boot_id() -> str:
    """Return the kernel's boot id: monotonic times compare only within one boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def read_health(data_dir: Path, waiting_readings: int) -> Sample:
    """Return one `box_health` sample; what this machine does not have is left out."""
    now_ns = time.monotonic_ns()
    fields: dict[str, FieldValue] = {
        "uptime_s": time.clock_gettime(time.CLOCK_BOOTTIME),
        "waiting_readings": waiting_readings,
    }
    with contextlib.suppress(OSError):  # the card is gone; the outbox's own fault says so
        room = os.statvfs(data_dir)
        fields["disk_free_bytes"] = room.f_bavail * room.f_frsize
    with contextlib.suppress(OSError, ValueError):  # not every machine has a thermal zone
        fields["cpu_temperature_c"] = int(_THERMAL.read_text(encoding="ascii")) / 1000
    available = next(
        (line.split()[1] for line in _MEMINFO.read_text(encoding="ascii").splitlines() if "MemAvailable" in line), None
    )
    if available is not None:
        fields["memory_available_bytes"] = int(available) * 1024
    return Sample("box_health", fields, now_ns, None)
