"""Triage: which buttons want something done, and that none is held back by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from duty_desk.triage.judge import DAY_NS, Case, Verdict, judge

NOW: Final = 1_795_334_400 * 10**9
QUIET: Final = Case("box-1", "sos", "press", NOW - DAY_NS // 2, 15, 1, True, None)
FALSE: Final = replace(QUIET, reason="false_alarm")


def ago(case: Case, days: float, **changes: object) -> Case:
    """Return a case of so many days ago."""
    return replace(case, opened_at_ns=NOW - round(days * DAY_NS), **changes)  # type: ignore[arg-type]


def one(cases: list[Case]) -> Verdict:
    """Return the verdict on the one button there is."""
    (verdict,) = judge(cases, NOW)
    return verdict


def test_a_button_that_is_pressed_now_and_then_wants_nothing() -> None:
    verdict = one([ago(QUIET, days) for days in (0.5, 4, 12, 25)])
    assert (verdict.action, verdict.signs) == (None, ())
    assert [(count.days, count.incidents) for count in verdict.counts] == [(1, 1), (7, 2), (30, 4)]


def test_a_fault_of_its_line_within_a_week_is_visited() -> None:
    assert one([ago(QUIET, 6.9, origin="fault")]).action == "visit"
    assert one([ago(QUIET, 7.1, origin="fault")]).action is None


@pytest.mark.parametrize(("count", "action"), [(5, None), (6, "visit")])
def test_many_incidents_in_a_day_are_a_button_that_hangs(count: int, action: str | None) -> None:
    verdict = one([ago(QUIET, 0.1 * number) for number in range(count)])
    assert (verdict.action, "stuck" in verdict.signs) == (action, action is not None)


@pytest.mark.parametrize(("presses", "incidents", "action"), [(4, 3, "visit"), (3, 3, None), (9, 2, None)])
def test_chatter_is_many_presses_in_several_incidents(presses: int, incidents: int, action: str | None) -> None:
    verdict = one([ago(QUIET, number + 1, presses=presses) for number in range(incidents)])
    assert verdict.action == action


@pytest.mark.parametrize(
    ("false", "true", "hours", "action"),
    [
        (3, 3, (1, 9, 17), "move"),
        (3, 4, (1, 9, 17), None),
        (2, 0, (1, 9), None),
        (3, 0, (14, 15, 16), "teach"),
        (3, 0, (23, 0, 1), "teach"),
        (3, 0, (14, 15, 17), "move"),
    ],
)
def test_false_alarms_at_the_same_hours_are_taught_and_others_moved(
    false: int, true: int, hours: tuple[int, ...], action: str | None
) -> None:
    cases = [ago(FALSE, 8 + number, hour=hours[number]) for number in range(false)]
    assert one(cases + [ago(QUIET, 20 + number) for number in range(true)]).action == action


def test_the_hours_are_told_over_midnight_too() -> None:
    assert one([ago(FALSE, 8 + n, hour=hour) for n, hour in enumerate((23, 0, 1))]).hours == (23, 2)


def test_what_is_not_over_yet_is_no_share() -> None:
    verdict = one([replace(QUIET, ended=False)])
    assert verdict.counts[-1].false_share is None


def test_older_than_a_month_and_later_than_now_count_nothing() -> None:
    assert judge([ago(QUIET, 30.1), ago(QUIET, -0.1)], NOW) == []


def test_the_worst_comes_first() -> None:
    cases = [ago(QUIET, day, device="box-2") for day in range(1, 20)]
    cases += [ago(FALSE, 8 + number, hour=number * 7) for number in range(3)]
    assert [verdict.device for verdict in judge(cases, NOW)] == ["box-1", "box-2"]
