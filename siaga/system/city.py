"""siaga.toml: the machines of a city, where each is, and what Ansible is told of them.

Ansible's inventory is made of this one file (`ansible/inventory/siaga.py`). What stands at a box's post, which address
the officer is sent to, is in the desk's `inventory.toml`; where this file names it, both must agree on the boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError
from contract.identity import Name
from contract.inventory import parse_inventory
from contract.settings import Settings, fault_at, load_toml

Address = Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,253}$")]
User = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Arch = Literal["x86_64", "aarch64"]
Scalar = str | int | float | bool | list[str] | list[int]

GROUPS: Final = ("centre", "boxes", "canaries", "screens", "bells")
"""Ansible's groups of machines."""
MOST_BOXES: Final = 20_000
MOST_SCREENS: Final = 64


class Machine(Settings):
    """A machine that is reached by ssh. `address`: a name or an IP address; `vars` goes to Ansible as it is."""

    name: Name
    address: Address
    arch: Arch = "aarch64"
    user: User | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    vars: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], Scalar], Field(max_length=64)] = (
        Field(default_factory=dict)
    )


class Centre(Machine):
    """Where brokers, store, collectors, desk and walls are. `collectors`: how many share the readings."""

    name: Name = "centre-1"
    arch: Arch = "x86_64"
    collectors: Annotated[int, Field(ge=1, le=16)] = 1


class Box(Machine):
    """A box; its name is its device's. `canary`: an upgrade begins with it."""

    site: Name | None = None
    canary: bool = False


class Screen(Machine):
    """A screen of the wall. `number`: which; `scale` 2 is for a display of 3840×2160."""

    number: Annotated[int, Field(ge=1, le=MOST_SCREENS)]
    scale: Annotated[float, Field(ge=0.5, le=4)] = 1


class City(Settings):
    """The whole file. `user`: who logs in where a machine has no user of its own."""

    city: Name
    user: User = "root"
    inventory: str | None = None
    centre: Centre
    boxes: Annotated[list[Box], Field(max_length=MOST_BOXES)] = Field(default_factory=list)
    screens: Annotated[list[Screen], Field(max_length=MOST_SCREENS)] = Field(default_factory=list)
    bells: Annotated[list[Machine], Field(max_length=16)] = Field(default_factory=list)

    def machines(self) -> Iterator[tuple[tuple[int | str, ...], Machine]]:
        """Return each machine with its place in the file."""
        yield ("centre",), self.centre
        for table in ("boxes", "screens", "bells"):
            for number, machine in enumerate(getattr(self, table)):
                yield (table, number), machine

    @model_validator(mode="after")
    def _each_is_one(self) -> Self:
        names: set[str] = set()
        places: dict[tuple[str, int], str] = {}
        for where, machine in self.machines():
            if machine.name in (*GROUPS, "all", "ungrouped", "localhost"):
                raise fault_at((*where, "name"), f"{machine.name} is a group's name; expected another")
            if machine.name in names:
                raise fault_at((*where, "name"), f"{machine.name} is a machine's already; expected a name of its own")
            place = (machine.address, machine.port)
            if place in places:
                raise fault_at((*where, "address"), f"{machine.address} is {places[place]}'s already")
            names.add(machine.name)
            places[place] = machine.name
        numbers: set[int] = set()
        for number, screen in enumerate(self.screens):
            if screen.number in numbers:
                raise fault_at(("screens", number, "number"), f"there is a screen {screen.number} already")
            numbers.add(screen.number)
        return self


EXAMPLES: Final = {
    "city": 'city = "bandung"',
    "user": 'user = "root"',
    "inventory": 'inventory = "inventory.toml"',
    "centre": '[centre] address = "10.20.0.2"',
    "centre.arch": 'arch = "x86_64"',
    "centre.collectors": "collectors = 2",
    "boxes": '[[boxes]] name = "box-1" address = "10.20.1.11" site = "alun-alun"',
    "screens": '[[screens]] name = "screen-1" address = "10.20.2.11" number = 1',
    "bells": '[[bells]] name = "bell" address = "10.20.0.9"',
    **{
        f"{table}.{key}": example
        for table in ("centre", "boxes", "screens", "bells")
        for key, example in (
            ("name", 'name = "box-1"'),
            ("address", 'address = "10.20.1.11"'),
            ("user", 'user = "pi"'),
            ("port", "port = 22"),
            ("vars", "vars = { base_timezone = 'Asia/Jakarta' }"),
        )
    },
    **{f"{table}.arch": 'arch = "aarch64"' for table in ("boxes", "screens", "bells")},
    "boxes.site": 'site = "alun-alun"',
    "boxes.canary": "canary = true",
    "screens.number": "number = 1",
    "screens.scale": "scale = 2",
}


def load_city(file: Path) -> City:
    """Return a city's machines.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    city = load_toml(_read(file), City, source=str(file), examples=EXAMPLES)
    if city.inventory is not None:
        _agree(file, city, file.parent / city.inventory)
    return city


def ansible_inventory(city: City, folder: Path) -> dict[str, Any]:
    """Return what an inventory script answers to `--list`: groups, and what Ansible is told of each machine.

    Args:
        city: The city.
        folder: Its folder: siaga.toml's, with inventory.toml, authority/ and boxes/ beside it.
    """
    hosts: dict[str, dict[str, Any]] = {}
    for _, machine in city.machines():
        told: dict[str, Any] = {
            "ansible_host": machine.address,
            "ansible_port": machine.port,
            "ansible_user": machine.user or city.user,
            "siaga_arch": machine.arch,
        }
        if isinstance(machine, Centre):
            told["collector_replicas"] = machine.collectors
        elif isinstance(machine, Box):
            told |= {"siaga_device": machine.name, "siaga_site": machine.site or ""}
        elif isinstance(machine, Screen):
            told |= {"siaga_screen": machine.number, "siaga_scale": machine.scale}
        hosts[machine.name] = told | machine.vars
    members = (
        [city.centre.name],
        [box.name for box in city.boxes],
        [box.name for box in city.boxes if box.canary],
        [screen.name for screen in city.screens],
        [bell.name for bell in city.bells],
    )
    return {
        "_meta": {"hostvars": hosts},
        "all": {
            "children": [*GROUPS, "ungrouped"],
            "vars": {"siaga_city": str(folder), "siaga_city_name": city.city},
        },
        **{name: {"hosts": hosts_of} for name, hosts_of in zip(GROUPS, members, strict=True)},
    }


def _agree(file: Path, city: City, inventory: Path) -> None:
    known = parse_inventory(_read(inventory, named_by=str(file)), source=str(inventory))
    sites = {device.name: device.site for device in known.devices}
    for box in city.boxes:
        if box.name not in sites:
            expected = f"{box.name} is no device of {city.inventory}: expected one of its devices"
            raise ConfigError(str(file), "boxes.name", expected, example=EXAMPLES["boxes.name"])
        if box.site is not None and box.site != sites[box.name]:
            expected = f"{box.name} stands at {sites[box.name]} in {city.inventory}, not at {box.site}"
            raise ConfigError(str(file), "boxes.site", expected, example=EXAMPLES["boxes.site"])


def _read(file: Path, *, named_by: str = "") -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        if named_by:
            raise ConfigError(
                named_by, "inventory", f"{file} cannot be read: {reason}", example=EXAMPLES["inventory"]
            ) from None
        raise ConfigError(
            str(file), "", f"cannot be read: {reason}", example="SIAGA_CITY=/srv/siaga/siaga.toml"
        ) from None
