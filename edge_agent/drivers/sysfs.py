"""Sensors that the kernel reads: files in sysfs, asked at an interval. What w1, hwmon and iio have in common.

Rules:
- A file is read in a thread of its own, because the kernel may take its time (a 1-wire conversion 0.75 s) or never come
  back; while one reading hangs, none is begun.
- A value is of this very reading. A sensor that gives none three times is told as `unreadable`, not by its last value.
- A sensor that is not there is a lost line: it is looked for again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, model_validator

from contract.catalogue import KINDS
from contract.identity import Name
from contract.settings import fault_at
from edge_agent.aside import in_thread
from edge_agent.drivers.base import DriverSettings, Sample
from edge_agent.drivers.fields import NO_VALUE, KindName, Scaling, number, plausible, quantities, scaled
from edge_agent.errors import LineError

HANGS_S: Final = 10.0
UNREADABLE_AFTER: Final = 3
MOST_BYTES: Final = 4_096

_GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR})
_HANGS: Final = f"hangs: the kernel has not come back for {HANGS_S:.0f} s; see dmesg, and power the sensor anew"


class ChannelSettings(Scaling):
    """One quantity of a device. `channel` is the kernel's name for it, such as `temp1`; the value is brought into the
    catalogue's unit before `scale` and `offset`, which calibrate it. `sensor` is the device's own unless given."""

    channel: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    field: str
    kind: KindName | None = None
    sensor: Name | None = None


class SysfsSettings(DriverSettings):
    """A device of the kernel. `sysfs` is where sysfs is mounted, as in a container that sees the host's elsewhere."""

    poll_s: Annotated[float, Field(ge=0.1, le=3_600)] = 30.0
    sysfs: Path = Path("/sys")

    def claims(self) -> tuple[str, ...]:
        """Return the device."""
        return (f"sysfs:{self.uri}",)


class ChannelsSettings(SysfsSettings):
    """A device with several quantities. `kind` is that of the channels that name none."""

    kind: KindName | None = None
    channels: Annotated[list[ChannelSettings], Field(min_length=1, max_length=32)]

    def parts(self) -> tuple[str, ...]:
        """Return the names of the channels that have one."""
        return tuple(dict.fromkeys(each.sensor for each in self.channels if each.sensor is not None))

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return the fields of its channels."""
        return frozenset((one.sensor or self.id, f"{one.kind or self.kind}.{one.field}") for one in self.channels)

    @model_validator(mode="after")
    def _of_the_catalogue(self) -> Self:
        groups: dict[tuple[str | None, str], list[str]] = {}
        for at, channel in enumerate(self.channels):
            kind = channel.kind or self.kind
            if kind is None:
                raise fault_at(("channels", at, "kind"), "names no kind, and the device neither")
            group = groups.setdefault((channel.sensor, kind), [])
            if channel.field in group:
                raise fault_at(("channels", at, "field"), f"{kind}.{channel.field} has two channels")
            group.append(channel.field)
        for (_, kind), fields in groups.items():
            quantities(kind, fields)
        return self


@dataclass(frozen=True, slots=True)
class Raw:
    """One quantity as it was read, in the kernel's words; None: the device says that it has none."""

    kind: str
    field: str
    value: Decimal | None
    scaling: Scaling
    sensor: str | None = None


