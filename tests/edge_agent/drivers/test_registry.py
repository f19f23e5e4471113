"""Drivers are found by name: built-in ones in a table, others by entry points; each keeps its word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import ConfigError
from edge_agent.drivers.registry import BUILT_IN, driver_names, find_driver
from tests.edge_agent.drivers.package import package


def test_an_unknown_driver_is_told_the_nearest_and_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no driver 'nmeaa'; did you mean 'nmea'\?; there are: .*nmea") as raised:
        find_driver("nmeaa")
    assert raised.value.key == "driver"
    with pytest.raises(ConfigError, match="no driver 'zzz'; there are: "):
        find_driver("zzz")


def test_asking_for_the_names_imports_no_driver() -> None:
    program = """if True:
        import sys
        import edge_agent.config
        from edge_agent.drivers.registry import BUILT_IN, driver_names
        assert set(BUILT_IN) <= set(driver_names())
        print(sorted(set(BUILT_IN.values()) & set(sys.modules)), 'pymodbus' in sys.modules, 'pynmeagps' in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[] False False\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is on the path, as one with installed packages is."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gauge_driver", raising=False)
    find_driver.cache_clear()
    return tmp_path


def test_a_citys_own_driver_is_found_by_its_entry_point(installed: Path) -> None:
    package(
        installed,
        "from edge_agent.drivers.base import DriverSettings, DriverType\n"
        "DRIVER = DriverType(name='gauge', settings=DriverSettings, open=lambda settings: None, example='')\n",
    )
    assert driver_names()[-1] == "gauge"
    assert find_driver("gauge").name == "gauge"


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import not_installed_here", "ModuleNotFoundError"),
        ("DRIVER = 7", "not a DriverType named 'gauge'"),
        ("OTHER = 7", "AttributeError"),
        ("from edge_agent.drivers.nmea.driver import DRIVER", "not a DriverType named 'gauge'"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_told_by_name(installed: Path, module: str, told: str) -> None:
    package(installed, module)
    with pytest.raises(ConfigError, match=f"driver 'gauge' of package gauge-driver cannot be loaded: .*{told}"):
        find_driver("gauge")


def test_a_built_in_name_cannot_be_taken(installed: Path) -> None:
    package(installed, "1 / 0", name="nmea")
    assert find_driver("nmea").open.__module__ == BUILT_IN["nmea"]
    assert driver_names().count("nmea") == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_docs_have_each_built_in_driver(name: str) -> None:
    text = (Path(__file__).parents[3] / "docs/drivers.md").read_text(encoding="utf-8")
    assert f"| [`{name}`](../edge_agent/drivers/{name}/README.md) |" in text
