"""`[escalation]` in desk.toml: what it means, and what is said of a mistake."""

from __future__ import annotations

import re

import pytest

from contract.errors import ConfigError
from contract.settings import load_toml
from duty_desk.escalation_settings import EXAMPLES, EscalationSettings
from duty_desk.incidents.escalation import DEFAULT_STEPS, Step
from duty_desk.settings import DeskSettings, load_desk
from tests.duty_desk.conftest import REPO, Desk

DOCS = REPO / "docs" / "escalation.md"


def read(toml: str) -> EscalationSettings:
    """Return `[escalation]` of a file."""
    brokers = "".join(
        f'[{lane}_broker]\nhost = "localhost"\nport = 1883\nca = "ca"\nusername = "centre.desk"\npassword_file = "p"\n'
        for lane in ("alarm", "telemetry")
    )
    text = f'data_dir = "d"\ninventory = "i"\n{brokers}{toml}'
    return load_toml(text, DeskSettings, source="desk.toml", examples=EXAMPLES).escalation


def test_without_a_word_the_steps_are_the_default() -> None:
    assert read("").policy.steps == DEFAULT_STEPS
    assert read("[escalation]\n").policy.sirens == ()


def test_a_city_has_steps_of_its_own() -> None:
    policy = read(
        '[escalation]\nsirens = ["box-1", "box-1"]\n'
        '[[escalation.steps]]\nafter_s = 0\nrings = ["officer", "supervisor"]\n'
        '[[escalation.steps]]\nafter_s = 7.5\nrings = ["siren"]\norigins = ["press"]\n'
    ).policy
    assert policy.steps == (Step(0, ("officer", "supervisor")), Step(7.5, ("siren",), frozenset({"press"})))
    assert policy.sirens == ("box-1",)


FIRST = '[[escalation.steps]]\nafter_s = 0\nrings = ["officer"]\n'
PLAN = f'[[escalation.policies]]\nname = "braga"\n{FIRST}'.replace("[[escalation.steps", "[[escalation.policies.steps")


@pytest.mark.parametrize(
    ("toml", "key", "expected"),
    [
        ("[escalation]\nsteps = []", "escalation.steps", "at least 1"),
        (FIRST + FIRST, "escalation.steps.1.after_s", "expected more than 0, the step before it"),
        (FIRST.replace("0", "3"), "escalation.steps.0", "the first step at 0 s"),
        (FIRST.replace("officer", "siren"), "escalation.steps.0", "not the siren alone"),
        (FIRST + 'origins = ["press"]', "escalation.steps.0", "for every origin"),
        (FIRST.replace("officer", "mayor"), "escalation.steps.0.rings.0", "'officer', 'everyone', 'supervisor' or"),
        (FIRST.replace('"officer"', ""), "escalation.steps.0.rings", "at least 1"),
        (FIRST.replace("0", "-1"), "escalation.steps.0.after_s", "greater than or equal to 0"),
        (FIRST.replace("0", "inf"), "escalation.steps.0.after_s", ""),
        (FIRST.replace("rings", "ring"), "escalation.steps.0.ring", "did you mean 'rings'?"),
        (FIRST + 'origins = ["moon"]', "escalation.steps.0.origins.0", "'press', 'threshold'"),
        (FIRST * 21, "escalation.steps", "at most 20"),
        ('[escalation]\nsirens = ["Box 1"]', "escalation.sirens.0", "pattern"),
        (FIRST + 'pages = ["siren"]', "escalation.steps.0.pages", "expected people"),
        (FIRST + "repeat_s = 60", "escalation.steps.0.repeat_s", "expected `channels` beside it"),
        (FIRST + 'channels = ["push"]\nrepeat_s = 1', "escalation.steps.0.repeat_s", "greater than or equal to 10"),
        (FIRST + 'channels = ["Push"]', "escalation.steps.0.channels.0", "pattern"),
        (PLAN + PLAN, "escalation.policies.1.name", "expected another name than 'braga'"),
        (PLAN.replace("steps]]\nafter_s = 0", "steps]]\nafter_s = 2"), "escalation.policies.0.steps.0", "0 s"),
        (PLAN.replace('"braga"', '"braga"\nareas = ["moon"]'), "escalation.policies.0.areas.0", "there is no 'moon'"),
        (PLAN.replace('"braga"', '"braga"\ncategories = ["war"]'), "escalation.policies.0.categories.0", "'crime'"),
        ("[escalation.areas]\nx = [[1, 2]]", "escalation.areas.x", "at least 2"),
        ("[escalation.areas]\nx = [[91, 2], [3, 4]]", "escalation.areas.x.0.0", "less than or equal to 90"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_an_example(toml: str, key: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(toml)
    assert key in str(caught.value)
    assert expected in str(caught.value)
    assert "example" in str(caught.value) or "ring" in key


def test_a_siren_is_a_device_of_the_inventory(idle: Desk) -> None:
    idle.config.write_text(idle.config.read_text() + '[escalation]\nsirens = ["box-9"]\n')
    with pytest.raises(ConfigError, match=r"'box-9' is no device of inventory\.toml"):
        load_desk(idle.config)


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        (FIRST + 'channels = ["fax"]\n', "escalation.steps.0.channels"),
        (PLAN + 'channels = ["push", "siren"]\n', "escalation.policies.0.steps.0.channels"),
    ],
)
def test_a_step_names_a_channel_that_is_set_up(idle: Desk, toml: str, key: str) -> None:
    before = idle.config.read_text()
    idle.config.write_text(before + toml)
    with pytest.raises(ConfigError, match=r"expected one of .*others, push") as caught:
        load_desk(idle.config)
    assert key in str(caught.value)
    idle.config.write_text(before + toml.replace('"fax"', '"push", "others"').replace(', "siren"', ""))
    assert load_desk(idle.config).settings.escalation.policy is not None


def test_the_table_in_the_docs_is_the_default() -> None:
    rows = re.findall(r"^\| ([0-9]+) s \| `([a-z]+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(float(after), (rings,)) for after, rings in rows] == [(step.after_s, step.rings) for step in DEFAULT_STEPS]


def test_the_example_in_the_docs_is_one() -> None:
    one, other = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    policy = read(f"{one}\n{other}").policy
    assert len(policy.steps) == 4
    (plan,) = policy.plans
    assert plan.steps == (Step(0, ("everyone",), None, ("push",), ("officer", "supervisor"), 30),)
    assert len(plan.match.areas[0]) == 2