class SysfsDriver(ABC):
    """A device of the kernel, read at an interval.

    `counters`: `readings`, `no value`, `implausible <field>`, `read error`, `hangs`.

    Args:
        settings: Where it is, and how often.
    """

    def __init__(self, settings: SysfsSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._interval_s = settings.poll_s
        self._uri = settings.uri
        self._fault: str | None = None
        self._failures = 0

    @abstractmethod
    def read(self) -> Sequence[Raw]:
        """Read the device; blocks.

        Raises:
            OSError: It cannot be read; one of `ENOENT`'s kind: it is not there.
        """

    @abstractmethod
    def here(self) -> list[str]:
        """Return the URIs of the devices of this sort that this machine has; blocks."""

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Read until cancelled, at the interval, on a grid.

        Raises:
            LineError: The device is not there.
        """
        due_s = time.monotonic()
        while True:
            reading = in_thread(self.read, f"read {self._uri}")
            try:
                while not (await asyncio.wait([reading], timeout=HANGS_S))[0]:
                    self.counters["hangs"] += 1
                    self._fault = _HANGS
                    yield []
                yield await self._sample(reading)
            finally:
                reading.cancel()
            due_s = max(due_s + self._interval_s, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    def fault(self) -> str | None:
        """Return `unreadable` or `hangs`, and what to do."""
        return self._fault

    async def _sample(self, reading: asyncio.Future[Sequence[Raw]]) -> list[Sample]:
        monotonic_ns = time.monotonic_ns()
        try:
            raws = reading.result()
        except OSError as error:
            if error.errno in _GONE:
                raise LineError(self._uri, "no such device", _devices(await in_thread(self.here, "look"))) from error
            self.counters["read error"] += 1
            self._failed(error.strerror or str(error))
            return []
        samples = self._samples(raws, monotonic_ns)
        if samples:
            self.counters["readings"] += 1
            self._failures, self._fault = 0, None
        else:
            self._failed("it gives no value")
        return samples

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures >= UNREADABLE_AFTER:
            self._fault = f"unreadable: {why}; check its wires, its supply and its pull-up resistor"

    def _samples(self, raws: Sequence[Raw], monotonic_ns: int) -> list[Sample]:
        groups: dict[tuple[str | None, str], list[Raw]] = {}
        for raw in raws:
            groups.setdefault((raw.sensor, raw.kind), []).append(raw)
        samples = []
        for (sensor, kind), group in groups.items():
            known = quantities(kind, [raw.field for raw in group])
            values = {
                raw.field: scaled(known[raw.field], raw.value, raw.scaling) for raw in group if raw.value is not None
            }
            fields = plausible(kind, values, self.counters)
            if fields is not None:
                self.counters[NO_VALUE] += len(group) - len(values)
                samples.append(Sample(kind, fields, monotonic_ns, None, sensor))
        return samples


def read_text(path: Path) -> str:
    """Return a file of sysfs, stripped; at most 4,096 bytes, a page, of which such a file has no more.

    Raises:
        OSError: It cannot be read.
    """
    # Not Path.read_text: the kernel may answer EAGAIN or an error with the first read, and only then.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, MOST_BYTES).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)


def read_number(path: Path) -> Decimal | None:
    """Return the number in a file of sysfs; None when it holds none.

    Raises:
        OSError: It cannot be read.
    """
    return number(read_text(path))


def find_device(devices: Path, name: str, address: str | None) -> Path:
    """Return the folder of the device whose file `name` says so, and whose bus address is `address` if one is given.

    Raises:
        OSError: There is none.
    """
    for folder in sorted(devices.glob("*")):
        if device_name(folder) == name and address in (None, device_address(folder)):
            return folder
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def device_name(folder: Path) -> str | None:
    """Return what a device calls itself."""
    try:
        return read_text(folder / "name")
    except OSError:
        return None


def device_address(folder: Path) -> str:
    """Return a device's address on its bus, such as `1-0044`: the name of what its folder or its `device` links to."""
    link = folder / "device"
    return (link.resolve() if link.exists() else folder.resolve().parent).name


def device_uris(scheme: str, devices: Path) -> list[str]:
    """Return the URIs of the devices in a folder of sysfs."""
    named = [(device_name(folder), device_address(folder)) for folder in sorted(devices.glob("*"))]
    return [f"{scheme}://{name}?device={address}" for name, address in named if name is not None]


def parse_device_uri(scheme: str, uri: str, example: str) -> tuple[str, str | None]:
    """Return the name and the bus address that a device's URI names.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    parts = urlsplit(uri)
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme != scheme or not parts.netloc or parts.path or set(query) - {"device"}:
        raise ValueError(f"{uri!r} is not {scheme}://NAME or {scheme}://NAME?device=ADDRESS; example: {example}")
    return parts.netloc, query.get("device", [None])[-1]


def known_channels(units: Mapping[str, object]) -> str:
    """Return the channels of a sort of device, in words."""
    return ", ".join(sorted(units))


def kinds_with(field: str) -> str:
    """Return the kinds of the catalogue that have a field, in words."""
    return ", ".join(kind.name for kind in KINDS.values() if any(each.name == field for each in kind.quantities))


def _devices(found: list[str]) -> str:
    return (
        "here are: " + ", ".join(found) if found else "none is here; load its kernel driver (dtoverlay=…) and see dmesg"
    )
