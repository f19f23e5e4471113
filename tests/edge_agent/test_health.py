"""The box's own health: what the machine has is read, what it has not is left out, and nothing raises."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from contract.batch import FieldValue
from contract.catalogue import KINDS, fault
from edge_agent import health
from edge_agent.health import HealthReader, boot_id, health_faults, read_health
from tests.edge_agent.drivers.sysfs_tree import make


def test_a_sample_of_this_machine_has_what_every_linux_has(tmp_path: Path) -> None:
    before_ns = time.monotonic_ns()
    sample = read_health(tmp_path, 42)
    assert sample.kind == "box_health"
    assert before_ns <= sample.monotonic_ns <= time.monotonic_ns()
    assert sample.time_ns is None, "the box's clock, not the sample, says when"
    assert sample.fields["waiting_readings"] == 42
    assert float(sample.fields["uptime_s"]) > 0
    room = os.statvfs(tmp_path)
    assert 0 < int(sample.fields["disk_free_bytes"]) <= room.f_blocks * room.f_frsize
    assert 1e6 < int(sample.fields["memory_available_bytes"]) < 1e14
    assert fault(sample.kind, sample.fields) is None


def test_a_card_that_is_gone_and_a_machine_with_nothing_leave_their_fields_out(tmp_path: Path) -> None:
    fields = read_health(tmp_path / "no card", 0, tmp_path).fields
    assert set(fields) == {"uptime_s", "waiting_readings"}


def test_what_the_catalogue_finds_impossible_is_left_out_alone(tmp_path: Path) -> None:
    make("sys/class/thermal/thermal_zone0/temp = 999000\nproc/loadavg = 0.5 0 0", tmp_path)
    fields = read_health(tmp_path, 0, tmp_path).fields
    assert "cpu_temperature_c" not in fields
    assert fields["load_1min"] == 0.5


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"under_voltage": 1, "throttled": 1}, ["under-voltage", "throttled"]),
        ({"under_voltage": 0, "throttled": 0, "on_mains": 1, "link_up": 1}, []),
        ({"cpu_temperature_c": 80.0, "throttled": 1}, ["hot"]),
        ({"cpu_temperature_c": 79.9}, []),
        ({"disk_total_bytes": 1_000, "disk_free_bytes": 49}, ["card nearly full"]),
        ({"disk_total_bytes": 1_000, "disk_free_bytes": 50}, []),
        ({"disk_total_bytes": 0, "disk_free_bytes": 0}, []),
        ({"disk_worn_pct": 90.0}, ["card worn"]),
        ({"on_mains": 0}, ["on battery"]),
        ({"link_up": 0, "link_signal_dbm": -90.0}, ["no link"]),
        ({"link_up": 1, "link_signal_dbm": -81.0}, ["weak signal"]),
        ({"memory_available_bytes": 31_000_000}, ["little memory"]),
    ],
)
def test_what_is_a_fault(fields: dict[str, FieldValue], expected: list[str]) -> None:
    assert {quantity.name for quantity in KINDS["box_health"].quantities} >= set(fields)
    faults = health_faults(fields)
    assert list(faults) == expected
    assert all(words for words in faults.values())


def test_how_much_is_left_is_told_with_the_mains() -> None:
    assert health_faults({"on_mains": 0, "battery_pct": 64.0})["on battery"].endswith("(64 % left)")


async def test_a_kernel_that_does_not_answer_costs_the_sample_its_fields_and_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_TIMEOUT_S", 0.02)
    (tmp_path / "proc").mkdir()
    stuck = tmp_path / "proc/loadavg"
    os.mkfifo(stuck)  # whoever opens it waits for a writer
    reader = HealthReader(tmp_path, tmp_path)
    for waiting in range(3):
        sample = await reader.read(waiting)
        assert set(sample.fields) == {"uptime_s", "waiting_readings"}
        assert sample.fields["waiting_readings"] == waiting
    assert sum(thread.name == "health" for thread in threading.enumerate()) == 1
    monkeypatch.setattr(health, "_TIMEOUT_S", 10.0)
    writer = await asyncio.to_thread(os.open, stuck, os.O_WRONLY)
    os.write(writer, b"0.25 0 0\n")
    os.close(writer)
    fields = (await reader.read(7)).fields
    assert (fields["load_1min"], fields["waiting_readings"]) == (0.25, 7)


@pytest.mark.parametrize(("left_s", "days"), [(29.5 * 86_400, 29.5), (-86_400.0, -1.0)])
async def test_the_days_until_the_certificate_ends_are_told_by_a_clock_that_is_right(
    tmp_path: Path, left_s: float, days: float
) -> None:
    now_s = 1_795_000_000.0
    reader = HealthReader(tmp_path, tmp_path, ends_s=now_s + left_s)
    assert (await reader.read(0, now_s)).fields["certificate_days"] == days
    assert "certificate_days" not in (await reader.read(0)).fields, "a box that thinks it is 1970 would have decades"
    assert "certificate_days" not in (await HealthReader(tmp_path, tmp_path).read(0, now_s)).fields


def test_the_boot_id_is_the_kernels_and_steady() -> None:
    assert boot_id() == boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
