"""Finds a driver by its name: the built-in ones in a table, a city's own by entry points.

A package adds a driver by an entry point of group `siaga.drivers`, which names a `DriverType`:

    [project.entry-points."siaga.drivers"]
    my-gauge = "my_gauge.driver:DRIVER"

A driver is imported when it is asked for, so that a box pays only for those it uses. A built-in name cannot be taken.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Final

from contract.errors import ConfigError
from edge_agent.drivers.base import DriverType

GROUP: Final = "siaga.drivers"

BUILT_IN: Final = MappingProxyType(
    {
        "nmea": "edge_agent.drivers.nmea.driver",
        "gpsd": "edge_agent.drivers.gpsd.driver",
        "plantower": "edge_agent.drivers.plantower.driver",
        "sds011": "edge_agent.drivers.sds011.driver",
        "frame": "edge_agent.drivers.frame.driver",
        "pattern": "edge_agent.drivers.pattern.driver",
        "modbus": "edge_agent.drivers.modbus.driver",
        "w1": "edge_agent.drivers.w1.driver",
        "hwmon": "edge_agent.drivers.hwmon.driver",
        "iio": "edge_agent.drivers.iio.driver",
        "counter": "edge_agent.drivers.counter.driver",
    }
)
"""Each built-in driver's module."""


def driver_names() -> list[str]:
    """Return the names of all drivers, the built-in ones first; nothing is imported."""
    return [*BUILT_IN, *sorted({entry.name for entry in entry_points(group=GROUP)} - set(BUILT_IN))]


@cache
def find_driver(name: str) -> DriverType[Any]:
    """Return a driver by its name.

    Raises:
        ConfigError: There is none, or it cannot be imported; its `expected` says so, and what there is.
    """
    module = BUILT_IN.get(name)
    if module is not None:
        try:
            return _checked(name, import_module(module).DRIVER)
        except ImportError as error:
            raise ConfigError(
                "",
                "driver",
                f"driver {name!r} cannot be loaded: {error}",
                example="pip install '.[edge]'",
            ) from error
    for entry in entry_points(group=GROUP, name=name):
        try:
            return _checked(name, entry.load())
        except Exception as error:  # a stranger's package: whatever it raises is told as its fault
            whose = f" of package {entry.dist.name}" if entry.dist is not None else ""
            raise ConfigError("", "driver", f"driver {name!r}{whose} cannot be loaded: {error!r}") from error
    raise ConfigError("", "driver", f"there is no driver {name!r}{_nearest(name)}", example='driver = "nmea"')


def _checked(name: str, found: object) -> DriverType[Any]:
    if not isinstance(found, DriverType) or found.name != name:
        raise TypeError(f"it is not a DriverType named {name!r}")
    return found


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # only a mistake pays for it

    names = driver_names()
    near = get_close_matches(name, names, n=1)
    return (f"; did you mean {near[0]!r}?" if near else "") + f"; there are: {', '.join(names)}"
