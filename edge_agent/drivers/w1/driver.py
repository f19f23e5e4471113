"""The w1 driver: DS18B20 and its like, by the file `w1_slave` of the kernel's w1_therm.

https://docs.kernel.org/w1/slaves/w1_therm.html: two lines, the first ends in `YES` when the checksum is good, the
second in `t=` and thousandths of a degree Celsius.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator

from contract.catalogue import KINDS
from edge_agent.drivers.base import DriverType
from edge_agent.drivers.fields import KindName, Scaling
from edge_agent.drivers.sysfs import Raw, SysfsDriver, SysfsSettings, kinds_with, read_text

FIELD: Final = "temperature_c"
POWER_ON: Final = Decimal(85)
"""DS18B20 data sheet, table 1: what the scratchpad holds after power-on, before any conversion."""
_NEAR: Final = Decimal(10)
_EXAMPLE: Final = "w1://28-3c01d607e2fa"
_URI: Final = re.compile(r"w1://([0-9a-f]{2}-[0-9a-f]{12})")
_GOOD: Final = re.compile(r"crc=[0-9a-f]{2} YES\s.*t=(-?[0-9]{1,6})\s*$", re.DOTALL)


def _uri(uri: str) -> str:
    if _URI.fullmatch(uri) is None:
        raise ValueError(f"{uri!r} is not w1://FAMILY-SERIAL as under /sys/bus/w1/devices; example: {_EXAMPLE}")
    return uri


def _has_temperature(kind: str) -> str:
    if FIELD not in {quantity.name for quantity in KINDS[kind].quantities}:
        raise ValueError(f"{kind} has no {FIELD}; these have: {kinds_with(FIELD)}")
    return kind


class W1Settings(SysfsSettings, Scaling):
    """A thermometer. `kind` says where it is: `weather`, `enclosure`, `soil`. `scale` and `offset` calibrate it."""

    uri: Annotated[str, AfterValidator(_uri)]
    kind: Annotated[KindName, AfterValidator(_has_temperature)]

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return a temperature."""
        return frozenset({(self.id, f"{self.kind}.{FIELD}")})


class W1Driver(SysfsDriver):
    """A thermometer at work.

    `counters` has besides `bad checksum`, and `power-on value`: 85 °C out of the blue, which a sensor says that lost
    its supply during the conversion.
    """

    def __init__(self, settings: W1Settings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._devices = settings.sysfs / "bus/w1/devices"
        self._last: Decimal | None = None

    def read(self) -> Sequence[Raw]:
        """Read the thermometer; takes 0.75 s."""
        text = read_text(self._devices / self._settings.uri.removeprefix("w1://") / "w1_slave")
        return [Raw(self._settings.kind, FIELD, self._value(text), self._settings)]

    def here(self) -> list[str]:
        """Return the thermometers on the buses of this machine."""
        return [f"w1://{path.name}" for path in sorted(self._devices.glob("*-*"))]

    def _value(self, text: str) -> Decimal | None:
        found = _GOOD.search(text)
        if found is None:
            self.counters["bad checksum"] += 1
            return None
        value = Decimal(found[1]) / 1_000
        if value == POWER_ON and (self._last is None or abs(self._last - POWER_ON) > _NEAR):
            self.counters["power-on value"] += 1
            return None
        self._last = value
        return value


DRIVER: Final = DriverType(
    name="w1",
    settings=W1Settings,
    open=W1Driver,
    example="""\
[[sensors]]
id = "cabinet"
driver = "w1"
uri = "w1://28-3c01d607e2fa"
kind = "enclosure"
""",
)
