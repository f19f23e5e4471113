"""What Linux tells of the machine, from trees of files as a Raspberry Pi and others have them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.catalogue import fault
from edge_agent.machine import Fields, card, kernel_clock, link, memory, processor, supply, timex
from tests.edge_agent.drivers.sysfs_tree import make

PI = """
sys/class/thermal/thermal_zone0/type = gpu-thermal
sys/class/thermal/thermal_zone0/temp = 11111
sys/class/thermal/thermal_zone1/type = cpu-thermal
sys/class/thermal/thermal_zone1/temp = 48312
proc/loadavg = 0.42 0.31 0.20 1/123 4567
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (PI, {"cpu_temperature_c": 48.312, "load_1min": 0.42}),
        ("sys/class/thermal/thermal_zone0/temp = -5000", {"cpu_temperature_c": -5.0}),
        ("sys/class/thermal/thermal_zone0/temp = warm", {}),
        ("sys/devices/platform/soc/soc:firmware/get_throttled = 0", {"under_voltage": 0, "throttled": 0}),
        ("sys/devices/platform/soc/soc:firmware/get_throttled = 50005", {"under_voltage": 1, "throttled": 1}),
        ("sys/devices/platform/soc/soc:firmware/get_throttled = 50000", {"under_voltage": 0, "throttled": 0}),
        ("sys/devices/platform/soc/soc:firmware/get_throttled = 8", {"under_voltage": 0, "throttled": 1}),
        ("sys/devices/platform/soc/soc:firmware/get_throttled = ?", {}),
        (
            "sys/class/hwmon/hwmon0/name = cpu_thermal\n"
            "sys/class/hwmon/hwmon1/name = rpi_volt\nsys/class/hwmon/hwmon1/in0_lcrit_alarm = 1",
            {"under_voltage": 1},
        ),
    ],
)
def test_processor(tmp_path: Path, text: str, expected: Fields) -> None:
    make(text, tmp_path)
    assert processor(tmp_path) == expected


def test_memory(tmp_path: Path) -> None:
    assert memory(tmp_path) == {}
    make("proc/meminfo = MemTotal: 8000 kB\\nMemAvailable:    2048 kB", tmp_path)
    assert memory(tmp_path) == {"memory_available_bytes": 2_097_152}


def _card(root: Path, text: str) -> Fields:
    number = os.stat(root).st_dev
    make(text.replace("NUMBER", f"{os.major(number)}:{os.minor(number)}"), root)
    found = card(root, root)
    room = os.statvfs(root)
    assert 0 < int(found.pop("disk_free_bytes")) <= room.f_blocks * room.f_frsize
    assert found.pop("disk_total_bytes") == room.f_blocks * room.f_frsize
    return found


def test_a_partition_of_an_emmc_tells_its_own_writes_by_its_disk_and_its_wear(tmp_path: Path) -> None:
    disk = "devices/mmc0/block/mmcblk0"
    text = f"""
{disk}/stat = 1 2 3 4 5 6 1000 8
{disk}/device/life_time = 0x01 0x04
{disk}/mmcblk0p2/partition = 2
{disk}/mmcblk0p2/stat = 9 9 9 9 9 9 9 9
sys/dev/block/NUMBER -> {disk}/mmcblk0p2
"""
    assert _card(tmp_path, text) == {"disk_written_bytes": 512_000, "disk_worn_pct": 40.0}


@pytest.mark.parametrize(
    ("life_time", "worn"), [("0x00 0x00", None), ("0x0b 0x01", 110.0), ("", None), ("rubbish", None)]
)
def test_wear_that_is_not_known_is_not_told(tmp_path: Path, life_time: str, worn: float | None) -> None:
    assert _card(tmp_path, f"sys/dev/block/NUMBER/device/life_time = {life_time}").get("disk_worn_pct") == worn


def test_a_card_that_is_gone_says_nothing(tmp_path: Path) -> None:
    assert card(tmp_path, tmp_path / "gone") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (
            "a/type = Mains\na/online = 0\nb/type = Battery\nb/capacity = 64\nb/voltage_now = 12650000",
            {"on_mains": 0, "battery_pct": 64.0, "supply_v": 12.65},
        ),
        (
            "a/type = USB\na/online = 0\nb/type = Mains\nb/online = 1\nb/voltage_now = 5100000",
            {"on_mains": 1, "supply_v": 5.1},
        ),
        ("a/type = USB\na/online = 1\nb/type = Mains\nb/online = 0", {"on_mains": 1}),
        ("a/type = Battery\na/capacity = full", {}),
    ],
)
def test_supply(tmp_path: Path, text: str, expected: Fields) -> None:
    make("\n".join(f"sys/class/power_supply/{line}" for line in text.splitlines()), tmp_path)
    assert supply(tmp_path) == expected


WIRELESS = (
    "proc/net/wireless = Inter-| sta-|   Quality        |   Discarded packets\\n"
    " face | tus | link level noise |  nwid  crypt   frag\\n"
    " wlan0: 0000   56.  -54.  -256        0      0      0\\n"
    " wlan1: 0000   20.  -85.  -256        0      0      0\\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (
            "sys/class/net/lo/operstate = unknown\nsys/class/net/lo/carrier = 1\nsys/class/net/docker0/operstate = up",
            {},
        ),
        (
            "sys/class/net/eth0/device/x =\nsys/class/net/eth0/operstate = up\nsys/class/net/eth0/carrier = 1\n"
            "sys/class/net/eth0/statistics/rx_errors = 3\nsys/class/net/eth0/statistics/tx_errors = 4",
            {"link_up": 1, "link_errors": 7},
        ),
        ("sys/class/net/eth0/device/x =\nsys/class/net/eth0/operstate = down", {"link_up": 0, "link_errors": 0}),
        ("sys/class/net/ppp0/operstate = unknown\nsys/class/net/ppp0/carrier = 1", {"link_up": 1, "link_errors": 0}),
        (WIRELESS, {"link_quality_pct": 80.0, "link_signal_dbm": -54.0}),
        (WIRELESS.replace("-54.", "202."), {"link_quality_pct": 80.0, "link_signal_dbm": -54.0}),
        (WIRELESS.replace("-54.", "30."), {"link_quality_pct": 80.0}),
    ],
)
def test_link(tmp_path: Path, text: str, expected: Fields) -> None:
    make(text, tmp_path)
    assert link(tmp_path) == expected


def test_the_kernels_clock_is_asked() -> None:
    told = kernel_clock()
    if not told:
        pytest.skip("this machine lets nobody ask for its clock, as a container does")
    assert told["clock_synchronised"] in (0, 1)


def test_the_kernels_answer_about_its_clock_is_understood() -> None:
    kept = struct.pack("@Illlli", 0, 12, -5, 2_500, 700, 0x2001)
    assert timex(kept.ljust(512, b"\0")) == {"clock_synchronised": 1, "clock_error_s": 0.0025}
    free = struct.pack("@Illlli", 0, 0, 0, 16_000_000, 16_000_000, 0x40)
    assert timex(free.ljust(512, b"\0")) == {"clock_synchronised": 0}


@pytest.mark.parametrize("read", [processor, memory, supply, link])
def test_this_machine_is_told_plausibly(read: Callable[[Path], Fields]) -> None:
    for name, value in read(Path("/")).items():
        assert fault("box_health", {name: value}) is None, (name, value)
