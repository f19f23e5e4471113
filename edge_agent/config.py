"""The agent's configuration, `box.toml`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from contract.errors import ConfigError
from contract.identity import Name
from contract.messages import MAX_SOUND_S
from contract.settings import Settings, check_table, check_toml, fault_at, line_of
from contract.topics import Lane
from edge_agent.drivers.base import DriverSettings
from edge_agent.drivers.board import INPUTS, BoardPart, is_board, parse_board_uri
from edge_agent.drivers.button.driver import check_button_uri, check_lamp_uri
from edge_agent.drivers.registry import find_driver
from edge_agent.threshold import MOST_THRESHOLDS, ThresholdSettings
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from pins.uri import line_claim, parse_button_uri, parse_lamp_uri


def _known_driver(name: str) -> str:
    try:
        find_driver(name)
    except ConfigError as error:
        raise ValueError(error.expected) from None
    return name


def _checked(check: object) -> AfterValidator:
    def run(uri: str) -> str:
        check(uri)  # type: ignore[operator]  # one of the two check functions above
        return uri

    return AfterValidator(run)


def _check_button(uri: str) -> None:
    if is_board(uri):
        parse_board_uri(uri, INPUTS)
    else:
        check_button_uri(uri)


def _check_lamp(uri: str) -> None:
    if is_board(uri):
        parse_board_uri(uri, ("lamp",))
    else:
        check_lamp_uri(uri)


def _check_sound(uri: str) -> None:
    if is_board(uri):
        parse_board_uri(uri, ("siren",))
    else:
        check_lamp_uri(uri)


class ButtonSettings(Settings):
    """A panic button, and the lamp that answers the person who pressed it. A press counts once it was held for
    `hold_ms`; with 0, its first edge sends. A button held for `stuck_s` is stuck. What hangs on a board has the times
    of the board's firmware."""

    id: Name
    uri: Annotated[str, _checked(_check_button)]
    lamp: Annotated[str, _checked(_check_lamp)] | None = None
    hold_ms: Annotated[int, Field(ge=0, le=5_000)] = 0
    stuck_s: Annotated[float, Field(ge=10, le=86_400)] = 60.0

    @model_validator(mode="after")
    def _times_of_its_own(self) -> Self:
        told = sorted({"hold_ms", "stuck_s"} & self.model_fields_set)
        if is_board(self.uri) and told:
            raise fault_at((told[0],), "expected no such key beside a board's uri: the firmware has its own times")
        return self

    def board_part(self) -> BoardPart | None:
        """Return which part of a board it is; None: of none."""
        return parse_board_uri(self.uri, INPUTS) if is_board(self.uri) else None

    def board_lamp(self) -> BoardPart | None:
        """Return which lamp of a board is its lamp; None: none."""
        return parse_board_uri(self.lamp, ("lamp",)) if self.lamp is not None and is_board(self.lamp) else None

    def claims(self) -> tuple[tuple[str, str], ...]:
        """Return each key that names a line, and what that line is to a duplicate's search."""
        part = self.board_part()
        button = ("uri", line_claim(parse_button_uri(self.uri)) if part is None else part.claim())
        return (button,) if self.lamp is None else (button, ("lamp", _lamp_claim(self.lamp, self.board_lamp())))


class _Head(BaseModel):
    """What says of which driver a table in `[[sensors]]` is."""

    driver: Annotated[str, AfterValidator(_known_driver)]


def _sensor(table: object) -> DriverSettings:
    if isinstance(table, DriverSettings):
        return table
    found: type[DriverSettings] = find_driver(_Head.model_validate(table).driver).settings
    return check_table(table, found)


Sensor = Annotated[SerializeAsAny[DriverSettings], PlainValidator(_sensor)]
"""A table in `[[sensors]]`, checked by its driver's own settings."""


def _lamp_claim(uri: str, part: BoardPart | None) -> str:
    return line_claim(parse_lamp_uri(uri), "lamp") if part is None else part.claim()


class OutputSettings(Settings):
    """A siren or a beacon at the box: its line as a lamp's, and the longest that it goes on one command, in seconds."""

    uri: Annotated[str, _checked(_check_sound)]
    most_s: Annotated[int, Field(ge=1, le=MAX_SOUND_S)] = 120

    def board_part(self) -> BoardPart | None:
        """Return which siren of a board it is; None: none."""
        return parse_board_uri(self.uri, ("siren",)) if is_board(self.uri) else None


