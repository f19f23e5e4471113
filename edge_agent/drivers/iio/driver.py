"""The iio driver: any chip with an industrial I/O driver of the kernel, such as BME280, ADS1115, SCD30.

https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-bus-iio: `in_<channel>_input` in the units below, or
(`in_<channel>_raw` + offset) × scale, where offset and scale are the channel's own or those of its sort.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, model_validator

from contract.settings import fault_at
from edge_agent.drivers.base import DriverType
from edge_agent.drivers.sysfs import (
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
        "humidityrelative": Decimal("0.001"),  # m%
        "pressure": Decimal(10),  # kPa, to hPa
        "voltage": Decimal("0.001"),  # mV
        "current": Decimal("0.001"),  # mA
        "power": Decimal("0.001"),  # mW
        "illuminance": Decimal(1),  # lx
        "concentration": Decimal(10_000),  # percent, to parts per million
    }
)
"""What makes a channel's number one of the catalogue's unit, by the channel's sort."""

_CHANNEL: Final = re.compile(
    rf"({'|'.join(FACTORS)})(?:[0-9]{{0,3}}(?:-voltage[0-9]{{1,3}})?|[0-9]{{0,3}}(?:_[a-z0-9]+)?)"
)


def _uri(uri: str) -> str:
    parse_device_uri("iio", uri, "iio://bme280?device=1-0076")
    return uri


class IioSettings(ChannelsSettings):
    """A chip. `uri` names it as its file `name` does, and by its bus address if there are several of that name."""

    uri: Annotated[str, AfterValidator(_uri)]

    @model_validator(mode="after")
    def _channels_known(self) -> Self:
        for at, each in enumerate(self.channels):
            if _CHANNEL.fullmatch(each.channel) is None:
                known = f"one of {known_channels(FACTORS)}, with what follows in its file's name, such as voltage0"
                raise fault_at(("channels", at, "channel"), known)
        return self


class IioDriver(SysfsDriver):
    """A chip at work."""

    def __init__(self, settings: IioSettings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._devices = settings.sysfs / "bus/iio/devices"

    def read(self) -> Sequence[Raw]:
        """Read the chip's channels."""
        name, address = parse_device_uri("iio", self._settings.uri, "")
        folder = find_device(self._devices, name, address)
        raws = []
        for each in self._settings.channels:
            sort = _sort(each.channel)
            value = _channel(folder, each.channel, sort)
            in_unit = None if value is None else value * FACTORS[sort]
            raws.append(Raw(each.kind or self._settings.kind or "", each.field, in_unit, each, each.sensor))
        return raws

    def here(self) -> list[str]:
        """Return the chips of this machine."""
        return device_uris("iio", self._devices)


def _sort(channel: str) -> str:
    found = _CHANNEL.fullmatch(channel)
    assert found is not None, "the settings let no other through"
    return found[1]


def _channel(folder: Path, channel: str, sort: str) -> Decimal | None:
    processed = folder / f"in_{channel}_input"
    if processed.exists():
        return read_number(processed)
    value = read_number(folder / f"in_{channel}_raw")
    scale = _shared(folder, channel, sort, "scale", absent=Decimal(1))
    offset = _shared(folder, channel, sort, "offset", absent=Decimal(0))
    if value is None or scale is None or offset is None:
        return None
    return (value + offset) * scale


def _shared(folder: Path, channel: str, sort: str, what: str, *, absent: Decimal) -> Decimal | None:
    """Return the channel's scale or offset, else its sort's; None when the file is there and holds no number."""
    for path in (folder / f"in_{channel}_{what}", folder / f"in_{sort}_{what}"):
        if path.exists():
            return read_number(path)
    return absent


DRIVER: Final = DriverType(
    name="iio",
    settings=IioSettings,
    open=IioDriver,
    example="""\
[[sensors]]
id = "air"
driver = "iio"
uri = "iio://bme280?device=1-0076"
kind = "weather"
channels = [
    { channel = "temp", field = "temperature_c" },
    { channel = "humidityrelative", field = "humidity_pct" },
    { channel = "pressure", field = "pressure_hpa" },
]
""",
)
