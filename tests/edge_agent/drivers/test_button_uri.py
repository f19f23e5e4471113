from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge_agent.drivers.button.driver import check_button_uri, check_lamp_uri
from pins.uri import GpioLine, SimLine, parse_button_uri, parse_lamp_uri

FOLDER = Path(__file__).parents[3] / "edge_agent/drivers/button"


def test_every_setting_of_a_gpio_button() -> None:
    uri = "gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=5"
    assert parse_button_uri(uri) == GpioLine("gpiochip0", 17, active_low=True, bias="pull-up", debounce_ms=5)
    assert parse_button_uri("gpio://gpiochip1/4") == GpioLine("gpiochip1", 4)


def test_a_line_of_a_simulated_board() -> None:
    assert parse_button_uri("sim:///run/board.sock?line=sos") == SimLine("/run/board.sock", "sos")
    assert parse_lamp_uri("sim:///run/board.sock?line=sos") == SimLine("/run/board.sock", "sos")


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("", "neither gpio:// nor sim://"),
        ("serial:///dev/ttyS0", "neither gpio:// nor sim://"),
        ("gpio://gpiochip0", "is not gpio://CHIP/OFFSET"),
        ("gpio:///dev/gpiochip0/17", "is not gpio://CHIP/OFFSET"),
        ("gpio://gpiochip0/x", "is not gpio://CHIP/OFFSET"),
        ("gpio://gpiochip0/17?active=yes", "active is high or low"),
        ("gpio://gpiochip0/17?bias=up", "bias is one of as-is, disabled, pull-up, pull-down"),
        ("gpio://gpiochip0/17?debounce_ms=-1", "debounce_ms is a whole number"),
        ("gpio://gpiochip0/17?debounce_ms=1001", "debounce_ms is a whole number"),
        ("gpio://gpiochip0/17?debounce=5", "unknown setting 'debounce'"),
        ("sim:///run/board.sock", "is not sim:///PATH"),
        ("sim://run/board.sock?line=sos", "is not sim:///PATH"),
        ("sim:///run/board.sock?line=S.O.S", "line is 1 to 63"),
        (f"sim:///{'x' * 120}?line=sos", "at most 107 bytes"),
    ],
)
def test_a_wrong_uri_is_told_what_is_wrong(uri: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_button_uri(uri)


def test_a_lamp_is_not_debounced() -> None:
    with pytest.raises(ValueError, match="unknown setting 'debounce_ms', known: active"):
        check_lamp_uri("gpio://gpiochip0/27?debounce_ms=20")


def test_sample_toml_and_readme_are_in_step_with_the_driver() -> None:
    (button,) = tomllib.loads((FOLDER / "sample.toml").read_text())["buttons"]
    check_button_uri(button["uri"])
    check_lamp_uri(button["lamp"])
    readme = (FOLDER / "README.md").read_text()
    for setting in ("active=", "bias=", "debounce_ms=", "sim://", "gpio://", "`hold_ms`", "`stuck_s`"):
        assert setting in readme