class BoxSettings(Settings):
    """Everything an agent needs to know.

    `outbox_max_bytes` bounds the readings kept on disk. `runtime_dir` is a folder on tmpfs (`runtime_file.py`).
    `config_keys` is a file, relative to this one, with the public keys of who may push a configuration, `command_keys`
    one with those of who may command, as to sound the siren; None: nobody.
    """

    device: Name
    data_dir: Path
    runtime_dir: Path | None = None
    config_keys: Path | None = None
    command_keys: Path | None = None
    alarm_broker: BrokerSettings
    telemetry_broker: BrokerSettings
    outbox_max_bytes: Annotated[int, Field(ge=1_000_000)] = 200_000_000
    siren: OutputSettings | None = None
    beacon: OutputSettings | None = None
    buttons: list[ButtonSettings] = Field(default_factory=list)
    sensors: list[Sensor] = Field(default_factory=list)
    thresholds: Annotated[list[ThresholdSettings], Field(max_length=MOST_THRESHOLDS)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        buttons: dict[str, str] = {}
        sensors = {HEALTH_SENSOR: "the box's own health"}
        lines: dict[str, str] = {}
        faults: list[PydanticCustomError] = []

        def take(taken: dict[str, str], keys: tuple[str | int, ...], what: str, name: str, by: str) -> None:
            if name in taken:
                faults.append(fault_at(keys, f"{what} {name!r} is used twice: it is {taken[name]} already"))
            taken.setdefault(name, by)

        for at, button in enumerate(self.buttons):
            take(buttons, ("buttons", at, "id"), "button", button.id, f"the id of button {at + 1}")
            for key, claim in button.claims():
                take(lines, ("buttons", at, key), "line", claim, f"the {key} of button {button.id!r}")
        for what, output in self.outputs().items():
            take(lines, (what, "uri"), "line", _lamp_claim(output.uri, output.board_part()), f"the {what}'s")
            if self.command_keys is None:
                mute = f"expected command_keys beside it: without keys nobody can command, and the {what} never goes"
                faults.append(fault_at((what, "uri"), mute))
        for port in self.board_ports():
            # A board's parts share its port, a sensor does not.
            lines.setdefault(f"serial:{os.path.realpath(port)}", f"that of the board at {port!r}")
        for at, sensor in enumerate(self.sensors):
            take(sensors, ("sensors", at, "id"), "sensor", sensor.id, f"the id of sensor {at + 1}")
            for part in sensor.parts():
                take(sensors, ("sensors", at, "id"), "sensor", part, f"a part of sensor {sensor.id!r}")
            for claim in sensor.claims():
                take(lines, ("sensors", at, "uri"), "line", claim, f"that of sensor {sensor.id!r}")
        for at, threshold in enumerate(self.thresholds):
            # Both are what an alarm names as its button.
            take(buttons, ("thresholds", at, "id"), "button", threshold.id, f"the id of threshold {at + 1}")
            if threshold.sensor not in sensors:
                there = f"there is no sensor {threshold.sensor!r}; there are: {', '.join(sorted(sensors))}"
                faults.append(fault_at(("thresholds", at, "sensor"), there))
            elif (never := self._never(threshold)) is not None:
                faults.append(fault_at(("thresholds", at, "field"), never))
        if faults:
            every = [InitErrorDetails(type=fault, loc=(), input=None) for fault in faults]
            raise ValidationError.from_exception_data(type(self).__name__, every)
        return self

    def outputs(self) -> dict[str, OutputSettings]:
        """Return the siren and the beacon, those there are, by name."""
        found = {"siren": self.siren, "beacon": self.beacon}
        return {name: output for name, output in found.items() if output is not None}

    def board_ports(self) -> list[str]:
        """Return the port of each board of this box."""
        parts = [part for button in self.buttons for part in (button.board_part(), button.board_lamp())]
        parts += [output.board_part() for output in self.outputs().values()]
        return list(dict.fromkeys(part.port for part in parts if part is not None))

    def _never(self, threshold: ThresholdSettings) -> str | None:
        """Return that a threshold is on what its sensor never gives, as it would be silent for ever, or None."""
        name, kind = threshold.sensor, threshold.field.partition(".")[0]
        given = {(HEALTH_SENSOR, "box_health")}
        for sensor in self.sensors:
            if name in (sensor.id, *sensor.parts()):
                known = sensor.gives()
                if known is None:
                    return None
                given = set(known)
        if {(name, threshold.field), (name, kind)} & given:
            return None
        mine = sorted(what for of, what in given if of == name)
        return f"{name} never gives {threshold.field}; it gives: {', '.join(mine)}"


HEALTH_SENSOR = "box"
"""The sensor name of the box's own health readings."""

_EXAMPLES = {
    "device": 'device = "box-1"',
    "data_dir": 'data_dir = "/var/lib/siaga/edge"',
    "runtime_dir": 'runtime_dir = "/run/siaga"',
    "config_keys": 'config_keys = "signing.pub"',
    "command_keys": 'command_keys = "commands.pub"',
    **broker_examples("alarm_broker"),
    **broker_examples("telemetry_broker"),
    "outbox_max_bytes": "outbox_max_bytes = 200000000",
    **{
        key: example
        for name, pin in (("siren", 22), ("beacon", 23))
        for key, example in (
            (name, f'[{name}] uri = "gpio://gpiochip0/{pin}"'),
            (f"{name}.uri", f'uri = "gpio://gpiochip0/{pin}"'),
            (f"{name}.most_s", "most_s = 120"),
        )
    },
    "buttons": '[[buttons]] id = "sos" uri = "gpio://gpiochip0/17?active=low&bias=pull-up" lamp = "gpio://gpiochip0/27"',
    "buttons.id": 'id = "sos"',
    "buttons.uri": 'uri = "gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=20"',
    "buttons.lamp": 'lamp = "gpio://gpiochip0/27"',
    "buttons.hold_ms": "hold_ms = 300",
    "buttons.stuck_s": "stuck_s = 60.0",
    "sensors": '[[sensors]] id = "gps" driver = "nmea" uri = "serial:///dev/ttyUSB0?baudrate=9600"',
    "sensors.id": 'id = "gps"',
    "sensors.driver": 'driver = "nmea"',
    "sensors.uri": 'uri = "serial:///dev/ttyUSB0?baudrate=9600"',
    "thresholds": '[[thresholds]] id = "river-high" sensor = "river" field = "water_level.level_m" above = 3.0',
    "thresholds.id": 'id = "river-high"',
    "thresholds.sensor": 'sensor = "river"',
    "thresholds.field": 'field = "water_level.level_m"',
    "thresholds.above": "above = 3.0",
    "thresholds.below": "below = 0.2",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box's settings, and whom it dials on each lane, its certificate and key read. `command_keys` is where that file
    lies."""

    settings: BoxSettings
    brokers: Mapping[Lane, Endpoint]
    command_keys: Path | None = None


def load_box(path: Path) -> Box:
    """Read and check `box.toml` and the certificates it names; nothing else is opened.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    box, faults = check_box(read_box_text(path), source=str(path), base=path.parent)
    if box is None:
        raise faults[0]
    return box


def load_box_settings(path: Path) -> BoxSettings:
    """Read and check `box.toml`; nothing but that file is opened.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    settings, faults = _check_settings(read_box_text(path), str(path))
    if settings is None:
        raise faults[0]
    return settings


def read_box_text(path: Path) -> str:
    """Return the text of a `box.toml`.

    Raises:
        ConfigError: It is not there, cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else f"not UTF-8: {error}"
        example = "siaga edge run --config box.toml"
        raise ConfigError(str(path), "", f"cannot be read: {why}", example=example) from None


def check_box(text: str, *, source: str, base: Path) -> tuple[Box | None, list[ConfigError]]:
    """Check a box's configuration and the certificates it names; no device and no connection is opened.

    Args:
        text: The TOML.
        source: Where it is from, for messages.
        base: The folder that relative paths start from.

    Returns:
        The box and no fault, or None and every fault there is.
    """
    settings, faults = _check_settings(text, source)
    if settings is None:
        return None, faults
    tables: dict[Lane, BrokerSettings] = {"alarm": settings.alarm_broker, "telemetry": settings.telemetry_broker}
    brokers: dict[Lane, Endpoint] = {}
    for lane, broker in tables.items():
        try:
            brokers[lane] = broker.endpoint(source=source, table=f"{lane}_broker", base=base)
        except ConfigError as error:
            line = line_of(text, tuple(error.key.split(".")))
            example = _EXAMPLES.get(error.key, "")
            faults.append(ConfigError(source, error.key, error.expected, example=example, line=line))
    command_keys = None if settings.command_keys is None else base / settings.command_keys
    return (None, faults) if faults else (Box(settings, brokers, command_keys), [])


def _check_settings(text: str, source: str) -> tuple[BoxSettings | None, list[ConfigError]]:
    settings, faults = check_toml(text, BoxSettings, source=source, examples=_EXAMPLES)
    return settings, [_with_example(text, fault) for fault in faults]


def _with_example(text: str, fault: ConfigError) -> ConfigError:
    meant = re.search(r"did you mean '(\w+)'", fault.expected)
    key = fault.key if meant is None else re.sub(r"[^.]+$", meant[1], fault.key)
    plain = ".".join(part for part in key.split(".") if not part.isdecimal())
    example = _driver_example(text, key) or (meant and _EXAMPLES.get(plain)) or fault.example
    return ConfigError(fault.file, fault.key, fault.expected, example=example, line=fault.line)


def _driver_example(text: str, key: str) -> str | None:
    """Return the line of a driver's own example that has a key of its table, or the whole of it."""
    found = re.match(r"sensors\.([0-9]+)\.(?!driver$)(?:.+\.)?([^.]+)$", key)
    if found is None:
        return None
    try:
        example: str = find_driver(tomllib.loads(text)["sensors"][int(found[1])]["driver"]).example
    except (ConfigError, KeyError):
        return None
    line = re.search(rf"^\s*({re.escape(found[2])}\s*=.*)$", example, flags=re.M)
    return line[1] if line is not None else " ".join(example.split())
