"""How many of those that should be there are: counted here, by the inventory, and not by the store. Pure.

The store counts whoever speaks, also a box that the inventory does not know or a post's receiver among the vehicles,
and cannot say who is missing. So of a question that counts boxes only its inner part is asked, which names them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from dashboards.model import Panel, Question
from dashboards.server.answers import Answered, Series
from dashboards.server.roster import Roster, grade
from store import Row

_COUNTS: Final = re.compile(r'SELECT count\("\w+"\) AS "(\w+)" FROM \((SELECT last\([^()]*\).* GROUP BY "device")\)')
_POSITIONS: Final = '."position"'


def who_counts(panel: Panel, question: Question) -> Question | None:
    """Return the question that names those whom a question counts, or None when it counts nobody of the inventory."""
    found = _COUNTS.fullmatch(question.influxql) if panel.expected in ("box", "vehicle") else None
    return None if found is None else replace(question, influxql=found.group(2))


def counted(panel: Panel, question: Question, named: Answered, roster: Roster, language: str) -> Answered:
    """Return how many of the expected were named with something fresh.

    Args:
        panel: Whose question it is.
        question: The question that counts.
        named: Those that answered.
        roster: Who is expected.
        language: `id` or `en`.
    """
    found = _COUNTS.fullmatch(question.influxql)
    assert found is not None
    expected = {each.device for each in roster.expected(panel.expected)}
    if not expected and not named.series:
        return Answered(question.ref, [], [], named.cut)
    there = [each for each in named.series if each.tags.get("device") in expected and not each.stale]
    newest_ms = max((each.newest_ms for each in there if each.newest_ms is not None), default=None)
    level = grade(len(there), panel.thresholds) if there else None
    series = Series({}, panel.title.of(language), [[newest_ms, len(there)]], newest_ms, not there, level)
    return Answered(question.ref, ["time", found.group(1)], [series], named.cut)


def vehicles_only(panel: Panel, question: Question, rows: list[Row], roster: Roster) -> list[Row]:
    """Return the rows without those of boxes that stand somewhere, where a panel shows where vehicles are."""
    if panel.expected != "vehicle" or _POSITIONS not in question.influxql:
        return rows
    return [row for row in rows if not roster.stands(str(row.get("device") or ""))]
