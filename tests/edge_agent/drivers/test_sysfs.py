"""Devices of the kernel: what is told when one is not there, gives nothing, or never comes back."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

import pytest

from edge_agent.drivers import sysfs
from edge_agent.drivers.fields import Scaling
from edge_agent.drivers.hwmon.driver import DRIVER as HWMON
from edge_agent.drivers.sysfs import Raw, SysfsDriver, SysfsSettings, read_number
from edge_agent.errors import LineError
from tests.edge_agent.drivers.sysfs_tree import make, opened

TABLE = """
[[sensors]]
id = "air"
driver = "hwmon"
uri = "hwmon://sht3x"
kind = "weather"
poll_s = 0.1
channels = [{ channel = "temp1", field = "temperature_c" }, { channel = "humidity1", field = "humidity_pct" }]
"""
TREE = """
class/hwmon/hwmon1/name = sht3x
class/hwmon/hwmon1/temp1_input = 25000
class/hwmon/hwmon1/humidity1_input = 50000
"""


class Fake(SysfsDriver):
    """A device whose readings are a script: a temperature, nothing, or an error."""

    def __init__(self, script: list[Decimal | OSError | None]) -> None:
        super().__init__(SysfsSettings(id="t", driver="fake", uri="fake://t", poll_s=0.1))
        self._interval_s = 0.001
        self._script: Iterator[Decimal | OSError | None] = iter(script)
        self.go = threading.Event()
        self.go.set()
        self.running = 0

    def read(self) -> Sequence[Raw]:
        self.running += 1
        assert self.running == 1, "one reading at a time"
        self.go.wait(20)
        self.running -= 1
        value = next(self._script)
        if isinstance(value, OSError):
            raise value
        return [Raw("weather", "temperature_c", value, Scaling())]

    def here(self) -> list[str]:
        return ["fake://other"]


async def test_a_device_that_is_not_there_is_a_lost_line_and_those_that_are_there_are_told(tmp_path: Path) -> None:
    make(TREE.replace("sht3x", "sht4x"), tmp_path)
    with pytest.raises(LineError, match=r"no such device; here are: hwmon://sht4x\?device=hwmon"):
        await anext(opened(HWMON, TABLE, tmp_path).samples())
    with pytest.raises(LineError, match="none is here; load its kernel driver"):
        await anext(opened(HWMON, TABLE, tmp_path / "empty").samples())


async def test_a_device_that_goes_away_is_a_lost_line_and_is_found_again_under_another_number(tmp_path: Path) -> None:
    make(TREE, tmp_path)
    driver = opened(HWMON, TABLE, tmp_path)
    async with aclosing(driver.samples()) as source:
        (sample,) = await anext(source)
        assert sample.fields == {"temperature_c": 25.0, "humidity_pct": 50.0}
        (tmp_path / "class/hwmon/hwmon1").rename(tmp_path / "gone")
        with pytest.raises(LineError):
            await anext(source)
    (tmp_path / "gone").rename(tmp_path / "class/hwmon/hwmon4")
    async with aclosing(driver.samples()) as source:
        assert len(await anext(source)) == 1


async def test_what_cannot_be_read_is_a_fault_after_three_times_and_over_with_the_next_value() -> None:
    driver = Fake([Decimal(20), OSError(errno.EIO, "Input/output error"), None, OSError(121, "Remote I/O error"), None])
    told = []
    async with aclosing(driver.samples()) as source:
        for _ in range(5):
            samples = await anext(source)
            told += [([sample.fields for sample in samples], driver.fault())]
        with pytest.raises(RuntimeError):  # the script ends
            await anext(source)
    assert [fields for fields, _ in told] == [[{"temperature_c": 20}], [], [], [], []], "never the last value again"
    assert [fault for _, fault in told[:3]] == [None] * 3
    assert str(told[3][1]).startswith("unreadable: Remote I/O error; check its wires")
    assert driver.counters == {"readings": 1, "read error": 2, "no value": 2}


async def test_a_device_that_gives_nothing_is_a_fault_until_it_gives_a_value() -> None:
    driver = Fake([None, None, None, Decimal(20)])
    faults = []
    async with aclosing(driver.samples()) as source:
        for _ in range(4):
            await anext(source)
            faults.append(driver.fault())
    unreadable = "unreadable: it gives no value; check its wires, its supply and its pull-up resistor"
    assert faults == [None, None, unreadable, None]


async def test_a_value_out_of_range_is_left_out_and_counted() -> None:
    driver = Fake([Decimal(500), Decimal(30)])
    async with aclosing(driver.samples()) as source:
        assert await anext(source) == []
        assert len(await anext(source)) == 1
    assert driver.counters["implausible temperature_c"] == 1


async def test_a_kernel_that_hangs_is_a_fault_and_nothing_else_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysfs, "HANGS_S", 0.02)
    driver = Fake([Decimal(20)] * 3)
    driver.go.clear()
    async with aclosing(driver.samples()) as source:
        assert await anext(source) == []
        assert str(driver.fault()).startswith("hangs: ")
        assert await anext(source) == []
        driver.go.set()
        while not (samples := await anext(source)):
            pass
        assert driver.fault() is None
        assert samples[0].fields == {"temperature_c": 20}
    assert driver.counters["hangs"] >= 2


async def test_a_reading_that_hangs_keeps_nobody_from_stopping() -> None:
    driver = Fake([Decimal(20)])
    driver.go.clear()
    source = driver.samples()
    waiting = asyncio.ensure_future(anext(source))
    await asyncio.sleep(0)
    began = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await source.aclose()
    assert time.monotonic() - began < 5
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("read fake"))
    driver.go.set()


async def test_the_interval_is_kept(tmp_path: Path) -> None:
    make(TREE, tmp_path)
    moments = []
    began_s = time.monotonic()  # before the grid begins, to which each reading is held, however late the first is told
    async with aclosing(opened(HWMON, TABLE, tmp_path).samples()) as source:
        async for (sample,) in source:
            moments.append(sample.monotonic_ns / 1e9)
            if len(moments) == 3:
                break
    assert moments[1] - began_s >= 0.1
    assert moments[2] - began_s >= 0.2


def test_numbers_in_files(tmp_path: Path) -> None:
    for text, number in (("-12", Decimal(-12)), (" 1.5\n", Decimal("1.5")), ("", None), ("x", None), ("1" * 99, None)):
        (tmp_path / "n").write_text(text)
        assert read_number(tmp_path / "n") == number
    (tmp_path / "n").write_bytes(os.urandom(10_000))
    assert read_number(tmp_path / "n") is None
