"""1-wire thermometers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.drivers.registry import find_driver
from edge_agent.drivers.w1.driver import DRIVER
from tests.edge_agent.drivers.sysfs_tree import cases, in_step, make, opened, play

SLAVE = "bus/w1/devices/28-3c01d607e2fa/w1_slave"
GOOD = "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\\n50 05 4b 46 7f ff 0c 10 1c t="


@pytest.mark.parametrize("case", cases("w1"), ids=lambda case: case.name)
async def test_case(case: Path, tmp_path: Path) -> None:
    await play(DRIVER, case, tmp_path)


async def test_85_degrees_out_of_the_blue_is_the_power_on_value_but_a_hot_sensor_may_be_85(tmp_path: Path) -> None:
    driver = opened(DRIVER, DRIVER.example, tmp_path)
    told = []
    for millidegrees in ("85000", "24000", "85000", "80000", "85000"):
        make(f"{SLAVE} = {GOOD}{millidegrees}", tmp_path)
        async with aclosing(driver.samples()) as source:
            told.append([sample.fields["temperature_c"] for sample in await anext(source)])
    assert told == [[], [24.0], [], [80.0], [85.0]]
    assert driver.counters["power-on value"] == 2


@pytest.mark.parametrize(
    "text", ["", "YES", "crc=1c YES", f"{GOOD}", f"{GOOD}x", f"{GOOD}99999999", "crc=1c NO\\nt=20000", "t=20000"]
)
async def test_what_is_no_good_reading_is_none(tmp_path: Path, text: str) -> None:
    make(f"{SLAVE} = {text}", tmp_path)
    driver = opened(DRIVER, DRIVER.example, tmp_path)
    async with aclosing(driver.samples()) as source, asyncio.timeout(5):
        assert await anext(source) == []
    assert driver.counters["bad checksum"] == 1


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("w1://28-3c01d607e2fa", "w1://28-3C01D607E2FA", "example: w1://28-3c01d607e2fa"),
        ("w1://28-3c01d607e2fa", "w1://../../etc/passwd", "is not w1://FAMILY-SERIAL"),
        ("enclosure", "noise", "noise has no temperature_c; these have: weather, enclosure, soil"),
        ("enclosure", "mood", "there is no kind 'mood'"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, good: str, bad: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        opened(DRIVER, DRIVER.example.replace(good, bad), tmp_path)


def test_sample_example_and_readme_are_in_step_with_the_driver() -> None:
    in_step(DRIVER)
    assert find_driver("w1") is DRIVER
