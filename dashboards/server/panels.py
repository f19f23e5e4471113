"""A panel's answer for the board: its committed questions filled in, asked, and put into words that a page can draw.

Names from a browser are looked up in the inventory; nothing else of what a browser says reaches the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from contract.chronicle import INCIDENT
from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard, Panel
from dashboards.ranges import Range, ask
from dashboards.server.answers import Answered, answered, newest_of, silent, table_rows
from dashboards.server.asking import Asking, NoAnswer
from dashboards.server.counting import counted, vehicles_only, who_counts
from dashboards.server.roster import Roster, grade

MIN_RANGE_S: Final = 60
MAX_RANGE_S: Final = 3_660 * 86_400
MAX_KEPT: Final = 512
"""Answers of panels that are kept to be shown as old ones while the store gives none."""
_INCIDENT: Final = f'"{INCIDENT}"'
_TEN_YEARS_MS: Final = MAX_RANGE_S * 1_000


class NotAPanelError(Exception):
    """What was asked for does not exist or cannot be; the text says what is expected."""


class Panels:
    """Answers panels.

    Args:
        asking: The store.
        roster: Who should be there.
        time_ms: The centre's clock, in ms since 1970.
    """

    def __init__(self, asking: Asking, roster: Roster, time_ms: Callable[[], int]) -> None:
        self.asking = asking
        self.roster = roster
        self._time_ms = time_ms
        self._kept: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    async def answer(
        self,
        uid: str,
        key: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        range_s: int | None = None,
        device: str = "",
        sensor: str = "",
        language: str = "id",
        guest: bool = False,
    ) -> dict[str, Any]:
        """Return a panel's answer as JSON can hold it. `guest`: no screen of the wall asks it.

        Without `from_ms` and `to_ms` it is of the last `range_s` seconds, or of the dashboard's own range, and ends
        at a whole multiple of its refresh, so that all screens ask the same. When the store does not answer, the last
        answer comes with `no_answer` saying since when, and everything in it is stale.

        Raises:
            NotAPanelError: The dashboard, panel, name or range is none.
        """
        board, panel = find(uid, key)
        self._check_names(board, device, sensor)
        now_ms = self._time_ms()
        shown = _range(board, now_ms, from_ms, to_ms, range_s)
        kept_as = (uid, key, device, sensor, language, range_s, from_ms, to_ms)
        try:
            made = await self._ask(panel, shown, device, sensor, language, guest=guest)
        except NoAnswer as error:
            return self._old(kept_as, str(error), now_ms)
        if guest:
            return made
        self._kept[kept_as] = made
        self._kept.move_to_end(kept_as)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return made

    async def health(
        self,
        uid: str,
        *,
        device: str = "",
        sensor: str = "",
        range_s: int | None = None,
        language: str = "id",
        guest: bool = False,
    ) -> dict[str, Any]:
        """Return how a dashboard's data is: its newest value, which panels are stale, who is silent.

        `quiet`: it shows incidents alone, and there was none: that is no fault.

        Raises:
            NotAPanelError: As `answer`.
        """
        board = DASHBOARDS.get(uid)
        if board is None:
            raise NotAPanelError(f"{uid!r} is no dashboard")
        shown = [panel for panel in board.panels if panel.questions]
        answers = await asyncio.gather(
            *(
                self.answer(
                    uid, panel.key, device=device, sensor=sensor, range_s=range_s, language=language, guest=guest
                )
                for panel in shown
            )
        )
        quiet: dict[str, dict[str, Any]] = {}
        for one in answers:
            for each in one["silent"]:
                # One panel may know since when, where another's time is too short for it.
                if quiet.setdefault(each["name"], each)["since_ms"] is None:
                    quiet[each["name"]] = each
        stale = [
            {"title": panel.title.of(language), "newest_ms": one["newest_ms"]}
            for panel, one in zip(shown, answers, strict=True)
            if one["stale"] and panel.stale_s is not None
        ]
        newest_ms = max((one["newest_ms"] for one in answers if one["newest_ms"] is not None), default=None)
        incidents = all(_INCIDENT in question.influxql for panel in shown for question in panel.questions)
        answer_all = not any(one["no_answer"] for one in answers)
        return {
            "uid": uid,
            "now_ms": self._time_ms(),
            "newest_ms": newest_ms,
            "quiet": newest_ms is None and incidents and answer_all,
            "panels": len(shown),
            "expected": sum(one["expected"] for one in answers),
            "stale": stale,
            "silent": list(quiet.values()),
            "no_answer_since_ms": self.asking.no_answer_since_ms,
        }

    async def _ask(
        self, panel: Panel, shown: Range, device: str, sensor: str, language: str, *, guest: bool
    ) -> dict[str, Any]:
        named = [who_counts(panel, question) for question in panel.questions]
        put = [who or question for who, question in zip(named, panel.questions, strict=True)]
        texts = [ask(question.influxql, shown, device=device, sensor=sensor) for question in put]
        replies = await asyncio.gather(*(self.asking.ask(text, guest=guest) for text in texts), return_exceptions=True)
        told: list[Answered] = []
        found: list[Answered] = []
        now_ms, step_ms = self._time_ms(), shown.step_s * 1_000
        for question, who, of, reply in zip(panel.questions, named, put, replies, strict=True):
            if isinstance(reply, BaseException):
                raise reply
            rows = vehicles_only(panel, question, reply.rows, self.roster)
            told.append(answered(panel, of, rows, self.roster, now_ms=now_ms, step_ms=step_ms, language=language))
            found.append(told[-1] if who is None else counted(panel, question, told[-1], self.roster, language))
        asked_ms = min((reply.asked_ms for reply in replies if not isinstance(reply, BaseException)), default=now_ms)
        series = [each for question in found for each in question.series]
        expected = len(self.roster.expected(panel.expected))
        # A city without gauges has no gauge that is silent.
        absent = panel.expected is not None and expected == 0 and not series
        made: dict[str, Any] = {
            "questions": [asdict(question) for question in found],
            "asked_ms": asked_ms,
            "from_ms": shown.from_ms,
            "to_ms": shown.to_ms,
            "newest_ms": newest_of(found),
            "silent": silent(panel, told, self.roster),
            "expected": expected,
            "absent": absent,
            "stale": bool(panel.questions) and not absent and all(each.stale for each in series),
            "no_answer": None,
        }
        if panel.kind == "table":
            made["rows"] = table_rows(panel, found, self.roster, language)
        if panel.key == "heard" and panel.kind == "table":
            for row in made["rows"]:
                age_s = (now_ms - row["newest_ms"]) / 1_000
                row["levels"]["age"] = grade(age_s, panel.thresholds)
        return made

    def _old(self, kept_as: tuple[Any, ...], why: str, now_ms: int) -> dict[str, Any]:
        since_ms = self.asking.no_answer_since_ms or now_ms
        empty: dict[str, Any] = {
            "questions": [],
            "rows": [],
            "asked_ms": None,
            "from_ms": None,
            "to_ms": None,
            "newest_ms": None,
            "silent": [],
            "expected": 0,
            "absent": False,
        }
        made = self._kept.get(kept_as, empty)
        return {**made, "stale": True, "no_answer": {"since_ms": since_ms, "text": why}}

    def _check_names(self, board: Dashboard, device: str, sensor: str) -> None:
        if "device" in board.choices and not self.roster.has_device(device):
            raise NotAPanelError("device: expected the name of a box in the inventory")
        if "sensor" in board.choices and not self.roster.has_sensor(device, sensor):
            raise NotAPanelError("sensor: expected the name of a sensor of this box in the inventory")


def find(uid: str, key: str) -> tuple[Dashboard, Panel]:
    """Return a dashboard and its panel.

    Raises:
        NotAPanelError: There is none.
    """
    board = DASHBOARDS.get(uid)
    panel = None if board is None else next((each for each in board.panels if each.key == key), None)
    if board is None or panel is None:
        raise NotAPanelError(f"{uid}/{key}: no such panel"[:200])
    return board, panel


def described(board: Dashboard, language: str) -> dict[str, Any]:
    """Return a dashboard's definition for the board: what to draw where. Its questions stay here."""
    return {
        "uid": board.uid,
        "title": board.title.of(language),
        "range_s": board.range_s,
        "refresh_s": board.refresh_s,
        "panels": [
            {
                "key": panel.key,
                "kind": panel.kind,
                "title": panel.title.of(language),
                "cell": asdict(panel.cell),
                "asks": bool(panel.questions),
                "unit": panel.unit,
                "decimals": panel.decimals,
                "thresholds": [asdict(each) for each in panel.thresholds],
                "minimum": panel.minimum,
                "maximum": panel.maximum,
                "stale_s": panel.stale_s,
                "expected": panel.expected,
                "columns": [
                    {
                        "field": column.field,
                        "heading": column.heading.of(language),
                        "unit": column.unit,
                        "decimals": column.decimals,
                    }
                    for column in panel.columns
                ],
                "text": None if panel.words is None else panel.words.of(language),
            }
            for panel in board.panels
        ],
    }


def _range(board: Dashboard, now_ms: int, from_ms: int | None, to_ms: int | None, range_s: int | None) -> Range:
    if (from_ms is None) != (to_ms is None):
        raise NotAPanelError("from and to: expected both or neither, in ms since 1970")
    if from_ms is not None and to_ms is not None:
        within = 0 <= from_ms < to_ms <= now_ms + 86_400_000 and to_ms - from_ms <= _TEN_YEARS_MS
        if not within or to_ms - from_ms < MIN_RANGE_S * 1_000:
            raise NotAPanelError("from and to: expected a minute to ten years, in ms since 1970, not in the future")
        return Range(from_ms, to_ms)
    seconds = board.range_s if range_s is None else range_s
    if not MIN_RANGE_S <= seconds <= MAX_RANGE_S:
        raise NotAPanelError(f"range: expected {MIN_RANGE_S} to {MAX_RANGE_S} seconds")
    step_ms = board.refresh_s * 1_000
    end_ms = (now_ms // step_ms + 1) * step_ms
    return Range(end_ms - seconds * 1_000, end_ms)
