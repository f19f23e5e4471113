"""A configuration that cannot be used is told before anything is opened."""

from __future__ import annotations

import subprocess

import pytest

from contract.errors import ConfigError
from duty_desk.settings import load_desk
from tests.duty_desk.conftest import Desk


def test_a_good_one_is_read(idle: Desk) -> None:
    desk = load_desk(idle.config)
    assert desk.ledger == idle.ledger
    assert desk.settings.http.port == idle.port
    assert len(desk.inventory.buttons) == 3
    assert desk.streets is not None
    for lane in ("alarm", "telemetry"):
        credentials = desk.brokers[lane].credentials
        assert credentials is not None
        assert credentials.username == "centre.desk"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('data_dir = "data"', "", "data_dir"),
        ("[http]", "[http", "not TOML"),
        ('host = "127.0.0.1"', "host = 7", "alarm_broker.host"),
        ("[http]", "[http]\nprot = 1", "http.prot: no such key"),
        ('"inventory.toml"', '"missing.toml"', "missing.toml"),
        ("bandung.geojson", "board.py", "not JSON"),
        ('\nusername = "centre.desk"', "", "alarm_broker: needs certificate and key"),
        ("trust.pem", "inventory.toml", "alarm_broker.ca"),
        ("desk.password", "desk.passwort", "alarm_broker.password_file"),
        ('inventory = "', 'language = "fr"\ninventory = "', "language"),
        ('inventory = "', 'ledger = "mysql://db/siaga"\ninventory = "', "ledger: expected postgresql://"),
        (
            'inventory = "',
            'ledger = "postgresql://u:p@localhost/s"\ninventory = "',
            "ledger: a password does not",
        ),
        ('inventory = "', 'ledger = "postgresql://u@db.example/s"\ninventory = "', "ledger: db.example is another"),
        ('inventory = "', 'ledger_password_file = "x"\ninventory = "', "ledger_password_file: it is for `ledger`"),
        (
            'inventory = "',
            'ledger = "postgresql://u@localhost/s"\nledger_password_file = "no.password"\ninventory = "',
            "no.password is not there",
        ),
    ],
)
def test_a_bad_one_names_file_and_key(idle: Desk, old: str, new: str, told: str) -> None:
    idle.config.write_text(idle.config.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_desk(idle.config)
    assert told in str(caught.value)


def test_a_password_that_others_can_read_is_refused(idle: Desk) -> None:
    password_file = idle.alarm.trust.authority.accounts / "desk.password"
    password_file.chmod(0o640)
    with pytest.raises(ConfigError, match=r"alarm_broker.password_file: .*mode 0640.*chmod 600"):
        load_desk(idle.config)


@pytest.mark.slow
def test_the_command_exits_78_and_opens_nothing(idle: Desk) -> None:
    idle.config.write_text('data_dir = "data"\n')
    run = subprocess.run(idle.command("run"), capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 78
    assert "inventory" in run.stderr
    assert "example" in run.stderr
    assert not idle.ledger.exists()
