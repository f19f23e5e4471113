"""The box's own health, read from Linux, and what of it is a fault."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from contract.batch import FieldValue
from contract.catalogue import fault
from edge_agent import machine
from edge_agent.aside import in_thread
from edge_agent.drivers.base import Sample

HOT_C: Final = 80.0
"""A Raspberry Pi slows down from here on."""
WORN_PCT: Final = 90.0
FULL_FREE_PART: Final = 0.05
WEAK_DBM: Final = -80.0
LITTLE_MEMORY_BYTES: Final = 32_000_000
_TIMEOUT_S: Final = 5.0
_ROOT: Final = Path("/")


def boot_id() -> str:
    """Return the kernel's boot id: monotonic times compare only within one boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class HealthReader:
    """Reads the box's health in a thread: a supply on a stuck bus must not stop the box, nor pile up threads.

    Args:
        data_dir: The folder whose card is told of.
        root: What holds `sys` and `proc`.
        ends_s: When the first of its certificates ends, in s since 1970, or None.
    """

    def __init__(self, data_dir: Path, root: Path = _ROOT, *, ends_s: float | None = None) -> None:
        self._data_dir = data_dir
        self._root = root
        self._ends_s = ends_s
        self._reading: asyncio.Future[Sample] | None = None

    async def read(self, waiting_readings: int, now_s: float | None = None) -> Sample:
        """Return a sample as `read_health`; while the kernel does not answer, only what needs no driver of it.

        `now_s` is a time that can be trusted, in s since 1970; without one nothing is said of the certificate.
        """
        if self._reading is None or self._reading.done():
            self._reading = in_thread(lambda: read_health(self._data_dir, waiting_readings, self._root), "health")
        done, _ = await asyncio.wait([self._reading], timeout=_TIMEOUT_S)
        if done:
            sample = self._reading.result()
            # It may have been begun long ago, by a call before.
            return replace(
                sample, fields=sample.fields | self._certificate(now_s) | {"waiting_readings": waiting_readings}
            )
        return Sample("box_health", self._certificate(now_s) | _own(waiting_readings), time.monotonic_ns(), None)

    def _certificate(self, now_s: float | None) -> machine.Fields:
        if self._ends_s is None or now_s is None:
            return {}
        days: dict[str, FieldValue] = {"certificate_days": round((self._ends_s - now_s) / 86_400, 2)}
        return days if fault("box_health", days) is None else {}


def read_health(data_dir: Path, waiting_readings: int, root: Path = _ROOT) -> Sample:
    """Return one `box_health` sample; what this machine does not have, or says implausibly, is left out.

    Args:
        data_dir: The folder whose card is told of.
        waiting_readings: Readings without a receipt.
        root: What holds `sys` and `proc`.
    """
    fields = _own(waiting_readings)
    for found in (
        machine.card(root, data_dir),
        machine.processor(root),
        machine.memory(root),
        machine.supply(root),
        machine.link(root),
        machine.kernel_clock() if root == _ROOT else {},
    ):
        fields |= {name: value for name, value in found.items() if fault("box_health", {name: value}) is None}
    return Sample("box_health", fields, time.monotonic_ns(), None)


def health_faults(fields: Mapping[str, FieldValue]) -> dict[str, str]:
    """Return what is wrong with the box: a short name of each fault, and what to do about it."""
    faults: dict[str, str] = {}
    if fields.get("under_voltage") == 1:
        faults["under-voltage"] = "the supply is too weak; use one of 5.1 V and 3 A, and a shorter cable"
    if float(fields.get("cpu_temperature_c", 0)) >= HOT_C:
        faults["hot"] = "the processor is too hot and slows down; shade the box, clear its vents"
    elif fields.get("throttled") == 1:
        faults["throttled"] = "the processor is slowed down; look at its supply and its cooling"
    total, free = fields.get("disk_total_bytes"), fields.get("disk_free_bytes")
    if total and free is not None and float(free) < FULL_FREE_PART * float(total):
        faults["card nearly full"] = "less than 5 % is free; see what fills it (du -xh / | sort -h)"
    if float(fields.get("disk_worn_pct", 0)) >= WORN_PCT:
        faults["card worn"] = "its rated life is nearly used up; change the card soon"
    if fields.get("on_mains") == 0:
        charge = fields.get("battery_pct")
        faults["on battery"] = "the mains are off; check fuse and meter" + (
            "" if charge is None else f" ({float(charge):.0f} % left)"
        )
    if fields.get("link_up") == 0:
        faults["no link"] = "no network link is up; check cable, SIM and antenna"
    elif float(fields.get("link_signal_dbm", 0)) < WEAK_DBM:
        faults["weak signal"] = "the radio link is weak; turn or raise the antenna"
    if float(fields.get("memory_available_bytes", LITTLE_MEMORY_BYTES)) < LITTLE_MEMORY_BYTES:
        faults["little memory"] = "something takes the memory; see what (ps aux --sort=-rss | head)"
    return faults


def _own(waiting_readings: int) -> machine.Fields:
    return {"uptime_s": time.clock_gettime(time.CLOCK_BOOTTIME), "waiting_readings": waiting_readings}
