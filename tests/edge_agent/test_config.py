"""`box.toml`: each mistake is told by file, line, key, what was expected and an example, and exits 78."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import EX_CONFIG, ConfigError
from edge_agent.config import load_box, load_box_settings
from edge_agent.drivers.registry import find_driver
from siaga.stack.trust import Trust
from tests.edge_agent.drivers.package import package

GOOD = """\
device = "box-1"
data_dir = "{folder}/never-made"

[alarm_broker]
host = "127.0.0.1"
port = 8883
ca = "trust.pem"
certificate = "box-1.pem"
key = "box-1.key"

[telemetry_broker]
host = "127.0.0.1"
port = 8884
ca = "trust.pem"
certificate = "box-1.pem"
key = "box-1.key"

[[buttons]]
id = "sos"
uri = "gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=20"
lamp = "gpio://gpiochip0/27"

[[sensors]]
id = "gps"
driver = "nmea"
uri = "serial:///dev/ttyUSB0?baudrate=9600"
"""


def written(tmp_path: Path, old: str = "", new: str = "") -> Path:
    path = tmp_path / "box.toml"
    text = GOOD.format(folder=tmp_path)
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


def test_the_example_is_good(tmp_path: Path) -> None:
    settings = load_box_settings(written(tmp_path))
    assert (settings.device, settings.buttons[0].id, settings.sensors[0].driver) == ("box-1", "sos", "nmea")
    assert not settings.data_dir.exists(), "checking opens and makes nothing"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('device = "box-1"', 'device = "Box 1"', [":1:", "device", 'example: device = "box-1"']),
        ("port = 8884", 'port = "x"', [":13:", "telemetry_broker.port", "example"]),
        ("port = 8884", "port = 0", ["telemetry_broker.port", "greater than or equal to 1"]),
        ("port = 8884", "prot = 8884", ["telemetry_broker", "port"]),
        ('driver = "nmea"', 'driver = "nema"', [":25:", "sensors.0.driver", "did you mean 'nmea'?", 'driver = "nmea"']),
        ('driver = "nmea"', "driver = 7", [":25:", "sensors.0.driver", "valid string"]),
        ('driver = "nmea"\n', "", [":23:", "sensors.0.driver", "is missing"]),
        ('driver = "nmea"\n', 'driver = "nmea"\nbaud = 1\n', [":26:", "sensors.0.baud", "no such key"]),
        (
            'driver = "nmea"\n',
            'driver = "nmea"\nmax_speed_mps = 0\n',
            [":26:", "than 0", "example: max_speed"],
        ),
        ('driver = "nmea"\n', 'driver = "nmea"\nmax_speed = 9\n', ["did you mean", "example: max_speed_mps = 70.0"]),
        ('uri = "serial:///', 'uri = "cereal:///', ["sensors.0.uri", "serial:///dev/"]),
        ('uri = "gpio://gpiochip0/17', 'uri = "gpio://', ["buttons.0.uri", "gpio://gpiochip0/17"]),
        ('id = "gps"', 'id = "box"', ["sensors.0.id", "'box' is used twice: it is the box's own health"]),
        ("[[sensors]]", "[[sensor]]", ["sensor", "no such key; did you mean 'sensors'?"]),
        ("[alarm_broker]", "[alarm_broker", [":4:", "not TOML"]),
        ('ca = "', '# "', ["alarm_broker.ca", "is missing", 'example: ca = "trust.pem"']),
        ('certificate = "', '# "', [":4:", "alarm_broker", "needs certificate and key", "example: [alarm_broker]"]),
        ('key = "', 'username = "centre.desk" # "', ["alarm_broker", "needs certificate and key"]),
        ("data_dir", "data_dri", [":2:", "data_dri", "no such key; did you mean 'data_dir'?"]),
    ],
)
def test_a_mistake_names_file_line_key_expected_and_example(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    path = written(tmp_path, old, new)
    with pytest.raises(ConfigError) as raised:
        load_box_settings(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in words:
        assert word in message


SECOND_BUTTON = '[[buttons]]\nid = "gate"\nuri = "gpio://gpiochip0/22"\n'
SIREN = '[siren]\nuri = "gpio://gpiochip0/22"\nmost_s = 60\n[beacon]\nuri = "gpio://gpiochip0/23"\n'
SECOND_SENSOR = '[[sensors]]\nid = "gps-2"\ndriver = "nmea"\nuri = "serial:///dev/ttyUSB1"\n'


@pytest.mark.parametrize(
    ("added", "old", "new", "key", "told"),
    [
        (SECOND_BUTTON, "gate", "sos", "buttons.1.id", "button 'sos' is used twice: it is the id of button 1"),
        (SECOND_BUTTON, "0/22", "0/17", "buttons.1.uri", "'gpio:gpiochip0/17' is used twice: it is the uri of button"),
        (
            SECOND_BUTTON,
            "0/22",
            "0/27?active=low",
            "buttons.1.uri",
            "'gpio:gpiochip0/27' is used twice: it is the",
        ),
        (SECOND_SENSOR, "gps-2", "gps", "sensors.1.id", "sensor 'gps' is used twice: it is the id of sensor 1"),
        (SECOND_SENSOR, "USB1", "USB0?baudrate=4800", "sensors.1.uri", "'serial:/dev/ttyUSB0' is used twice"),
        (SIREN, "0/22", "0/17", "siren.uri", "'gpio:gpiochip0/17' is used twice: it is the uri of button 'sos'"),
        (SIREN, "0/23", "0/22", "beacon.uri", "'gpio:gpiochip0/22' is used twice: it is the siren's"),
        (SIREN, "most_s = 60", "most_s = 601", "siren.most_s", "less than or equal to 600"),
        (SIREN, "gpio://gpiochip0/23", "sirene", "beacon.uri", "neither gpio:// nor sim://"),
    ],
)
def test_a_pin_a_port_or_a_name_used_twice_is_a_mistake(
    tmp_path: Path, added: str, old: str, new: str, key: str, told: str
) -> None:
    path = written(tmp_path, "[alarm_broker]", 'command_keys = "commands.pub"\n\n[alarm_broker]')
    good = path.read_text()
    path.write_text(good + added)
    load_box_settings(path)
    path.write_text(good + added.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        load_box_settings(path)
    assert raised.value.key == key
    assert told in raised.value.expected
    assert raised.value.line is not None
    assert raised.value.line > len(good.splitlines())


def test_a_siren_that_nobody_could_command_is_a_mistake(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + SIREN)
    with pytest.raises(ConfigError, match="expected command_keys beside it") as raised:
        load_box_settings(path)
    assert raised.value.key == "siren.uri"


def test_two_names_of_one_port_are_one_port(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    path = written(tmp_path, "/dev/ttyUSB0", f"{tmp_path}/by-id")
    good = path.read_text()
    path.write_text(good + SECOND_SENSOR.replace("/dev/ttyUSB1", f"{tmp_path}/ttyUSB0"))
    with pytest.raises(ConfigError, match="it is that of sensor 'gps' already"):
        load_box_settings(path)
    path.write_text(good + SECOND_SENSOR.replace("/dev/ttyUSB1", f"{tmp_path}/ttyUSB0?exclusive=false"))
    load_box_settings(path)


BUS = """
from edge_agent.drivers.base import DriverSettings, DriverType

