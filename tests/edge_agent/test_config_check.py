"""`siaga edge check-config`: all mistakes at once, and neither a device nor the network is touched."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.errors import EX_CONFIG
from edge_agent.cli import app
from edge_agent.config_check import find_faults, run_check_config
from edge_agent.drivers.base import DriverSettings
from siaga.stack.trust import Trust
from tests.edge_agent.test_config import SECOND_BUTTON, SECOND_SENSOR, box, written

__all__ = ["box"]  # a fixture of theirs

COUNTER = (
    '[[sensors]]\nid = "rain"\ndriver = "counter"\nuri = "gpio://gpiochip0/17"\nmeasures = "rain"\nmm_per_pulse = 1\n'
)
LAMP_TWICE = SECOND_BUTTON + 'lamp = "gpio://gpiochip0/27"\n'


def asked(config: Path) -> tuple[int, str]:
    out = io.StringIO()
    return run_check_config(config, as_json=False, out=out), out.getvalue()


def test_a_good_file_is_good(box: Path) -> None:
    assert asked(box) == (0, f"{box}: baik / good\n")


def test_all_mistakes_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = written(tmp_path)
    bad = path.read_text().replace('"box-1"', '"Box 1"').replace("port = 8884", 'prot = "x"')
    bad = bad.replace("data_dir =", "dtaa_dir =").replace('driver = "nmea"\n', 'driver = "nmea"\nmax_speed_mps = 0\n')
    path.write_text(bad.replace("/27", "/27?bias=up").replace("trust.pem", "t.pem"))
    told = [(fault.line, fault.key) for fault in find_faults(path)]
    assert told == [
        (1, "device"),
        (2, "dtaa_dir"),
        (13, "telemetry_broker.prot"),
        (21, "buttons.0.lamp"),
        (26, "sensors.0.max_speed_mps"),
    ]
    status, words = asked(path)
    assert status == EX_CONFIG
    assert f"{path}: 5 kesalahan / faults" in words
    assert words.count("example: ") == 5


def test_all_that_is_used_twice_is_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    second = SECOND_SENSOR.replace("USB1", "USB0").replace("gps-2", "gps")
    path.write_text(path.read_text() + LAMP_TWICE + second + COUNTER)
    assert [fault.key for fault in find_faults(path)] == [
        "buttons.1.lamp",
        "sensors.1.id",
        "sensors.1.uri",
        "sensors.2.uri",
    ]


@pytest.mark.parametrize(
    ("sensor", "field", "gives"),
    [
        ("gps", "water_level.level_m", "position"),
        ("box", "position.speed_mps", "box_health"),
        ("rain", "weather.temperature_c", "weather.rain_mm, weather.rain_rate_mmph"),
        ("rain", "weather.rain_rate_mmph", None),
        ("gps", "position.speed_mps", None),
        ("box", "box_health.cpu_temperature_c", None),
    ],
)
def test_a_threshold_that_could_never_raise_is_told(box: Path, sensor: str, field: str, gives: str | None) -> None:
    rule = f'[[thresholds]]\nid = "high"\nsensor = "{sensor}"\nfield = "{field}"\nabove = 3.0\n'
    box.write_text(box.read_text() + COUNTER.replace("17", "22") + rule)
    faults = [(fault.key, fault.expected) for fault in find_faults(box)]
    never = ("thresholds.0.field", f"{sensor} never gives {field}; it gives: {gives}")
    assert faults == ([] if gives is None else [never])


def test_a_threshold_on_a_citys_own_driver_is_not_judged_by_what_is_not_known(box: Path) -> None:
    assert DriverSettings(id="own", driver="own", uri="own://1").gives() is None


def test_each_lanes_key_files_are_told(box: Path, trust: Trust) -> None:
    (trust.folder / "devices/box-1/box-1.key").chmod(0o644)
    faults = find_faults(box)
    assert [fault.key for fault in faults] == ["alarm_broker.key", "telemetry_broker.key"]
    assert all("chmod 600" in fault.expected and fault.line and fault.example for fault in faults)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0o644, "cannot be read"),
        ("not a key", 0o644, "no usable public key"),
        ("the authority's", 0o646, "can be changed by others (mode 0646)"),
        ("the authority's", 0o644, None),
    ],
)
def test_who_may_push_is_checked(box: Path, trust: Trust, text: str | None, mode: int, words: str | None) -> None:
    keys = box.parent / "signing.pub"
    if text is not None:
        keys.write_bytes(trust.authority.signing_public.read_bytes() if "authority" in text else text.encode())
        keys.chmod(mode)
    box.write_text('config_keys = "signing.pub"\n' + box.read_text())
    faults = find_faults(box)
    assert [(fault.key, fault.line) for fault in faults] == ([("config_keys", 1)] if words else [])
    assert all(words and words in fault.expected for fault in faults)


def test_as_json_each_fault_has_file_line_key_expected_and_example(tmp_path: Path) -> None:
    path, out = written(tmp_path, "port = 8884", "port = 0"), io.StringIO()
    assert run_check_config(path, as_json=True, out=out) == EX_CONFIG
    (fault,) = json.loads(out.getvalue())["faults"]
    assert (fault["file"], fault["line"], fault["key"]) == (str(path), 13, "telemetry_broker.port")
    assert set(fault) == {"file", "line", "key", "expected", "example"}
    assert run_check_config(tmp_path / "none.toml", as_json=True, out=out) == EX_CONFIG
    (missing,) = json.loads(out.getvalue().splitlines()[1])["faults"]
    assert (missing["line"], missing["key"]) == (None, "")
    assert missing["expected"] == "cannot be read: No such file or directory"
    assert missing["example"]


@pytest.mark.slow
def test_no_device_is_opened_and_no_network_touched(box: Path, tmp_path: Path) -> None:
    sample = (Path(__file__).parents[2] / "edge_agent/drivers/modbus/sample.toml").read_text()
    bus = re.sub(r"serial:///dev/[^?]+", "serial:///dev/null", sample)
    box.write_text(box.read_text().replace("/dev/ttyUSB0", "/dev/full") + bus)
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-o", str(trace), "-e", "trace=network,openat", sys.executable, "-m", "siaga.main"]
    done = subprocess.run(
        [*command, "edge", "check-config", "--config", str(box)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = trace.read_text()
    assert str(box) in told, "it was traced"
    assert done.returncode == 0, done.stdout
    assert not re.findall(r'"/dev/(?:null|full|gpio)[^"]*"|/sys/bus|\bsocket\(|connect\(', told)


@pytest.mark.parametrize("command", ["check-config", "show-config"])
def test_the_file_is_taken_with_its_option_or_without_and_asked_for_in_words(box: Path, command: str) -> None:
    asked = CliRunner()
    with_option = asked.invoke(app, [command, "--config", str(box), "--json"])
    assert with_option.exit_code == 0, with_option.output
    assert asked.invoke(app, [command, str(box), "--json"]).output == with_option.output
    for wrong in ([], [str(box), "--config", str(box)]):
        refused = asked.invoke(app, [command, *wrong])
        assert refused.exit_code == 2
        assert "--config /etc/siaga/box.toml" in refused.output


def test_a_reading_of_nothing_says_how_to_find_a_line() -> None:
    refused = CliRunner().invoke(app, ["read"], env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert "siaga edge probe" in refused.output
