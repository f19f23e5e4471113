"""A bus's table in `[[sensors]]`: what is refused, and in which words."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.settings import Settings, check_table, load_toml
from edge_agent.drivers.base import DriverSettings
from edge_agent.drivers.modbus.driver import DRIVER
from edge_agent.drivers.modbus.settings import ModbusSettings, RegisterSettings, SlaveSettings
from edge_agent.drivers.registry import find_driver

FOLDER = Path(__file__).parents[3] / "edge_agent/drivers/modbus"

GOOD = """\
[[sensors]]
id = "bus"
driver = "modbus"
uri = "serial:///dev/ttyUSB0?baudrate=19200"
parity = "even"

[[sensors.slaves]]
id = "mains"
address = 1
kind = "electrical"
registers = [
    { field = "voltage_v", address = 0, type = "float32", unit = "V" },
]

[[sensors.slaves]]
id = "weather"
address = 2
kind = "weather"
poll_s = 60
[[sensors.slaves.registers]]
field = "rain_mm"
address = 3
scale = 0.2
[[sensors.slaves.registers]]
field = "active"
address = 7
table = "discrete"
type = "bit"
kind = "contact"
sensor = "door"
"""


class _Box(Settings):
    sensors: list[ModbusSettings]


def load(text: str) -> ModbusSettings:
    return load_toml(text, _Box, source="box.toml").sensors[0]


def test_a_good_bus() -> None:
    bus = load(GOOD)
    assert bus.frames == "rtu"
    assert bus.claims() == ("serial:/dev/ttyUSB0",)
    assert bus.parts() == ("mains", "weather", "door")
    assert load(GOOD.replace("serial:///dev/ttyUSB0?baudrate=19200", "tcp://10.0.0.5:502")).frames == "tcp"


def test_a_serial_server_is_a_socket_that_carries_rtu() -> None:
    text = GOOD.replace("serial:///dev/ttyUSB0?baudrate=19200", "tcp://10.0.0.5:4001")
    assert load(text.replace('parity = "even"', 'framing = "rtu"')).frames == "rtu"


@pytest.mark.parametrize(
    ("good", "bad", "key", "words"),
    [
        ('field = "voltage_v"', 'field = "volt"', "slaves.0.registers.0.field", "electrical has no field 'volt'"),
        ('unit = "V"', 'unit = "mV"', "slaves.0.registers.0.unit", "voltage_v is in 'V'"),
        ('kind = "electrical"', 'kind = "mood"', "slaves.0.kind", "there is no kind 'mood'"),
        ('kind = "electrical"\n', "", "slaves.0.registers.0.kind", "names no kind"),
        ('kind = "contact"', 'kind = "door"', "slaves.1.registers.1.kind", "there is no kind 'door'"),
        ('type = "bit"', 'type = "uint16"', "slaves.1.registers.1.type", "a discrete is one bit"),
        ('table = "discrete"', 'table = "input"', "slaves.1.registers.1.bit", "bit = 0 to 15"),
        ("address = 7", "address = 65536", "slaves.1.registers.1.address", "less than or equal to 65535"),
        ("address = 0, ", "address = 65535, ", "slaves.0.registers.0.address", "ends beyond the last register"),
        ("address = 2\n", "address = 1\n", "slaves.1.address", "1 is another slave's"),
        ("address = 2\n", "address = 0\n", "slaves.1.address", "1 to 247 on a serial line"),
        ("address = 2\n", "address = 248\n", "slaves.1.address", "1 to 247 on a serial line"),
        ('id = "weather"\n', "", "slaves.1.id", "each of several slaves needs an id"),
        ("serial:///dev/ttyUSB0?baudrate=19200", "replay://x", "uri", "no line to ask on"),
        ('parity = "even"', 'framing = "tcp"', "framing", "a serial line is rtu"),
        ('parity = "even"', "timeout_ms = 5", "timeout_ms", "greater than or equal to 10"),
        ('parity = "even"', "timeout = 500", "timeout", "timeout_ms"),
        ("scale = 0.2", "scale = nan", "slaves.1.registers.0.scale", "finite"),
        ('field = "active"', 'field = "rain_mm"', "slaves.1.registers.1.field", "contact has no field"),
    ],
)
def test_a_mistake_is_told(good: str, bad: str, key: str, words: str) -> None:
    assert good in GOOD
    text = GOOD.replace(good, bad, 1)
    with pytest.raises(ConfigError) as caught:
        load(text)
    error = caught.value
    assert (error.key, words in error.expected) == (f"sensors.0.{key}", True), str(error)
    # A key in an inline table, or one that is missing, is told by the line of what is around it.
    assert error.line is not None
    assert abs(error.line - (text[: GOOD.index(good)].count("\n") + 1)) <= 4, str(error)


def test_a_field_that_a_kind_needs_is_missed() -> None:
    text = GOOD.replace('kind = "electrical"', 'kind = "position"').replace("voltage_v", "latitude")
    with pytest.raises(ConfigError, match="a reading of kind position needs a register for longitude"):
        load(text.replace(', unit = "V"', ""))


def test_one_field_twice_is_refused_unless_it_is_another_sensors() -> None:
    second = '{ field = "voltage_v", address = 4 }'
    twice = GOOD.replace('unit = "V" },', f'unit = "V" }}, {second}')
    with pytest.raises(ConfigError, match=r"electrical\.voltage_v has two registers"):
        load(twice)
    assert "solar" in load(twice.replace("address = 4", 'address = 4, sensor = "solar"')).parts()


def test_the_only_slave_may_be_nameless() -> None:
    text = GOOD[: GOOD.index('[[sensors.slaves]]\nid = "weather"')].replace('id = "mains"\n', "")
    assert load(text).parts() == ()


def test_sample_example_and_readme_are_in_step_with_the_driver() -> None:
    for text in ((FOLDER / "sample.toml").read_text(), DRIVER.example):
        (table,) = tomllib.loads(text)["sensors"]
        check_table(table, DRIVER.settings)
    readme = (FOLDER / "README.md").read_text()
    for model in (ModbusSettings, SlaveSettings, RegisterSettings):
        own = set(model.model_fields) - (set(DriverSettings.model_fields) - {"uri"})
        assert [field for field in own if f"`{field}`" not in readme] == []
    assert find_driver("modbus") is DRIVER
