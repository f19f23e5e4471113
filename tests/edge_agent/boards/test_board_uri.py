"""The URIs of a board's parts, and what a box refuses of them before it opens anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from edge_agent.config import load_box_settings
from edge_agent.drivers.board import INPUTS, BoardPart, parse_board_uri
from tests.edge_agent.test_config import GOOD

PORT = "/dev/serial/by-id/usb-Arduino-if00"


def test_what_a_uri_names() -> None:
    assert parse_board_uri(f"board://{PORT}?button=1", INPUTS) == BoardPart(PORT, "button", 1)
    assert parse_board_uri(f"board://{PORT}?line=0&use=tamper", INPUTS) == BoardPart(PORT, "line", 0, tamper=True)
    assert parse_board_uri(f"board://{PORT}?lamp=1", ("lamp",)) == BoardPart(PORT, "lamp", 1)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("board://dev/tty?button=0", "is not board:///PORT?button|line=NUMBER"),
        (f"board://{PORT}", "is not board:///PORT"),
        (f"board://{PORT}?button=0&line=0", "is not board:///PORT"),
        (f"board://{PORT}?lamp=0", "is not board:///PORT"),
        (f"board://{PORT}?button=-1", "a whole number from 0 to 31"),
        (f"board://{PORT}?button=99", "a whole number from 0 to 31"),
        (f"board://{PORT}?button=0&use=tamper", "unknown setting 'use'"),
        (f"board://{PORT}?line=0&use=door", "use is button or tamper"),
        (f"board://{PORT}?line=0&baudrate=9600", "unknown setting 'baudrate'"),
    ],
)
def test_what_is_refused(uri: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?").replace("|", r"\|")):
        parse_board_uri(uri, INPUTS)


def box(tmp_path: Path, tables: str) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(GOOD.format(folder=tmp_path) + tables)
    return path


def button(name: str, what: str, more: str = "") -> str:
    return f'\n[[buttons]]\nid = "{name}"\nuri = "board://{PORT}?{what}"\n{more}\n'


def test_parts_of_one_board_share_its_port(tmp_path: Path) -> None:
    tables = button("gate", "button=0", f'lamp = "board://{PORT}?lamp=0"') + button("lid", "line=0&use=tamper")
    assert load_box_settings(box(tmp_path, tables)).board_ports() == [PORT]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (button("gate", "button=0") + button("yard", "button=0"), "is used twice"),
        (button("gate", "button=0", "hold_ms = 300"), "the firmware has its own times"),
        (button("gate", "button=0", "stuck_s = 60.0"), "the firmware has its own times"),
        (button("gate", "lamp=0"), "is not board:///PORT"),
        (
            button("gate", "button=0") + f'\n[[sensors]]\nid = "x"\ndriver = "nmea"\nuri = "serial://{PORT}"\n',
            "it is that of the board at",
        ),
    ],
)
def test_what_a_box_refuses(tmp_path: Path, tables: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_box_settings(box(tmp_path, tables))
    assert words in str(error.value)
