"""`siaga collector` and its configuration file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli import app
from collector.quarantine import FILE, Entry, Quarantine
from siaga.stack.trust import Trust

GOOD = (
    '[broker]\nhost = "127.0.0.1"\nport = 8894\nca = "trust.pem"\nusername = "centre.collector-1"\n'
    'password_file = "collector-1.password"\n[store]\nurl = "http://127.0.0.1:8086"\n'
)


def _run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


def _config(folder: Path, trust: Trust) -> Path:
    """Write a configuration that is right, with the files it names beside it."""
    trust.render_broker("telemetry", device_port=8884, centre_port=8894)
    authority = trust.authority
    for file in (authority.trust, authority.accounts / "collector-1.password"):
        shutil.copy(file, folder)
    config = folder / "collector.toml"
    config.write_text(f'data_dir = "{folder}"\n{GOOD}')
    return config


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "data_dir: is missing"),
        ('data_dir = "d"\n', "broker: is missing"),
        ('data_dir = "d"\nqueue = 9\n' + GOOD, "2: queue: no such key"),
        ('data_dir = "d"\n' + GOOD.replace("8894", "0"), "4: broker.port"),
        ('data_dir = "d"\n' + GOOD.replace("8894", '"8894"'), "4: broker.port"),
        ('data_dir = "d"\n' + GOOD.replace("http:", "mqtt:"), "9: store.url"),
        ('data_dir = "d"\n' + GOOD.replace("username", "user"), "6: broker.user: no such key"),
        ('data_dir = "d"\n' + GOOD.replace("password_file", "key"), "2: broker: needs certificate and key"),
        ('data_dir = "d"\n' + GOOD, "5: broker.ca: "),
        ('data_dir = "d"\nclient_id = "Collector 1"\n' + GOOD, "2: client_id"),
        ("data_dir = ", "not TOML"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_is_opened(tmp_path: Path, text: str, named: str) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(text)
    code, out, err = _run("run", "--config", str(config))
    assert (code, out) == (78, "")
    assert named in err
    assert str(config) in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize(
    ("lines", "mode", "named"),
    [
        ('username = "collector"\n', 0o600, "8: store: username and password_file belong together"),
        ('username = "a:b"\npassword_file = "store.password"\n', 0o600, "10: store.username: "),
        ('username = "collector"\npassword_file = "nowhere"\n', 0o600, "11: store.password_file: "),
        ('username = "collector"\npassword_file = "store.password"\n', 0o640, "mode 0640); chmod 600 "),
        ('username = "collector"\npassword_file = "store.password"\n', 0o600, "is empty; write the password into it"),
    ],
)
def test_a_wrong_account_of_the_store_is_named_before_anything_is_opened(
    tmp_path: Path, trust: Trust, lines: str, mode: int, named: str
) -> None:
    config = _config(tmp_path, trust)
    config.write_text(config.read_text() + lines)
    (tmp_path / "store.password").touch(mode)
    code, out, err = _run("run", "--config", str(config))
    assert (code, out) == (78, "")
    assert named in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / FILE).exists()


def test_a_password_in_the_address_of_the_store_is_refused(tmp_path: Path, trust: Trust) -> None:
    config = _config(tmp_path, trust)
    config.write_text(config.read_text().replace("http://", "http://collector:secret@"))
    code, _, err = _run("run", "--config", str(config))
    assert code == 78
    assert "9: store.url" in err
    assert "secret" not in err


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    code, _, err = _run("run", "--config", str(tmp_path / "nowhere.toml"))
    assert code == 78
    assert "nowhere.toml" in err
    assert "No such file" in err


def test_a_password_that_others_can_read_is_refused(tmp_path: Path, trust: Trust) -> None:
    config = _config(tmp_path, trust)
    (tmp_path / "collector-1.password").chmod(0o644)
    code, out, err = _run("run", "--config", str(config))
    assert (code, out) == (78, "")
    password = tmp_path / "collector-1.password"
    assert err == (
        f"{config}:7: broker.password_file: {password} can be read by others (mode 0644); chmod 600 {password}\n"
    )


def test_a_quarantine_that_is_no_database_ends_with_a_status(tmp_path: Path, trust: Trust) -> None:
    config = _config(tmp_path, trust)
    (tmp_path / FILE).write_bytes(b"nothing of that sort" * 100)
    code, _, err = _run("run", "--config", str(config))
    assert code == 74
    assert FILE in err


def test_the_quarantine_is_listed_for_people_and_for_programs(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n{GOOD}')
    assert _run("quarantine", "list", "--config", str(config)) == (0, "empty\n", "")
    quarantine = Quarantine(tmp_path / FILE)
    quarantine.add([Entry("not json", "at 1", "box-1", "t", b"\x1b[31mred\xff", 0, 1_700_000_000 * 10**9)])
    quarantine.close()
    code, out, _ = _run("quarantine", "list", "--config", str(config))
    assert code == 0
    assert "2023-11-14T22:13:20Z" in out
    assert "not json: at 1" in out
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "1 not json"
    code, out, _ = _run("quarantine", "list", "--config", str(config), "--json")
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert (row["device"], row["body"]) == ("box-1", "\x1b[31mred\\xff")
