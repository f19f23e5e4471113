"""A drill's script and its clock."""

from __future__ import annotations

from typing import Final

import pytest

from contract.errors import ConfigError
from contract.inventory import parse_inventory
from duty_desk.drills.drill import Drill
from duty_desk.drills.script import LONGEST_S, check_places, read_script, told_script
from duty_desk.drills.words import TEXTS
from duty_desk.errors import DrillError
from tests.duty_desk.conftest import INVENTORY

SCRIPT: Final = """
name = "Latihan malam"
[[steps]]
device = "box-1"
button = "sos"
[[steps]]
at_s = 2.5
call = "accident"
latitude = -6.92
longitude = 107.61
note = "dua motor"
[[steps]]
at_s = 2.5
device = "box-1"
button = "sos"
"""


def test_steps_come_in_order_each_once_and_several_at_once() -> None:
    drill = Drill(read_script(SCRIPT, "a.toml"), 10**9)
    assert [step.call for step in drill.due(10**9)] == [None]
    assert drill.due(10**9 + 2_499_000_000) == []
    assert [step.call for step in drill.due(10**9 + 60 * 10**9)] == ["accident", None]
    assert drill.due(10**9 + 61 * 10**9) == []


def test_it_is_over_once_each_incident_was_accepted_or_after_four_hours() -> None:
    drill = Drill(read_script(SCRIPT, "a.toml"), 0)
    drill.due(0)
    assert drill.over(["accepted"], 10**9) is None
    drill.due(3 * 10**9)
    assert drill.over(["accepted", "open"], 4 * 10**9) is None
    assert drill.over(["accepted", "closed"], 4 * 10**9) == "done"
    assert drill.over(["open"], LONGEST_S * 10**9) == "time"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "Latihan malam"', "", "name"),
        ('button = "sos"\n[[steps]]\nat_s', "[[steps]]\nat_s", "device and button together"),
        ("at_s = 2.5\ncall", "at_s = 9\ncall", "the step before it"),
        ('call = "accident"', 'call = "murder"', "call"),
        ("longitude = 107.61\n", "", "latitude and longitude together"),
        ('note = "dua motor"', 'device = "box-1"', "either device and button, or call"),
        ("latitude = -6.92", "latitude = 91", "latitude"),
        ("at_s = 2.5\ncall", "at_s = 20000\ncall", "at_s"),
        ("at_s = 2.5\ncall", "at = 2.5\ncall", "at"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_an_example(old: str, new: str, told: str) -> None:
    assert old in SCRIPT
    with pytest.raises(ConfigError, match=told) as refused:
        read_script(SCRIPT.replace(old, new, 1), "a.toml")
    assert "a.toml" in str(refused.value)


def test_a_button_that_the_inventory_does_not_know_begins_nothing() -> None:
    inventory = parse_inventory(INVENTORY, source="inventory.toml")
    check_places(read_script(SCRIPT, "a.toml"), inventory)
    with pytest.raises(DrillError, match="box-1/sas"):
        check_places(read_script(SCRIPT.replace('"sos"', '"sas"'), "a.toml"), inventory)


@pytest.mark.parametrize("value", [None, [], {"name": "x"}, {"name": "x", "steps": [{"at_s": "soon"}]}])
def test_what_is_no_script_is_refused_by_the_desk(value: object) -> None:
    with pytest.raises(DrillError, match="not understood"):
        told_script(value)


def test_both_languages_fill_the_same_places() -> None:
    for indonesian, english in TEXTS.values():
        assert {part.split("}")[0] for part in indonesian.split("{")[1:]} == {
            part.split("}")[0] for part in english.split("{")[1:]
        }
