"""`siaga edge show-config`: what is in force, from where, since when, on trial or confirmed; and no secret in it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import EX_CONFIG
from edge_agent.config_show import hide_secrets, run_show_config
from edge_agent.config_state import NOT_REACHED, ConfigState, Pushed, begun, confirmed, reverted, taken
from edge_agent.config_store import NAME, ConfigStore
from edge_agent.pushed_config import take_up
from siaga.stack.trust import Trust
from tests.edge_agent.test_config import box, written

__all__ = ["box"]  # a fixture of theirs

SECOND_NS = 1_000_000_000


@pytest.fixture
def path(box: Path, trust: Trust) -> Path:
    """Return the file of a box that could start."""
    (box.parent / "data").mkdir()
    box.write_text(box.read_text().replace("/never-made", "/data"))
    return box


def shown(path: Path) -> tuple[dict[str, Any], str]:
    words, told = io.StringIO(), io.StringIO()
    assert run_show_config(path, as_json=False, out=words) == 0
    assert run_show_config(path, as_json=True, out=told) == 0
    return json.loads(told.getvalue()), words.getvalue()


def put(path: Path, change: Callable[[ConfigState], ConfigState]) -> None:
    found = take_up(path)
    found.store.write(change(found.state))


def pushed(path: Path, version: int) -> Pushed:
    toml = f"# pushed {version}\n{path.read_text()}"
    return Pushed(version=version, toml=toml, confirm_s=60, since_ns=1_795_316_400 * SECOND_NS)


def test_without_a_push_it_is_the_file(path: Path) -> None:
    told, words = shown(path)
    assert (told["standing"], told["version"], told["last"]) == ("file", None, None)
    assert words.startswith(f"box-1: berkas / the file {path}, sejak / since 20")
    assert told["toml"] in words
    assert 'id = "sos"' in words


def test_a_trial_a_confirmed_one_and_one_taken_back_are_told(path: Path) -> None:
    put(path, lambda state: begun(taken(state, pushed(path, 7), "0" * 64)))
    told, words = shown(path)
    assert (told["standing"], told["version"], told["confirm_s"]) == ("trial", 7, 60)
    assert "ON TRIAL sejak / since 2026-11-22T03:00:00Z" in words
    ConfigStore(path.parent / "data").write(
        confirmed(
            begun(taken(ConfigState(file_sha256=sha(path)), pushed(path, 7), "0" * 64)), 1_795_316_401 * SECOND_NS
        )
    )
    told, words = shown(path)
    assert (told["standing"], told["since_ns"]) == ("confirmed", 1_795_316_401 * SECOND_NS)
    assert "# pushed 7" in words
    put(path, lambda state: reverted(begun(taken(state, pushed(path, 8), "0" * 64)), NOT_REACHED, "alarm: dead", 1))
    told, words = shown(path)
    assert (told["standing"], told["version"], told["last"]["outcome"]) == ("confirmed", 7, "reverted")
    assert "last push: version 8, dikembalikan / taken back: centre not reached: alarm: dead" in words
    path.write_text(path.read_text() + "# by hand\n")
    told, words = shown(path)
    assert (told["standing"], told["changed_by_hand"]) == ("file", True)
    assert "# by hand" in words


def sha(path: Path) -> str:
    return take_up(path).state.file_sha256


def test_a_damaged_memory_of_pushes_and_a_bad_file_are_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path.parent / "data" / NAME).write_text("{")
    told, words = shown(path)
    assert told["standing"] == "file"
    assert "not json" in told["problem"]
    assert "cannot be read" in words
    assert (
        run_show_config(written(path.parent, "port = 8884", "port = 0"), as_json=True, out=io.StringIO()) == EX_CONFIG
    )
    assert "telemetry_broker.port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('password = "p w\\"x" # why', 'password = "***" # why'),
        ("mqtt_token='abc'", 'mqtt_token="***"'),
        ("'api-key' = '''a\nb'''\nnext = 1", "'api-key' = \"***\"\nnext = 1"),
        ('t = { secret = "s", port = 1 }', 't = { secret = "***", port = 1 }'),
        ("pin_secret = 1234", 'pin_secret = "***"'),
        ('uri = "tcp://tech:pw@10.0.0.7:4001"', 'uri = "tcp://***@10.0.0.7:4001"'),
        ('password_file = "/etc/siaga/desk.password"', 'password_file = "/etc/siaga/desk.password"'),
        ('key = "box-1.key"', 'key = "box-1.key"'),
        ('uri = "gpio://gpiochip0/17?active=low"', 'uri = "gpio://gpiochip0/17?active=low"'),
    ],
)
def test_no_secret_is_shown(text: str, hidden: str) -> None:
    assert hide_secrets(text) == hidden
