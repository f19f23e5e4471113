"""What a driver is: something that yields samples, found by its name, with settings of its own.

| part | what it does |
|---|---|
| `Decoder` | bytes and the time of their arrival go in, samples come out; no I/O |
| `Driver` | opens its line, bus or files and yields samples until it is lost; `line.LineDriver` is any decoder's |
| `DriverSettings` | the keys of its table in `[[sensors]]`; checking them opens nothing |
| `DriverType` | what a driver's module exports as `DRIVER`: name, settings, how to make one, an example |

Whatever goes wrong with what comes in is counted by reason, never raised; only a line that cannot be opened or is lost
is a `LineError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import Field

from contract.batch import FieldValue
from contract.identity import Name
from contract.settings import Settings
from edge_agent.thinning import Thinning

EARLIEST_LIVE_NS: Final = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z. A live source that claims an earlier time has lost count of the weeks (GPS counts 1024 of them
and starts again) or never had a date."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a driver measured.

    `kind` and `fields` are of the catalogue. `monotonic_ns` is when the last byte of it arrived, or when it was
    measured, by CLOCK_MONOTONIC. `time_ns` is the source's own UTC time in nanoseconds since 1970, as a satellite
    receiver has it; None: the agent's clock stamps it. `sensor` names the part of a bus it is from, such as one of
    several Modbus slaves, and is one of its settings' `parts()`; None: the sensor itself.
    """

    kind: str
    fields: dict[str, FieldValue]
    monotonic_ns: int
    time_ns: int | None
    sensor: str | None = None


class Decoder(Protocol):
    """A driver's decoder. It does no I/O and raises nothing, whatever the bytes are.

    `counters` counts by reason what came in and what was refused, such as `sentences` and `bad checksum`.
    """

    counters: Counter[str]

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns` and return the samples they complete."""
        ...

    def flush(self) -> list[Sample]:
        """Return what is still pending, because the line ended; what comes next is of a line opened anew."""
        ...

    def fault(self) -> str | None:
        """Return what is wrong with the line now, as `Driver.fault` does, or only its reason, such as `garbled`."""
        ...


class Driver(Protocol):
    """A driver at work. Making one stores its settings and opens nothing."""

    @property
    def counters(self) -> Counter[str]:
        """What came in and what was refused, by reason, over all openings."""
        ...

    def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Open when first asked, and yield samples as they come; let everything go when closed or cancelled.

        It ends when a finite source, such as a replayed file, does. It may be called again once it ended or raised, and
        then opens again. A list may be empty, so that a change of `fault` is seen; but whatever is yielded says that
        the line is open and heard from.

        Raises:
            LineError: It cannot open, or what it had open is lost.
        """
        ...

    def fault(self) -> str | None:
        """Return what is wrong now, or None: a short reason that stays the same, such as `garbled`, then `: ` and what
        to do about it in words."""
        ...


@runtime_checkable
class BusDriver(Protocol):
    """What a driver with several sensors on it has besides."""

    def faults_of_parts(self) -> Mapping[str, str]:
        """Return the fault of each part that has one, by the part's name, worded as `Driver.fault`'s."""
        ...


class DriverSettings(Settings):
    """What every table in `[[sensors]]` has; each driver adds its own keys.

    `id` is the sensor's name in its readings. `uri` says where the hardware is, such as `serial:///dev/ttyUSB0`; each
    driver checks it, or gives it a default. `min_interval_s`: readings of one kind that come faster are measured, and
    judged by thresholds, but not told.
    """

    id: Name
    driver: Name
    uri: Annotated[str, Field(max_length=4_096)]
    min_interval_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0

    @property
    def live(self) -> bool:
        """Whether it measures the present; a replayed log says when it was recorded, not what time it is."""
        return not self.uri.startswith("replay://")

    def thinning(self) -> Thinning:
        """Return which readings are told."""
        return Thinning(self.min_interval_s)

    def claims(self) -> tuple[str, ...]:
        """Return what this sensor takes for itself alone, such as `serial:/dev/ttyUSB0`, `gpio:gpiochip0/17` or
        `file:/sys/bus/w1/devices/28-0/w1_slave`: two parts of a box with the same claim are a mistake."""
        return ()

    def parts(self) -> tuple[str, ...]:
        """Return the names of the sensors it yields samples for beside its own `id`."""
        return ()

    def gives(self) -> frozenset[tuple[str, str]] | None:
        """Return what its readings can have, as the sensor's name and kind and field, `("river",
        "water_level.level_m")`, or the kind alone for all its fields; None: that is not known. A threshold on anything
        else could never raise, and is a mistake."""
        return None


SettingsT = TypeVar("SettingsT", bound=DriverSettings)


@dataclass(frozen=True, slots=True)
class DriverType(Generic[SettingsT]):
    """A kind of driver: what its module exports as `DRIVER`, or an entry point of group `siaga.drivers` names.

    Args:
        name: What `driver = "…"` says; of a-z, 0-9 and hyphen.
        settings: The model of its table in `[[sensors]]`.
        open: Makes a driver from its settings; it only stores them.
        example: A `[[sensors]]` table that works, as TOML.
        tells_time: Its samples' own times are true UTC, as a satellite receiver's, and may set the box's clock.
    """

    name: str
    settings: type[SettingsT]
    open: Callable[[SettingsT], Driver]
    example: str
    tells_time: bool = False
