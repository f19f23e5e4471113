"""The bell's configuration file, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from contract.errors import ConfigError
from contract.identity import Name
from contract.settings import Settings, load_toml
from contract.topics import Lane
from contract.zone import DEFAULT_ZONE, TimeZone
from contract.zone import EXAMPLE as ZONE_EXAMPLE
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from pins.uri import parse_button_uri, parse_lamp_uri

ACCOUNT: Final = "centre."
"""Before a bell's name stands this in its user name: only that account may write what this bell says."""


def _output(uri: str) -> str:
    parse_lamp_uri(uri)
    return uri


def _input(uri: str) -> str:
    parse_button_uri(uri)
    return uri


class OutputSettings(Settings):
    """The bell's siren: its line, as a box's."""

    uri: Annotated[str, AfterValidator(_output)]


class ButtonSettings(Settings):
    """The button that silences it: its line, as a box's."""

    uri: Annotated[str, AfterValidator(_input)]


class SmsSettings(Settings):
    """To whom it sends SMS, by the gammu-smsd of its own machine whose configuration file is named."""

    to: Annotated[list[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{7,14}$")]], Field(min_length=1, max_length=16)]
    config: Annotated[str, Field(min_length=1, max_length=1_000)] = "/etc/gammu-smsdrc"


class BellSettings(Settings):
    """bell.toml. Paths are relative to its folder. `time_zone`: the city's, in which SMS and status tell times."""

    name: Name = "bell"
    data_dir: str
    language: Literal["id", "en"] = "id"
    time_zone: TimeZone = DEFAULT_ZONE
    alarm_broker: BrokerSettings
    telemetry_broker: BrokerSettings
    siren: OutputSettings
    button: ButtonSettings | None = None
    sms: SmsSettings | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The city's zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Bell:
    """Everything a bell needs to know before it opens anything."""

    settings: BellSettings
    brokers: Mapping[Lane, Endpoint]
    data: Path
    gammu: Path | None = None


_EXAMPLES = {
    "name": 'name = "bell"',
    "data_dir": 'data_dir = "/var/lib/siaga/bell"',
    "language": 'language = "id"',
    "time_zone": ZONE_EXAMPLE,
    **broker_examples("alarm_broker"),
    **broker_examples("telemetry_broker"),
    "siren": '[siren] uri = "gpio://gpiochip0/22"',
    "button": '[button] uri = "gpio://gpiochip0/17?active=low&bias=pull-up"',
    "sms": '[sms] to = ["+6281200000001"] config = "/etc/gammu-smsdrc"',
}


def load_bell(file: Path) -> Bell:
    """Return a bell's configuration, with the files it names read and checked.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(str(file), "", f"expected a readable file: {reason}") from None
    settings = load_toml(text, BellSettings, source=str(file), examples=_EXAMPLES)
    brokers: dict[Lane, BrokerSettings] = {"alarm": settings.alarm_broker, "telemetry": settings.telemetry_broker}
    for lane, broker in brokers.items():
        if broker.username != ACCOUNT + settings.name:
            expected = (
                f"expected the bell's own account, {ACCOUNT}{settings.name}: siaga provision broker render --account"
            )
            key = f"{lane}_broker.username"
            raise ConfigError(str(file), key, expected, example=f'username = "{ACCOUNT}{settings.name}"')
    folder = file.parent
    return Bell(
        settings=settings,
        brokers={
            lane: broker.endpoint(source=str(file), table=f"{lane}_broker", base=folder)
            for lane, broker in brokers.items()
        },
        data=folder / settings.data_dir,
        gammu=None if settings.sms is None else folder / settings.sms.config,
    )
