"""Chips that the kernel shows as hwmon."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from contract.settings import check_table
from edge_agent.drivers.hwmon.driver import DRIVER, HwmonSettings
from edge_agent.drivers.registry import find_driver
from tests.edge_agent.drivers.sysfs_tree import cases, in_step, opened, play


@pytest.mark.parametrize("case", cases("hwmon"), ids=lambda case: case.name)
async def test_case(case: Path, tmp_path: Path) -> None:
    await play(DRIVER, case, tmp_path)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("hwmon://sht3x", "hwmon:///sys/class/hwmon/hwmon0", "is not hwmon://NAME"),
        ("?device=1-0044", "?address=1-0044", "is not hwmon://NAME"),
        ('"temp1"', '"temp"', "one of curr, energy, fan, humidity, in, power, temp with a number"),
        ('"temp1"', '"../../x"', "String should match pattern"),
        ('"humidity_pct"', '"humidity"', "weather has no field 'humidity'"),
        ('"humidity_pct"', '"temperature_c"', "weather.temperature_c has two channels"),
        ('kind = "weather"\n', "", "names no kind"),
        ('kind = "weather"', 'kind = "position"', "position has no field"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, good: str, bad: str, words: str) -> None:
    assert good in DRIVER.example
    with pytest.raises(ValidationError, match=words):
        opened(DRIVER, DRIVER.example.replace(good, bad), tmp_path)


def _settings(text: str) -> HwmonSettings:
    (table,) = tomllib.loads(text)["sensors"]
    return check_table(table, HwmonSettings)


def test_two_chips_of_one_name_are_two() -> None:
    one, other = (_settings(DRIVER.example.replace("1-0044", device)) for device in ("1-0044", "1-0045"))
    assert one.claims() != other.claims()


def test_sample_example_and_readme_are_in_step_with_the_driver() -> None:
    in_step(DRIVER)
    assert find_driver("hwmon") is DRIVER
