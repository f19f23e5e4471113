"""Each reason of the guardian has words in both languages, and stands in the docs with its state."""

from __future__ import annotations

import re
from pathlib import Path

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
