"""wall.toml: what each of the room's screens shows. A text goes in, a plan comes out; nothing is opened here.

A plan names dashboards by the uid of their definition (`siaga_city`), never by what Grafana calls them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract.errors import ConfigError
from contract.identity import Name
from contract.inventory import Inventory
from contract.settings import Settings, fault_at, load_toml
from contract.zone import DEFAULT_ZONE, TimeZone
from contract.zone import EXAMPLE as ZONE_EXAMPLE
from dashboards.boards import DASHBOARDS
from dashboards.model import Choice

SCREENS = 24
SAMPLE = Path(__file__).with_name("wall.toml")
"""A plan of 24 screens that a city can take as it is."""

Language = Literal["id", "en"]
Theme = Literal["dark", "light"]
Source = Literal["grafana", "board"]
"""grafana: the dashboard of a Grafana in a frame; board: the wall server's own drawing of the same definition."""

_RANGE = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}


def _known_dashboard(uid: str) -> str:
    if uid not in DASHBOARDS:
        raise ValueError(f"{uid!r} is no dashboard; there are {', '.join(DASHBOARDS)}")
    return uid


def _a_range(text: str) -> str:
    if not _RANGE.fullmatch(text):
        raise ValueError("expected a range in minutes, hours or days, such as 30m, 6h or 7d")
    return text


class ShowSettings(Settings):
    """One dashboard in a screen's rotation, and for how long it is shown, in s."""

    dashboard: Annotated[str, AfterValidator(_known_dashboard)]
    seconds: Annotated[int, Field(ge=10, le=86_400)] = 60


class ScreenSettings(Settings):
    """One `[[screens]]` of wall.toml. What it leaves out is the plan's."""

    number: Annotated[int, Field(ge=1, le=SCREENS)]
    show: Annotated[list[ShowSettings], Field(min_length=1, max_length=12)]
    language: Language | None = None
    theme: Theme | None = None
    source: Source | None = None
    takeover: bool = False
    device: Name | None = None
    sensor: Name | None = None
    range: Annotated[str, AfterValidator(_a_range)] | None = None

    @model_validator(mode="after")
    def _what_its_dashboards_need_is_chosen(self) -> Self:
        chosen = {"device": self.device, "sensor": self.sensor}
        for show in self.show:
            for choice in DASHBOARDS[show.dashboard].choices:
                if chosen[choice] is None:
                    raise fault_at((choice,), f"is missing: {show.dashboard} shows one {choice}")
        return self


class PlanSettings(Settings):
    """wall.toml. `takeover_s`: how long an incident keeps the screens it takes over, if it is not closed before.

    `time_zone`: the city's; every time on the screens is told in it, wherever a browser is.
    """

    city: Annotated[str, Field(min_length=1, max_length=60)]
    time_zone: TimeZone = DEFAULT_ZONE
    language: Language | None = None
    theme: Theme = "dark"
    source: Source = "grafana"
    takeover_s: Annotated[int, Field(ge=10, le=86_400)] = 900
    screens: Annotated[list[ScreenSettings], Field(min_length=1, max_length=SCREENS)]

    @model_validator(mode="after")
    def _each_screen_once_and_in_a_language(self) -> Self:
        seen: set[int] = set()
        for position, screen in enumerate(self.screens):
            if screen.number in seen:
                raise fault_at(("screens", position, "number"), f"screen {screen.number} appears twice")
            seen.add(screen.number)
            if (screen.language or self.language) is None:
                raise fault_at(
                    ("screens", position, "language"), "is missing; write it here, or above for all screens: id or en"
                )
        if not any(screen.takeover for screen in self.screens):
            raise fault_at(
                ("screens", 0, "takeover"), "no screen is taken over by an incident; expected takeover = true on one"
            )
        return self


@dataclass(frozen=True, slots=True)
class Show:
    """A dashboard's uid and for how many seconds it is shown."""

    uid: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen. `range_s`: the range it shows, in s, or None for each dashboard's own."""

    number: int
    rotation: tuple[Show, ...]
    language: Language
    theme: Theme
    source: Source
    takeover: bool
    device: str | None = None
    sensor: str | None = None
    range_s: int | None = None

    def chosen(self, choice: Choice) -> str | None:
        """Return the name that was chosen, or None."""
        return self.device if choice == "device" else self.sensor


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole wall, its screens by number, and the zone in which they tell times.

    `takeover_s`: how long an incident keeps a screen at most.
    """

    city: str
    takeover_s: int
    screens: tuple[Screen, ...]
    time_zone: str = DEFAULT_ZONE

    def screen(self, number: int) -> Screen | None:
        """Return a screen, or None when the plan has none of this number."""
        return next((screen for screen in self.screens if screen.number == number), None)

    def unknown_names(self, inventory: Inventory) -> list[str]:
        """Return a sentence for each chosen box or sensor that the inventory does not know."""
        boxes = {device.name for device in inventory.devices}
        sensors = {(sensor.device, sensor.id) for sensor in inventory.sensors}
        told = []
        for screen in self.screens:
            if screen.device is not None and screen.device not in boxes:
                told.append(f"screen {screen.number}: device {screen.device!r} is not in the inventory")
            elif screen.sensor is not None and (screen.device, screen.sensor) not in sensors:
                told.append(f"screen {screen.number}: {screen.device} has no sensor {screen.sensor!r} in the inventory")
        return told


EXAMPLES = {
    "city": 'city = "Kota Bandung"',
    "time_zone": ZONE_EXAMPLE,
    "language": 'language = "id"',
    "theme": 'theme = "dark"',
    "source": 'source = "grafana"',
    "takeover_s": "takeover_s = 900",
    "screens": '[[screens]] number = 1 show = [{ dashboard = "siaga_city" }] takeover = true',
    "screens.number": "number = 1",
    "screens.show": 'show = [{ dashboard = "siaga_city", seconds = 60 }]',
    "screens.language": 'language = "id"',
    "screens.theme": 'theme = "dark"',
    "screens.source": 'source = "grafana"',
    "screens.takeover": "takeover = true",
    "screens.device": 'device = "box-1"',
    "screens.sensor": 'sensor = "river"',
    "screens.range": 'range = "6h"',
}


def parse_plan(text: str, *, source: str) -> Plan:
    """Return the plan written in a TOML text; `source` is the file's name, for error messages.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    settings = load_toml(text, PlanSettings, source=source, examples=EXAMPLES)
    screens = (
        Screen(
            each.number,
            tuple(Show(show.dashboard, show.seconds) for show in each.show),
            each.language or settings.language or "id",
            each.theme or settings.theme,
            each.source or settings.source,
            each.takeover,
            each.device,
            each.sensor,
            _seconds(each.range),
        )
        for each in settings.screens
    )
    ordered = tuple(sorted(screens, key=lambda screen: screen.number))
    return Plan(settings.city, settings.takeover_s, ordered, settings.time_zone)


def load_plan(file: Path) -> Plan:
    """Return the plan in a file.

    Raises:
        ConfigError: As `parse_plan`, or the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(str(file), "", f"cannot be read: {reason}", example=f"cp {SAMPLE.name} {file}") from None
    return parse_plan(text, source=str(file))


def _seconds(text: str | None) -> int | None:
    found = _RANGE.fullmatch(text) if text else None
    return int(found.group(1)) * _UNITS_S[found.group(2)] if found else None
