"""The words of the page stand in one file, in both languages."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.duty_desk.console.browser import CONSOLE


@pytest.mark.parametrize("name", ["strings", "standing", "next_step", "duty", "push"])
def test_both_languages_have_the_same_words(name: str) -> None:
    words = json.loads((CONSOLE / f"{name}.json").read_text())
    assert words["id"].keys() == words["en"].keys()
    for key, text in words["id"].items():
        assert text.strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["en"][key])), key


def test_the_page_has_no_bare_word() -> None:
    class Texts(HTMLParser):
        found: list[str]
        keys: set[str]

        def handle_data(self, data: str) -> None:
            if data.strip() and self.lasttag != "title":
                self.found.append(data.strip())

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name.startswith("data-word") and value:
                    self.keys.add(value)
                if name in ("title", "placeholder", "aria-label") or (name == "alt" and value):
                    self.found.append(f"{name}={value}")

    words = json.loads((CONSOLE / "strings.json").read_text())["id"]
    texts = Texts()
    texts.found, texts.keys = [], set()
    texts.feed((CONSOLE / "index.html").read_text())
    assert texts.found == []
    assert texts.keys <= words.keys()
    texts.feed((CONSOLE / "standing.html").read_text())
    assert texts.found == []
    assert texts.keys <= words.keys() | json.loads((CONSOLE / "standing.json").read_text())["id"].keys()


@pytest.mark.parametrize("file", sorted(CONSOLE.glob("*.js")), ids=lambda file: file.name)
def test_the_code_has_no_bare_word_and_no_markup(file: Path) -> None:
    code = re.sub(r"^\s*//.*$|\s// .*$", "", file.read_text(), flags=re.MULTILINE)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org)", code
    )
    literals = [a or b or c for a, b, c in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`', code)]
    plain = [re.sub(r"\$\{[^}]*\}", "", literal) for literal in literals]
    allowed = {"input, textarea", "Point", "Escape", "Enter", "Actual"}
    assert not [
        text
        for text in plain
        if re.search(r"[A-Za-z]{3,}[ ,!?]+[A-Za-z]{2,}|^[A-Z][a-z]{3,}$", text) and text not in allowed
    ]
    own = file.with_suffix(".json")
    words = json.loads((own if own.exists() else CONSOLE / "strings.json").read_text())["id"]
    assert set(re.findall(r'word\("(\w+)"', code)) <= words.keys()
