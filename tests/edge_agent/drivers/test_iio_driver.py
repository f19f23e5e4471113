"""Chips that the kernel shows as industrial I/O."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.drivers.iio.driver import DRIVER
from edge_agent.drivers.registry import find_driver
from tests.edge_agent.drivers.sysfs_tree import cases, in_step, opened, play


@pytest.mark.parametrize("case", cases("iio"), ids=lambda case: case.name)
async def test_case(case: Path, tmp_path: Path) -> None:
    await play(DRIVER, case, tmp_path)


@pytest.mark.parametrize("channel", ["temp", "temp0", "voltage3", "voltage0-voltage1", "concentration_co2", "pressure"])
def test_channels_as_the_kernel_names_them(tmp_path: Path, channel: str) -> None:
    opened(DRIVER, DRIVER.example.replace('"pressure"', f'"{channel}"'), tmp_path)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("iio://bme280", "iio://", "is not iio://NAME"),
        ('"pressure"', '"accel_x"', "one of concentration, current, humidityrelative"),
        ('"pressure"', '"in_pressure_input"', "one of concentration, current, humidityrelative"),
        ('"pressure_hpa"', '"pressure"', "weather has no field 'pressure'"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, good: str, bad: str, words: str) -> None:
    assert good in DRIVER.example
    with pytest.raises(ValidationError, match=words):
        opened(DRIVER, DRIVER.example.replace(good, bad), tmp_path)


def test_sample_example_and_readme_are_in_step_with_the_driver() -> None:
    in_step(DRIVER)
    assert find_driver("iio") is DRIVER
