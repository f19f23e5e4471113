"""`siaga desk contact …` and `siaga desk channel …`."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duty_desk.channels.sms.spool import Came, Spool
from duty_desk.cli import app
from tests.duty_desk.conftest import Desk


@pytest.fixture
def config(idle: Desk) -> Path:
    """Return a desk.toml with SMS, Telegram and a webhook that nobody serves."""
    with idle.config.open("a") as file:
        file.write(
            '[channels.sms]\nmodem = "/dev/modem"\n'
            '[[channels.apprise]]\nname = "telegram"\nfile = "telegram.url"\npersonal = true\n'
            '[[channels.apprise]]\nname = "hook"\nfile = "hook.url"\n'
        )
    return idle.config


def run(config: Path, *argv: str) -> Result:
    """Return what a command said."""
    return CliRunner().invoke(app, [*argv, "--config", str(config)])


def test_a_number_is_kept_as_e164_listed_and_removed(config: Path) -> None:
    told = run(config, "contact", "set", "petugas-1", "sms", "0811-5550-110", "--json")
    assert json.loads(told.stdout)["address"] == "+628115550110"
    assert run(config, "contact", "set", "petugas-1", "telegram", "10012").exit_code == 0
    listed = json.loads(run(config, "contact", "list", "--json").stdout)["contacts"]
    assert [(each["channel"], each["address"]) for each in listed] == [("sms", "+628115550110"), ("telegram", "10012")]
    assert (config.parent / "data" / "contacts.db").stat().st_mode & 0o777 == 0o600
    assert run(config, "contact", "remove", "petugas-1", "sms").exit_code == 0
    assert run(config, "contact", "remove", "petugas-1", "sms").exit_code == 1


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("petugas-1", "sms", "110"), "country's code"),
        (("petugas-9", "sms", "+628115550110"), "siaga desk user list"),
        (("petugas-1", "pager", "1"), "sms, telegram"),
        (("petugas-1", "push", "1"), "sms, telegram"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(config: Path, argv: tuple[str, ...], told: str) -> None:
    result = run(config, "contact", "set", *argv)
    assert result.exit_code == 1
    assert told in result.stderr


def test_what_came_is_shown_and_steers_no_terminal(config: Path) -> None:
    spool = Spool(config.parent / "data" / "sms.db")
    spool.settle(Came(1, "+62811", "\x1b[2Jhalo"), 10**18, "kept")
    assert "kept]   [2Jhalo" in run(config, "channel", "inbox").stdout
    assert "\x1b" not in run(config, "channel", "inbox", "--json").stdout
    spool.close()


def test_gammus_configuration_is_printed_and_its_file_made(config: Path) -> None:
    told = run(config, "channel", "smsd-config").stdout
    assert "device = /dev/modem" in told
    assert f"dbdir = {(config.parent / 'data').resolve()}" in told
    assert (config.parent / "data" / "sms.db").stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(config.parent / "data" / "sms.db").execute("SELECT Version FROM gammu").fetchone() == (17,)


def test_a_test_needs_a_running_desk(config: Path) -> None:
    result = run(config, "channel", "test", "sms", "--to", "petugas-1")
    assert result.exit_code == 3
    assert "siaga desk run" in result.stderr


@pytest.mark.slow
def test_a_test_by_hand_goes_through_the_running_desk_and_tells_why_it_failed(config: Path, idle: Desk) -> None:
    url = config.parent / "data" / "hook.url"
    url.touch(mode=0o600)
    url.write_text("json://127.0.0.1:9/")
    idle.process.start()
    idle.process.wait_ready()
    told = run(config, "channel", "test", "hook", "--json")
    assert (told.exit_code, json.loads(told.stdout)["detail"]) == (1, "its service cannot be reached")
    assert "no sign" not in run(config, "channel", "test", "telegram", "--to", "petugas-1").stderr
    assert "say whom by --to" in run(config, "channel", "test", "sms").stderr
    run(config, "contact", "set", "petugas-1", "sms", "+628115550110")
    words, until_s = "no address", time.monotonic() + 10
    while "no address" in words and time.monotonic() < until_s:
        words = run(config, "channel", "test", "sms", "--to", "petugas-1").stderr
    assert "no sign of life of gammu-smsd" in words
    idle.process.stop()
