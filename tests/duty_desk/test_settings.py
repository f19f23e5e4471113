"""A configuration that cannot be used is told before anything is opened."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from contract.errors import ConfigError
from duty_desk.settings import load_desk
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk


@pytest.fixture
def idle(tmp_path: Path) -> Desk:
    """Return a desk that is not started."""
    return Desk(tmp_path, Mosquitto(tmp_path, "a"), Mosquitto(tmp_path, "b"))


def test_a_good_one_is_read(idle: Desk) -> None:
    desk = load_desk(idle.config)
    assert desk.ledger == idle.ledger
    assert desk.settings.http.port == idle.port
    assert len(desk.inventory.buttons) == 3
    assert desk.streets is not None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('data_dir = "data"', "", "data_dir"),
        ("[http]", "[http", "not TOML"),
        ('host = "127.0.0.1"', "host = 7", "alarm_broker.host"),
        ("[http]", "[http]\nprot = 1", "http.prot: no such key"),
        ('"inventory.toml"', '"missing.toml"', "missing.toml"),
        ("bandung.geojson", "board.py", "not JSON"),
        ('inventory = "', 'language = "fr"\ninventory = "', "language"),
    ],
)
def test_a_bad_one_names_file_and_key(idle: Desk, old: str, new: str, told: str) -> None:
    idle.config.write_text(idle.config.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_desk(idle.config)
    assert told in str(caught.value)


@pytest.mark.slow
def test_the_command_exits_78_and_opens_nothing(idle: Desk) -> None:
    idle.config.write_text('data_dir = "data"\n')
    run = subprocess.run(idle.command("run"), capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 78
    assert "inventory" in run.stderr
    assert "example" in run.stderr
    assert not idle.ledger.exists()