class Bus(DriverSettings):
    def parts(self):
        return ("pump", "gps")

DRIVER = DriverType(name="gauge", settings=Bus, open=lambda settings: None, example="")
"""


def test_a_part_of_a_bus_that_has_another_sensors_name_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gauge_driver", raising=False)
    find_driver.cache_clear()
    package(tmp_path, BUS)
    path = written(tmp_path)
    path.write_text(path.read_text() + '[[sensors]]\nid = "river"\ndriver = "gauge"\nuri = "x"\n')
    with pytest.raises(ConfigError, match="sensor 'gps' is used twice: it is the id of sensor 1 already"):
        load_box_settings(path)


def test_what_is_shown_of_a_box_has_each_drivers_own_keys(tmp_path: Path) -> None:
    settings = load_box_settings(written(tmp_path))
    (shown,) = settings.model_dump(mode="json")["sensors"]
    assert shown == settings.sensors[0].model_dump(mode="json")


@pytest.fixture
def box(tmp_path: Path, trust: Trust) -> Path:
    """Return the example's file, beside an authority that issued its certificate."""
    trust.issue_devices(["box-1"])
    path = written(tmp_path)
    text = path.read_text().replace('"trust.pem"', '"authority/trust.pem"')
    path.write_text(text.replace('"box-1.', '"authority/devices/box-1/box-1.'))
    return path


def test_a_box_dials_each_lane_with_its_certificate(box: Path) -> None:
    loaded = load_box(box)
    assert {lane: endpoint.port for lane, endpoint in loaded.brokers.items()} == {"alarm": 8883, "telemetry": 8884}
    for endpoint in loaded.brokers.values():
        assert endpoint.credentials is not None
        assert endpoint.credentials.context is not None
        assert endpoint.credentials.username is None, "its certificate names it"
        assert len(endpoint.credentials.context.get_ca_certs()) == 1


def copied(source: str) -> Callable[[Trust, Path], object]:
    """Return a change that replaces a file by another of the authority's."""
    return lambda trust, path: path.write_bytes((trust.folder / source).read_bytes())


def cut(trust: Trust, path: Path) -> None:
    """Cut the end of a file off."""
    path.write_bytes(path.read_bytes()[:-100])


CERTIFICATE, KEY = "devices/box-1/box-1.pem", "devices/box-1/box-1.key"


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (KEY, lambda trust, path: path.chmod(0o644), ["key", "mode 0644", "chmod 600"]),
        (KEY, lambda trust, path: path.unlink(), ["key", "cannot be read"]),
        (KEY, copied("issuing.key"), ["key", "does not belong to"]),
        (KEY, copied(CERTIFICATE), ["key", "swapped"]),
        (KEY, cut, ["key", "is cut off"]),
        (CERTIFICATE, lambda trust, path: path.unlink(), ["certificate", "cannot be read"]),
        (CERTIFICATE, copied(KEY), ["certificate", "swapped"]),
        (CERTIFICATE, cut, ["certificate", "is cut off"]),
        ("trust.pem", lambda trust, path: path.unlink(), ["ca", "cannot be read"]),
        ("trust.pem", cut, ["ca", "is cut off"]),
    ],
)
def test_a_certificate_or_key_that_cannot_be_used_is_told_before_anything_is_opened(
    box: Path, trust: Trust, file: str, change: Callable[[Trust, Path], object], words: list[str]
) -> None:
    change(trust, trust.folder / file)
    with pytest.raises(ConfigError) as raised:
        load_box(box)
    message = str(raised.value)
    assert re.match(rf"{re.escape(str(box))}:\d+: alarm_broker\.{words[0]}: ", message)
    assert "\n" not in message
    for word in words[1:]:
        assert word in message


@pytest.mark.slow
def test_the_command_exits_78_and_opens_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "port = 8884", "port = 99999")
    done = subprocess.run(
        [sys.executable, "-m", "siaga.main", "edge", "run", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == EX_CONFIG
    assert "telemetry_broker.port" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [path]
