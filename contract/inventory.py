"""Who and what is where: devices, sites, buttons, sensors, cameras.

Hand-written TOML until provisioning writes it; the same model travels as JSON on `siaga/v1/centre/inventory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.catalogue import KINDS
from contract.identity import Name
from contract.messages import Latitude, Longitude, Message
from contract.settings import fault_at, load_toml

Label = Annotated[str, Field(min_length=1, max_length=200)]
LinkUrl = Annotated[str, Field(pattern=r"^(https?|rtsps?)://[^\s\"'<>]+$", max_length=2_000)]
PhotoPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.(jpg|jpeg|png|webp|svg)$")]
"""A file name in the photo folder beside the inventory; no folders, so nothing outside it can be named."""


class Site(Message):
    """A place with an address. `latitude` and `longitude` in degrees, WGS 84."""

    id: Name
    address: Label
    latitude: Latitude
    longitude: Longitude


VehicleUse = Literal["patrol", "ambulance", "fire", "service"]
ThresholdLevel = Literal["watch", "bad", "critical"]


class Device(Message):
    """A box. `site` is None for one that moves; `vehicle` says what it moves in."""

    name: Name
    label: Label
    site: Name | None = None
    vehicle: VehicleUse | None = None

    @model_validator(mode="after")
    def _a_vehicle_has_no_site(self) -> Self:
        if self.site is not None and self.vehicle is not None:
            raise ValueError("expected a site or a vehicle, not both: what stands somewhere does not move")
        return self


class Threshold(Message):
    """From `value` on (at most it, with `below`), a quantity of a sensor is of this level. In the catalogue's unit."""

    field: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    value: Annotated[float, Field(allow_inf_nan=False)]
    level: ThresholdLevel
    below: bool = False


class Sensor(Message):
    """A sensor that must be heard of: the walls name it even when it never spoke.

    `id` is the `sensor` of its readings, `kind` a kind of the catalogue. It stands where its box's site is, unless
    `latitude` and `longitude` say otherwise.
    """

    device: Name
    id: Name
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    label: Label
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    thresholds: Annotated[list[Threshold], Field(max_length=16)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_the_catalogue(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude stand together")
        kind = KINDS.get(self.kind)
        if kind is None:
            raise fault_at(("kind",), f"{self.kind!r} is no kind of the catalogue; there are {', '.join(KINDS)}")
        known = {quantity.name for quantity in kind.quantities}
        for position, threshold in enumerate(self.thresholds):
            if threshold.field not in known:
                raise fault_at(("thresholds", position, "field"), f"{self.kind} has no field {threshold.field!r}")
        return self


class Button(Message):
    """A panic button: where the person stands, and what an officer should know before arriving."""

    device: Name
    id: Name
    address: Label
    latitude: Latitude
    longitude: Longitude
    photo: PhotoPath | None = None
    instructions_id: Annotated[str, Field(max_length=2_000)] = ""
    instructions_en: Annotated[str, Field(max_length=2_000)] = ""


class Camera(Message):
    """A camera, by link only: its pictures never pass through Siaga."""

    id: Name
    site: Name
    label: Label
    link: LinkUrl


class Inventory(Message):
    """Everything of a city, at one version."""

    version: Annotated[int, Field(ge=0)] = 0
    sites: list[Site] = Field(default_factory=list)
    devices: list[Device] = Field(default_factory=list)
    buttons: list[Button] = Field(default_factory=list)
    cameras: list[Camera] = Field(default_factory=list)
    sensors: list[Sensor] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sites = _unique("sites", "id", [site.id for site in self.sites])
        devices = _unique("devices", "name", [device.name for device in self.devices])
        _unique("buttons", "id", [f"{button.device}/{button.id}" for button in self.buttons])
        _unique("cameras", "id", [camera.id for camera in self.cameras])
        _known("devices", "site", [device.site for device in self.devices], "sites", sites)
        _known("cameras", "site", [camera.site for camera in self.cameras], "sites", sites)
        _known("buttons", "device", [button.device for button in self.buttons], "devices", devices)
        _unique("sensors", "id", [f"{sensor.device}/{sensor.id}/{sensor.kind}" for sensor in self.sensors])
        _known("sensors", "device", [sensor.device for sensor in self.sensors], "devices", devices)
        return self

    def button(self, device: str, button: str) -> Button | None:
        """Return a button, or None when the inventory does not know it."""
        return next((known for known in self.buttons if known.device == device and known.id == button), None)


_EXAMPLES = {
    "version": "version = 1",
    "sites": '[[sites]] id = "alun-alun" address = "Jl. Asia Afrika" latitude = -6.9217 longitude = 107.6071',
    "devices": '[[devices]] name = "box-1" label = "Kotak 1" site = "alun-alun"',
    "buttons": '[[buttons]] device = "box-1" id = "sos" address = "Jl. Braga 10" latitude = -6.917 longitude = 107.609',
    "sensors": '[[sensors]] device = "box-1" id = "river" kind = "water_level" label = "Cikapundung, Jembatan Braga"',
    "cameras": '[[cameras]] id = "cam-1" site = "alun-alun" label = "Sudut timur" link = "https://cctv.example/1"',
}


def parse_inventory(text: str, *, source: str) -> Inventory:
    """Return the inventory written in a TOML text.

    Args:
        text: The TOML.
        source: The file's name, for error messages.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    return load_toml(text, Inventory, source=source, examples=_EXAMPLES)


def _unique(table: str, key: str, names: list[str]) -> set[str]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            raise fault_at((table, position, key), f"{name!r} appears twice")
        seen.add(name)
    return seen


def _known(table: str, key: str, names: Sequence[str | None], where: str, known: set[str]) -> None:
    for position, name in enumerate(names):
        if name is not None and name not in known:
            raise fault_at((table, position, key), f"{name!r} is not in [[{where}]]")
