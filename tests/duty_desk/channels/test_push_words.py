"""The words of pushes, in both languages, and that each is used."""

from __future__ import annotations

import json
import re

from duty_desk.channels.webpush import notes
from duty_desk.web import push_api
from tests.duty_desk.conftest import REPO

CONSOLE = REPO / "duty_desk" / "console"
WORDS = json.loads((CONSOLE / "push.json").read_text(encoding="utf-8"))


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    assert WORDS["id"].keys() == WORDS["en"].keys()
    for key, text in WORDS["id"].items():
        assert text.strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", WORDS["en"][key])), key


def test_each_word_is_used_and_each_that_is_used_is_there() -> None:
    page = (CONSOLE / "push.js").read_text(encoding="utf-8")
    worker = (CONSOLE / "sw.js").read_text(encoding="utf-8")
    python = "".join((REPO / (module.__file__ or "")).read_text(encoding="utf-8") for module in (notes, push_api))
    faults = {"unknown_service", "not_handed", "try_later", "unreachable", "untaken", "other"}
    states = {"off", "asked", "denied", "on", "unable"}
    for key in WORDS["id"]:
        kind, _, name = key.partition("_")
        if kind == "note":
            assert f'"{name}"' in python or name in ("Exercise", "Test"), key
        elif name.startswith("fault_"):
            assert name.removeprefix("fault_") in faults, key
        elif name.startswith("is_"):
            assert name.removeprefix("is_") in states, key
        else:
            assert f'"{key}"' in page, key
    assert {f"push_fault_{each}" for each in faults} | {f"push_is_{each}" for each in states} <= WORDS["id"].keys()
    assert set(re.findall(r"words\.(\w+)", worker)) <= set(notes._WORKER)
