"""The frame of the pages: each part in its place, nothing of one page in another."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from duty_desk.web.frame import filled, framed
from tests.duty_desk.pages.conftest import PAGES

NAMES = sorted(file.stem for file in PAGES.glob("*.json") if file.stem != "shared")


class Tags(HTMLParser):
    """Keeps what is open, and the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one."""
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Take one."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("name", NAMES)
def test_each_page_is_whole_with_its_own_files_and_every_id_once(name: str) -> None:
    text = framed(name)
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.wrong) == ([], [])
    assert len(set(tags.ids)) == len(tags.ids)
    assert {"bells", "drill", "stale", "who", "clock", "notice"} <= set(tags.ids)
    assert "<!-- " not in text
    assert set(re.findall(r"/static/pages/(\w+)\.", text)) == {name, "shared"}
    assert re.findall(r'href="(/\w*)" aria-current', text) == [f"/{name}"]
    assert text.count("<main") == 1


def test_a_part_without_a_place_is_said_and_a_place_without_a_part_is_empty(tmp_path: Path) -> None:
    assert filled("a\n<!-- b -->\nc\n<!-- d -->\n", {"d": "D\n"}) == "a\nc\nD\n"
    with pytest.raises(ValueError, match="no place for e"):
        filled("<!-- b -->\n", {"e": "E"})
    with pytest.raises(OSError, match="no-such"):
        framed("no-such", tmp_path)
