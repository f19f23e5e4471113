"""The words of the pages beside the console: whole in both languages, and nowhere but in their files."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from contract.messages import Cause, IncidentOrigin, IncidentState
from duty_desk.channels.attempts import Skip
from duty_desk.channels.channel import Answer
from duty_desk.channels.schedule import Fault as ChannelFault
from duty_desk.duty.faults import KINDS
from duty_desk.duty.reach import WayState
from duty_desk.duty.roster import Part
from duty_desk.geo.search import PlaceKind
from duty_desk.incidents.entries import CancelReason, Category, PageOutcome
from duty_desk.incidents.escalation import Audience
from duty_desk.synthetic.trial import HOPS, Outcome
from duty_desk.web.frame import framed
from duty_desk.web.inbox_api import WHYS
from duty_desk.web.timeline import Kind
from tests.duty_desk.pages.conftest import PAGES, words

BOTH = ("call", "archive", "duty", "upcoming", "synthetic", "triage")


@pytest.mark.parametrize("page", BOTH)
def test_both_languages_have_the_same_words(page: str) -> None:
    ours, english = words(page, "id"), words(page, "en")
    assert list(ours) == list(english)
    for key, text in ours.items():
        assert text.strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key


@pytest.mark.parametrize(
    ("page", "prefix", "values"),
    [
        ("call", "state", get_args(IncidentState)),
        ("call", "category", get_args(Category)),
        ("call", "reason", get_args(CancelReason)),
        ("call", "origin", get_args(IncidentOrigin)),
        ("call", "cause", get_args(Cause)),
        ("call", "kind", get_args(PlaceKind)),
        ("archive", "state", get_args(IncidentState)),
        ("archive", "category", get_args(Category)),
        ("archive", "reason", get_args(CancelReason)),
        ("archive", "origin", get_args(IncidentOrigin)),
        ("archive", "cause", get_args(Cause)),
        ("archive", "kind", get_args(Kind)),
        ("archive", "rings", get_args(Audience)),
        ("duty", "fault_of", KINDS),
        ("duty", "do", KINDS),
        ("duty", "state", get_args(WayState)),
        ("duty", "part", get_args(Part)),
        ("duty", "why", WHYS),
        ("synthetic", "short", HOPS),
        ("synthetic", "hop", (*HOPS, "good", "broken", "unknown")),
        ("synthetic", "outcome", get_args(Outcome)),
        ("upcoming", "origin", get_args(IncidentOrigin)),
        ("upcoming", "rings", get_args(Audience)),
        ("upcoming", "outcome", (*get_args(PageOutcome)[:4], "sending")),
        ("upcoming", "answer", get_args(Answer)),
        ("upcoming", "detail", get_args(Skip)),
        ("upcoming", "fault", (*get_args(ChannelFault), "none")),
        ("archive", "status", ("Actual", "Exercise", "Test")),
        ("archive", "lane", ("alarm", "telemetry")),
        ("archive", "field", ("officer", "address", "caller", "note")),
    ],
)
def test_there_is_a_word_for_each_value(page: str, prefix: str, values: tuple[str, ...]) -> None:
    assert {f"{prefix}_{value}" for value in values} <= words(page).keys()


@pytest.mark.parametrize("page", BOTH)
def test_the_page_has_no_bare_word(page: str) -> None:
    class Texts(HTMLParser):
        bare: list[str]
        keys: set[str]

        def handle_data(self, data: str) -> None:
            if re.search(r"[A-Za-z]{3}", data) and self.lasttag != "title":
                self.bare.append(data.strip())

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in ("data-word", "data-word-label", "data-word-placeholder") and value:
                    self.keys.add(value)
                if name in ("title", "placeholder", "aria-label") or (name == "alt" and value):
                    self.bare.append(f"{name}={value}")

    texts = Texts()
    texts.bare, texts.keys = [], set()
    texts.feed(framed(page))
    assert texts.bare == []
    assert texts.keys <= words(page).keys()


@pytest.mark.parametrize("file", sorted(PAGES.glob("*.js")), ids=lambda file: file.name)
def test_the_code_has_no_bare_word_and_no_markup(file: Path) -> None:
    code = re.sub(r"^\s*//.*$|\s// .*$", "", file.read_text(encoding="utf-8"), flags=re.M)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", code)
    literals = [a or b for a, b in re.findall(r'"([^"\n]*)"|`([^`]*)`', code)]
    plain = [re.sub(r"\$\{[^}]*\}", "", literal) for literal in literals]
    assert not [text for text in plain if re.search(r"[A-Za-z]{3,}[ ,!?]+[A-Za-z]{3,} [a-z]", text)]
    pages = BOTH if file.stem == "shared" else (file.stem.partition("-")[0],)
    for page in pages:
        assert set(re.findall(r'word\("(\w+)"', code)) <= words(page).keys()


@pytest.mark.parametrize("page", BOTH)
def test_no_word_is_left_over(page: str) -> None:
    files = [*PAGES.glob(f"{page}*.js"), PAGES / "shared.js", PAGES.parent / "standing.js"]
    used = framed(page) + "".join(file.read_text(encoding="utf-8") for file in files)
    dynamic = set(re.findall(r"[`\"](\w+)_\$\{", used)) | {"state", "origin", "status"}
    shared = json.loads((PAGES / "shared.json").read_text(encoding="utf-8"))["id"]
    left = [
        key
        for key in words(page)
        if key not in used and key not in shared and not key.startswith(tuple(f"{one}_" for one in dynamic))
    ]
    assert left == []


def test_the_files_are_as_they_are_written() -> None:
    for page in (*BOTH, "shared"):
        text = (PAGES / f"{page}.json").read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
