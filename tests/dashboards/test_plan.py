"""wall.toml: a good one is a plan, and each mistake is one line with file, line, key and an example."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.errors import ConfigError
from contract.inventory import Inventory
from dashboards.boards import DASHBOARDS
from dashboards.cli import app
from dashboards.plan import SAMPLE, SCREENS, Show, load_plan, parse_plan

_HEAD = 'city = "Kota"\nlanguage = "id"\n'
_ONE = '[[screens]]\nnumber = 1\nshow = [{ dashboard = "siaga_city" }]\ntakeover = true\n'


def test_the_sample_is_a_plan_of_24_screens() -> None:
    plan = load_plan(SAMPLE)
    assert [screen.number for screen in plan.screens] == list(range(1, SCREENS + 1))
    assert any(screen.takeover for screen in plan.screens)
    assert {screen.source for screen in plan.screens} == {"grafana", "board"}
    assert {screen.language for screen in plan.screens} == {"id", "en"}
    shown = {show.uid for screen in plan.screens for show in screen.rotation}
    assert shown == {uid for uid, board in DASHBOARDS.items() if not board.choices}
    assert plan.screen(25) is None


def test_what_a_screen_leaves_out_is_the_plan_s() -> None:
    text = _HEAD + _ONE + '[[screens]]\nnumber = 3\nshow = [{ dashboard = "siaga_box", seconds = 20 }]\n'
    text += 'device = "box-1"\nlanguage = "en"\ntheme = "light"\nsource = "board"\nrange = "7d"\n'
    first, second = parse_plan(text, source="wall.toml").screens
    assert (first.language, first.theme, first.source, first.range_s) == ("id", "dark", "grafana", None)
    assert first.rotation == (Show("siaga_city", 60),)
    assert (second.language, second.theme, second.source, second.range_s) == ("en", "light", "board", 7 * 86_400)
    assert (second.chosen("device"), second.chosen("sensor")) == ("box-1", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_HEAD + _ONE.replace("siaga_city", "siaga_citi"), "wall.toml:5: screens.0.show.0.dashboard: 'siaga_citi'"),
        (_HEAD + _ONE + _ONE, "wall.toml:8: screens.1.number: screen 1 appears twice; example: number = 1"),
        ('city = "Kota"\n' + _ONE, "wall.toml:2: screens.0.language: is missing"),
        (_HEAD.replace('"id"', '"jv"') + _ONE, "wall.toml:2: language:"),
        (_HEAD + _ONE.replace("= 1", "= 25"), "wall.toml:4: screens.0.number:"),
        (_HEAD + _ONE.replace("= 1", "= 0"), "wall.toml:4: screens.0.number:"),
        (_HEAD + _ONE.replace("true", "false"), "no screen is taken over by an incident"),
        (_HEAD + _ONE.replace("siaga_city", "siaga_sensor"), "screens.0.device: is missing: siaga_sensor shows one"),
        (_HEAD + _ONE + 'range = "6 hours"\n', "wall.toml:7: screens.0.range: expected a range"),
        (_HEAD + _ONE + 'takover = true\n', "did you mean 'takeover'?"),
        (_HEAD, "screens: is missing"),
        ('time_zone = "Asia/Bandung"\n' + _HEAD + _ONE, "wall.toml:1: time_zone: expected a time zone of this machine"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_plan(text, source="wall.toml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "example: " in str(caught.value)


def test_times_are_told_in_the_city_s_zone_which_is_that_of_the_sample_unless_said() -> None:
    assert parse_plan(_HEAD + _ONE, source="wall.toml").time_zone == load_plan(SAMPLE).time_zone == "Asia/Jakarta"
    assert parse_plan('time_zone = "Asia/Jayapura"\n' + _HEAD + _ONE, source="wall.toml").time_zone == "Asia/Jayapura"


def test_names_that_the_inventory_does_not_know_are_told() -> None:
    text = _HEAD + _ONE + 'device = "box-9"\n[[screens]]\nnumber = 2\nshow = [{ dashboard = "siaga_sensor" }]\n'
    text += 'device = "box-1"\nsensor = "river"\n'
    inventory = Inventory.model_validate({"devices": [{"name": "box-1", "label": "Boks 1"}]})
    told = parse_plan(text, source="wall.toml").unknown_names(inventory)
    assert told == [
        "screen 1: device 'box-9' is not in the inventory",
        "screen 2: box-1 has no sensor 'river' in the inventory",
    ]


def test_the_command_says_what_each_screen_shows(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["plan"])
    assert said.exit_code == 0
    assert len(said.stdout.splitlines()) == SCREENS
    bad = tmp_path / "wall.toml"
    bad.write_text(_HEAD)
    refused = CliRunner().invoke(app, ["plan", "--plan", str(bad)])
    assert (refused.exit_code, refused.stderr.count("\n")) == (78, 1)
    assert CliRunner().invoke(app, ["plan", "--plan", str(tmp_path / "none.toml")]).exit_code == 78
