"""Who is counted: those of the inventory who spoke, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from contract.inventory import parse_inventory
from dashboards.boards import DASHBOARDS
from dashboards.server.answers import Answered, answered, silent
from dashboards.server.asking import Asking
from dashboards.server.counting import counted, vehicles_only, who_counts
from dashboards.server.panels import Panels, find
from dashboards.server.roster import Roster
from store import Row, StoreRetryError

NOW_MS = 1_800_000_000_000
ROSTER = Roster(
    parse_inventory(
        'version = 1\n[[devices]]\nname = "box-1"\nlabel = "Tiang 1"\n[[devices]]\nname = "box-2"\nlabel = "Tiang 2"\n'
        '[[devices]]\nname = "patrol-1"\nlabel = "Patroli 1"\nvehicle = "patrol"\n',
        source="city",
    )
)


def _row(device: str, age_s: float = 5) -> Row:
    return {"measurement": "m", "time": int((NOW_MS / 1_000 - age_s) * 1e9), "device": device, "produced": 7}


def _count(uid: str, key: str, rows: list[Row]) -> tuple[Answered, list[str]]:
    panel = find(uid, key)[1]
    [question] = panel.questions
    who = who_counts(panel, question)
    assert who is not None
    named = answered(panel, who, rows, ROSTER, now_ms=NOW_MS, step_ms=1_000, language="id")
    missing = [each["name"] for each in silent(panel, [named], ROSTER)]
    return counted(panel, question, named, ROSTER, "id"), missing


@pytest.mark.parametrize(("uid", "key"), [("siaga_city", "boxes"), ("siaga_fleet", "heard")])
def test_a_box_that_the_inventory_does_not_know_is_not_counted_and_the_missing_one_is_named(uid: str, key: str) -> None:
    found, missing = _count(uid, key, [_row("box-1"), _row("patrol-1"), _row("stranger")])
    [series] = found.series
    assert (found.columns, series.rows) == (["time", "boxes"], [[NOW_MS - 5_000, 2]])
    assert (series.stale, missing) == (False, ["box-2"])


def test_a_post_with_a_receiver_is_no_vehicle() -> None:
    found, missing = _count("siaga_vehicles", "moving", [_row("box-1"), _row("patrol-1", 20)])
    assert (found.series[0].rows[0][1], missing) == (1, [])


def test_with_nobody_heard_it_is_stale_and_everybody_is_missing() -> None:
    found, missing = _count("siaga_city", "boxes", [])
    assert (found.series[0].stale, found.series[0].level) == (True, None)
    assert missing == ["box-1", "box-2", "patrol-1"]


def test_on_the_map_are_vehicles_and_whoever_is_not_known_and_incidents_of_posts() -> None:
    panel = find("siaga_city", "map")[1]
    where, incidents = panel.questions
    rows = [_row("box-1"), _row("patrol-1"), _row("stranger")]
    assert [row["device"] for row in vehicles_only(panel, where, rows, ROSTER)] == ["patrol-1", "stranger"]
    assert vehicles_only(panel, incidents, rows, ROSTER) == rows
    assert who_counts(panel, where) is None


def test_who_is_chosen_is_shown_also_when_it_stands() -> None:
    panel = find("siaga_vehicle", "map")[1]
    assert vehicles_only(panel, panel.questions[0], [_row("box-1")], ROSTER) == [_row("box-1")]


class _Empty:
    """A store that has nothing, or does not answer."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers

    async def query(self, influxql: str) -> list[Row]:
        """Answer nothing."""
        if not self._answers:
            raise StoreRetryError("gone")
        return []


def test_a_week_without_an_incident_is_no_fault_and_a_wall_without_readings_is_one() -> None:
    def quiet(*, answers: bool) -> set[str]:
        async def asked() -> set[str]:
            panels = Panels(Asking(_Empty(answers=answers), lambda: NOW_MS), ROSTER, lambda: NOW_MS)
            fixed = [uid for uid, board in DASHBOARDS.items() if not board.choices]
            return {uid for uid in fixed if (await panels.health(uid))["quiet"]}

        return asyncio.run(asked())

    assert quiet(answers=True) == {"siaga_alarms"}
    assert quiet(answers=False) == set()
