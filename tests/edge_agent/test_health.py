"""The box's own health: what the machine has is read, what it has not is left out, and nothing raises."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edge_agent import health
from edge_agent.health import boot_id, read_health


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


def test_a_card_that_is_gone_and_a_machine_without_a_thermometer_leave_their_fields_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_THERMAL", tmp_path / "no thermometer")
    fields = read_health(tmp_path / "no card", 0).fields
    assert "disk_free_bytes" not in fields
    assert "cpu_temperature_c" not in fields
    assert "uptime_s" in fields


@pytest.mark.parametrize(("text", "celsius"), [("48312\n", 48.312), ("-5000\n", -5.0), ("", None), ("warm", None)])
def test_the_thermometer_is_in_thousandths_of_a_degree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, celsius: float | None
) -> None:
    (tmp_path / "temp").write_text(text)
    monkeypatch.setattr(health, "_THERMAL", tmp_path / "temp")
    assert read_health(tmp_path, 0).fields.get("cpu_temperature_c") == celsius


def test_memory_is_in_bytes_and_left_out_where_linux_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemAvailable:    2048 kB\n")
    monkeypatch.setattr(health, "_MEMINFO", tmp_path / "meminfo")
    assert read_health(tmp_path, 0).fields["memory_available_bytes"] == 2_097_152
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\n")
    assert "memory_available_bytes" not in read_health(tmp_path, 0).fields


def test_the_boot_id_is_the_kernels_and_steady() -> None:
    assert boot_id() == boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
