"""Each reason of the guardian has words in both languages, and stands in the docs with its state."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from contract.messages import IncidentOrigin, IncidentState
from contract.time_quality import ClockSource

REPO = Path(__file__).resolve().parents[3]


def test_each_reason_has_words_and_is_explained() -> None:
    sources = "".join(path.read_text() for path in (REPO / "dashboards" / "guardian").glob("*.py"))
    states = "gone|frozen|logged_out|blank|error|stale"
    found = dict(sorted((reason, state) for state, reason in re.findall(rf'\("({states})", "(\w+)"\)', sources)))
    found |= {"never_heard": "gone", "closed": "gone"}
    assert len(found) == 20
    words = (REPO / "dashboards" / "server" / "page" / "words.js").read_text()
    docs = (REPO / "docs" / "walls.md").read_text()
    for reason, state in found.items():
        assert words.count(f'"reason.{reason}": ') == 2, reason
        assert re.search(rf"\| .*`{reason}`.* \| {state} \|", docs), reason


def test_both_languages_have_the_same_words_and_one_for_whatever_the_store_says() -> None:
    text = (REPO / "dashboards" / "server" / "page" / "words.js").read_text()
    parts = text.partition("\n  en: {")
    indonesian, english = (set(re.findall(r'(?:^ +|, )"?([\w.]+)"?: "', part, re.M)) for part in (parts[0], parts[2]))
    assert len(indonesian) > 100
    assert indonesian == english
    told = {*get_args(IncidentState), *get_args(IncidentOrigin), *get_args(ClockSource)}
    assert {f"state.{word}" for word in told} <= english
