"""A driver's README, sample and test cases are in step with its code, or it is told what is not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.base import DriverType
from edge_agent.drivers.registry import BUILT_IN, find_driver
from edge_agent.drivers.word import driver_faults, testcase_faults
from edge_agent.new_driver import write_driver


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_driver_keeps_its_word(name: str) -> None:
    folder = Path(importlib.import_module(BUILT_IN[name]).__file__ or "").parent
    assert driver_faults(find_driver(name), folder) == []


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DriverType[Any], Path]]:
    """Return a driver of the template, and its folder."""
    write_driver("gauge", tmp_path / "gauge")
    monkeypatch.syspath_prepend(tmp_path / "gauge")
    yield importlib.import_module("siaga_gauge.driver").DRIVER, tmp_path / "gauge/siaga_gauge"
    for module in ("siaga_gauge", "siaga_gauge.driver"):
        sys.modules.pop(module, None)


def test_what_is_in_step_has_no_faults(own: tuple[DriverType[Any], Path]) -> None:
    assert (driver_faults(*own), testcase_faults(*own)) == ([], [])


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("README.md", "`zero_m`", "zero", "README.md does not name the key `zero_m`"),
        ("sample.toml", "zero_m", "zero", "sample.toml: zero: no such key; did you mean 'zero_m'?"),
        ("sample.toml", 'driver = "gauge"', 'driver = "nmea"', "sample.toml: driver = 'nmea' is not 'gauge'"),
        ("sample.toml", "serial://", "cereal://", "sample.toml: uri: Value error, 'cereal:///dev/ttyUSB0"),
        ("sample.toml", "[[sensors]]", "[[sensor]]", "sample.toml: has no [[sensors]]"),
        ("sample.toml", "[[sensors]]", "[[sensors", "sample.toml: not TOML"),
        ("testcases/levels/expected.jsonl", "water_level", "tide", "levels: the catalogue has no kind 'tide'"),
        ("testcases/levels/expected.jsonl", '{"time', '"time', "levels/expected.jsonl: "),
    ],
)
def test_what_is_out_of_step_is_told(
    own: tuple[DriverType[Any], Path], file: str, old: str, new: str, told: str
) -> None:
    path = own[1] / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert any(told in fault for fault in driver_faults(*own)), driver_faults(*own)


@pytest.mark.parametrize("file", ["README.md", "sample.toml", "testcases/levels/expected.jsonl"])
def test_what_is_missing_is_told(own: tuple[DriverType[Any], Path], file: str) -> None:
    (own[1] / file).unlink()
    assert any(f"{Path(file).name} cannot be read" in fault for fault in driver_faults(*own))


def test_a_driver_without_cases_is_told(own: tuple[DriverType[Any], Path]) -> None:
    (own[1] / "testcases").rename(own[1] / "cases")
    assert driver_faults(*own) == ["testcases/ has no folder"]


@pytest.mark.parametrize(
    ("old", "new"), [("1.234", "1.2340001"), ("null", "1"), ('"level_m":1.235', '"level_m":1.235,"more":1')]
)
def test_a_case_that_does_not_come_out_is_told(own: tuple[DriverType[Any], Path], old: str, new: str) -> None:
    path = own[1] / "testcases/levels/expected.jsonl"
    path.write_text(path.read_text().replace(old, new, 1))
    (fault,) = testcase_faults(*own)
    assert fault.startswith("testcases/levels, whole: ")


def test_a_decoder_that_forgets_between_two_chunks_is_told(own: tuple[DriverType[Any], Path]) -> None:
    path = own[1] / "driver.py"
    path.write_text(path.read_text().replace("(self._line + data)", "data"))
    module = importlib.reload(sys.modules["siaga_gauge.driver"])
    (fault,) = testcase_faults(module.DRIVER, own[1])
    assert fault.startswith("testcases/levels, byte by byte: ")
