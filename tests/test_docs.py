"""Docs run: what the docs name exists, what they link to is there, and each command they show is one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from siaga.main import assemble

REPO = Path(__file__).parent.parent
DOCS = sorted([REPO / "README.md", REPO / "CHANGELOG.md", *REPO.glob("docs/**/*.md")])


@cache
def all_tests() -> frozenset[str]:
    """Return the names of all test functions."""
    names: set[str] = set()
    for path in REPO.glob("tests/**/*.py"):
        names.update(re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
    return frozenset(names)


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: str(doc.relative_to(REPO)))
def test_what_a_page_names_and_links_to_exists(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named <= all_tests(), f"no such tests: {sorted(named - all_tests())}"
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", plain)
    missing = [one for one in targets if "://" not in one and not (doc.parent / one).exists()]
    assert missing == []


FAULTS_OF_THE_BOX = {*range(1, 14), *range(15, 23), 27, 28, *range(39, 45), 47, 49}


def test_each_fault_of_the_box_names_tests_of_that_fault() -> None:
    """A row of the page's table names at least one, by its number: `test_fault_07_…` or `test_fault_7_…`."""
    text = (REPO / "docs/edge.md").read_text(encoding="utf-8")
    rows = {int(number): row for number, row in re.findall(r"^\| (\d+) (\|.*)$", text, flags=re.M)}
    assert set(rows) >= FAULTS_OF_THE_BOX, "a row is missing"
    for number, row in rows.items():
        named = re.findall(r"`(test_\w+)`", row)
        assert named, f"fault {number} has no test"
        strangers = [name for name in named if not re.match(rf"test_fault_0?{number}_", name)]
        assert strangers == [], f"fault {number}: these are of another"


def _commands() -> list[str]:
    """Return the `siaga` commands shown, without their arguments: `siaga provision ca init`, …"""
    found: set[str] = set()
    for doc in DOCS:
        for shown in re.findall(r"(?:^|[`\s/])siaga ((?:[a-z-]+ ?)+)", doc.read_text(encoding="utf-8"), flags=re.M):
            found.add(shown.strip())
    return sorted(found)


@pytest.mark.slow
def test_each_command_shown_is_one() -> None:
    shown = _commands()
    assert len(shown) > 10
    for each in shown:
        words = each.split()
        command: object = get_command(assemble(words[0]))
        for word in words:
            commands = getattr(command, "commands", None)
            if commands is None:
                break  # arguments follow
            assert word in commands, f"siaga {each}: {word!r} is no command"
            command = commands[word]
