"""The inventory: what a person can write wrong in it is told with file, line, key and an example."""

from __future__ import annotations

import pytest

from contract.errors import ConfigError
from contract.inventory import Inventory, parse_inventory
from contract.messages import decode, encode

_GOOD = """\
version = 3

[[sites]]
id = "alun-alun"
address = "Jl. Asia Afrika"
latitude = -6.9217
longitude = 107.6071

[[devices]]
name = "box-1"
label = "Kotak 1"
site = "alun-alun"

[[devices]]
name = "car-1"
label = "Mobil 1"

[[buttons]]
device = "box-1"
id = "sos"
address = "Jl. Braga 10"
latitude = -6.917
longitude = 107.609
photo = "braga-10.jpg"

[[cameras]]
id = "cam-1"
site = "alun-alun"
label = "Sudut timur"
link = "rtsps://cctv.example/1"

[[sensors]]
device = "box-1"
id = "river"
kind = "water_level"
label = "Cikapundung"
thresholds = [{ field = "level_m", value = 1.5, level = "watch" }, { field = "level_m", value = 2.5, level = "bad" }]
"""


def test_a_good_inventory_is_read_and_travels() -> None:
    inventory = parse_inventory(_GOOD, source="inventory.toml")
    button = inventory.button("box-1", "sos")
    assert button is not None
    assert button.address == "Jl. Braga 10"
    assert inventory.button("box-1", "other") is None
    assert inventory.button("car-1", "sos") is None
    assert decode(Inventory, encode(inventory)) == inventory


def test_an_empty_file_is_an_empty_inventory() -> None:
    assert parse_inventory("", source="inventory.toml") == Inventory()


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "expected"),
    [
        ("version = 3", "version = '3'", 1, "version", "valid integer"),
        ("latitude = -6.9217", "latitude = 91", 6, "sites.0.latitude", "less than or equal to 90"),
        ("latitude = -6.9217", "latitude = '-6.9'", 6, "sites.0.latitude", "valid number"),
        ("latitude = -6.9217", "latitude = nan", 6, "sites.0.latitude", "finite number"),
        ("longitude = 107.609", "longitude = inf", 23, "buttons.0.longitude", "finite number"),
        ('label = "Mobil 1"\n', "", 14, "devices.1.label", "is missing"),
        ('label = "Mobil 1"', 'lable = "Mobil 1"', 16, "devices.1.lable", "no such key"),
        ('label = "Mobil 1"', 'label = "Mobil 1"\ncolour = "red"', 17, "devices.1.colour", "no such key"),
        ('name = "car-1"', 'name = "Car 1"', 15, "devices.1.name", "match pattern"),
        ('name = "car-1"', 'name = "box-1"', 15, "devices.1.name", "'box-1' appears twice"),
        (
            'device = "box-1"\nid = "sos"',
            'device = "box-9"\nid = "sos"',
            19,
            "buttons.0.device",
            "'box-9' is not in [[devices]]",
        ),
        ('site = "alun-alun"\nlabel', 'site = "braga"\nlabel', 28, "cameras.0.site", "'braga' is not in [[sites]]"),
        ('photo = "braga-10.jpg"', 'photo = "../x.jpg"', 24, "buttons.0.photo", "match pattern"),
        ('label = "Mobil 1"', 'label = "Mobil 1"\nvehicle = "tank"', 17, "devices.1.vehicle", "'patrol'"),
        ('"water_level"', '"water"', 35, "sensors.0.kind", "there are position"),
        ('id = "river"', 'id = "river"\nlatitude = 1', 32, "sensors.0", "stand together"),
        ("value = 2.5", "value = nan", 37, "sensors.0.thresholds.1.value", "finite number"),
        (
            '{ field = "level_m", value = 1.5',
            '{ field = "level", value = 1.5',
            37,
            "sensors.0.thresholds.0.field",
            "no field",
        ),
        ('link = "rtsps:', 'link = "javascript:', 30, "cameras.0.link", "match pattern"),
        ('link = "rtsps://', "link = \"https://'", 30, "cameras.0.link", "match pattern"),
    ],
)
def test_a_mistake_is_told(old: str, new: str, line: int, key: str, expected: str) -> None:
    assert _GOOD.count(old) == 1
    with pytest.raises(ConfigError) as caught:
        parse_inventory(_GOOD.replace(old, new), source="inventory.toml")
    error = caught.value
    assert (error.file, error.line, error.key) == ("inventory.toml", line, key)
    assert expected in error.expected
    assert error.example
