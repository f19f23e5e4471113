"""The driver keeps its word: README, sample and code are in step, and each test case comes out however it is split."""

from pathlib import Path

import siaga_tide_gauge
from edge_agent.drivers.word import driver_faults, testcase_faults
from siaga_tide_gauge.driver import DRIVER

FOLDER = Path(siaga_tide_gauge.__file__).parent


def test_readme_sample_and_code_are_in_step() -> None:
    assert driver_faults(DRIVER, FOLDER) == []


def test_each_case_comes_out_whole_byte_by_byte_and_at_every_split() -> None:
    assert testcase_faults(DRIVER, FOLDER) == []
