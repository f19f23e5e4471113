"""The agent's configuration, `box.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from contract.errors import ConfigError
from contract.identity import Name
from contract.settings import Settings, load_toml
from contract.topics import Lane
from edge_agent.drivers.base import DRIVERS
from edge_agent.drivers.button.driver import check_button_uri, check_lamp_uri
from edge_agent.lines import check_line_uri
from link import BrokerSettings, Endpoint
from link.settings import broker_examples


def _driver(name: str) -> str:
    if name not in DRIVERS:
        raise ValueError(f"there is no driver {name!r}; there are: {', '.join(sorted(DRIVERS))}")
    return name


def _checked(check: object) -> AfterValidator:
    def run(uri: str) -> str:
        check(uri)  # type: ignore[operator]  # one of the three check functions above
        return uri

    return AfterValidator(run)


class ButtonSettings(Settings):
    """A panic button, and the lamp that answers the person who pressed it."""

    id: Name
    uri: Annotated[str, _checked(check_button_uri)]
    lamp: Annotated[str, _checked(check_lamp_uri)] | None = None


class SensorSettings(Settings):
    """A line with a sensor or receiver at its end."""

    id: Name
    driver: Annotated[str, AfterValidator(_driver)]
    uri: Annotated[str, _checked(check_line_uri)]


class BoxSettings(Settings):
    """Everything an agent needs to know. `outbox_max_bytes` bounds the readings kept on disk."""

    device: Name
    data_dir: Path
    alarm_broker: BrokerSettings
    telemetry_broker: BrokerSettings
    outbox_max_bytes: Annotated[int, Field(ge=1_000_000)] = 200_000_000
    buttons: list[ButtonSettings] = Field(default_factory=list)
    sensors: list[SensorSettings] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, values in (
            ("button", [button.id for button in self.buttons]),
            ("sensor", [sensor.id for sensor in self.sensors]),
            ("uri", [button.uri for button in self.buttons] + [sensor.uri for sensor in self.sensors]),
        ):
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"{what} {sorted(twice)[0]!r} is used twice")
        if HEALTH_SENSOR in {sensor.id for sensor in self.sensors}:
            raise ValueError(f"sensor {HEALTH_SENSOR!r} is the box's own health; choose another id")
        return self


HEALTH_SENSOR = "box"
"""The sensor name of the box's own health readings."""

_EXAMPLES = {
    "device": 'device = "box-1"',
    "data_dir": 'data_dir = "/var/lib/siaga"',
    **broker_examples("alarm_broker"),
    **broker_examples("telemetry_broker"),
    "outbox_max_bytes": "outbox_max_bytes = 200000000",
    "buttons": '[[buttons]] id = "sos" uri = "gpio://gpiochip0/17?active=low&bias=pull-up" lamp = "gpio://gpiochip0/27"',
    "buttons.id": 'id = "sos"',
    "buttons.uri": 'uri = "gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=20"',
    "buttons.lamp": 'lamp = "gpio://gpiochip0/27"',
    "sensors": '[[sensors]] id = "gps" driver = "nmea" uri = "serial:///dev/ttyUSB0?baudrate=9600"',
    "sensors.id": 'id = "gps"',
    "sensors.driver": 'driver = "nmea"',
    "sensors.uri": 'uri = "serial:///dev/ttyUSB0?baudrate=9600"',
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box's settings, and whom it dials on each lane, its certificate and key read."""

    settings: BoxSettings
    brokers: Mapping[Lane, Endpoint]


def load_box(path: Path) -> Box:
    """Read and check `box.toml` and the certificates it names; nothing else is opened.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    settings = load_box_settings(path)
    tables: dict[Lane, BrokerSettings] = {"alarm": settings.alarm_broker, "telemetry": settings.telemetry_broker}
    brokers = {
        lane: broker.endpoint(source=str(path), table=f"{lane}_broker", base=path.parent)
        for lane, broker in tables.items()
    }
    return Box(settings, brokers)


def load_box_settings(path: Path) -> BoxSettings:
    """Read and check `box.toml`; nothing but that file is opened.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        example = "siaga edge run --config box.toml"
        raise ConfigError(str(path), "", f"cannot be read: {error}", example=example) from None
    return load_toml(text, BoxSettings, source=str(path), examples=_EXAMPLES)
