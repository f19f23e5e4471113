"""The hwmon driver: any chip with a hardware monitoring driver of the kernel, such as SHT3x, INA219, a fan.

https://docs.kernel.org/hwmon/sysfs-interface.html: files `<channel>_input` in the units below; `<channel>_fault` is 1
when the sensor at that channel is broken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, model_validator

from contract.settings import fault_at
from edge_agent.drivers.base import DriverType
from edge_agent.drivers.sysfs import (
    ChannelSettings,
    ChannelsSettings,
    Raw,
    SysfsDriver,
    device_uris,
    find_device,
    known_channels,
    parse_device_uri,
    read_number,
)

FACTORS: Final = MappingProxyType(
    {
        "temp": Decimal("0.001"),  # m°C
        "humidity": Decimal("0.001"),  # m%
        "in": Decimal("0.001"),  # mV
        "curr": Decimal("0.001"),  # mA
        "power": Decimal("0.000001"),  # µW
        "energy": Decimal("0.000001") / 3_600,  # µJ, to W.h
        "fan": Decimal(1),  # /min
    }
)
"""What makes a channel's number one of the catalogue's unit, by the channel's sort."""

_CHANNEL: Final = re.compile(rf"({'|'.join(FACTORS)})[0-9]{{1,3}}")


def _uri(uri: str) -> str:
    parse_device_uri("hwmon", uri, "hwmon://sht3x?device=1-0044")
    return uri


class HwmonSettings(ChannelsSettings):
    """A chip. `uri` names it as its file `name` does, and by its bus address if there are several of that name."""

    uri: Annotated[str, AfterValidator(_uri)]

    @model_validator(mode="after")
    def _channels_known(self) -> Self:
        for at, each in enumerate(self.channels):
            if _CHANNEL.fullmatch(each.channel) is None:
                known = f"one of {known_channels(FACTORS)} with a number, such as temp1"
                raise fault_at(("channels", at, "channel"), known)
        return self


class HwmonDriver(SysfsDriver):
    """A chip at work."""

    def __init__(self, settings: HwmonSettings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._devices = settings.sysfs / "class/hwmon"

    def read(self) -> Sequence[Raw]:
        """Read the chip's channels."""
        name, address = parse_device_uri("hwmon", self._settings.uri, "")
        # Looked for each time: its number changes when another chip's driver is loaded first.
        folder = find_device(self._devices, name, address)
        raws = []
        for each in self._settings.channels:
            value = read_number(folder / f"{each.channel}_input")
            fault = folder / f"{each.channel}_fault"
            if value is not None and fault.exists() and read_number(fault) == 1:
                value = None
            raws.append(raw(each, self._settings.kind, value, FACTORS[each.channel.rstrip("0123456789")]))
        return raws

    def here(self) -> list[str]:
        """Return the chips of this machine."""
        return device_uris("hwmon", self._devices)


def raw(channel: ChannelSettings, kind: str | None, value: Decimal | None, factor: Decimal) -> Raw:
    """Return a channel's value in the catalogue's unit."""
    in_unit = None if value is None else value * factor
    return Raw(channel.kind or kind or "", channel.field, in_unit, channel, channel.sensor)


DRIVER: Final = DriverType(
    name="hwmon",
    settings=HwmonSettings,
    open=HwmonDriver,
    example="""\
[[sensors]]
id = "air"
driver = "hwmon"
uri = "hwmon://sht3x?device=1-0044"
kind = "weather"
channels = [
    { channel = "temp1", field = "temperature_c" },
    { channel = "humidity1", field = "humidity_pct" },
]
""",
)
