"""Grafana's JSON: as committed, nothing green without data, and drawn from what keeps a year as fast as a day."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dashboards.boards import DASHBOARDS
from dashboards.grafana import __main__ as command
from dashboards.grafana.board import LANGUAGES, POLICY_REGEX, SPAN_COUNT, board_json, uid_of
from dashboards.grafana.marks import COLOURS, GREY, legend, unit
from dashboards.model import Threshold
from dashboards.ranges import Range

_BOARDS = list(product(DASHBOARDS, LANGUAGES))


def test_the_committed_files_are_those_of_the_definitions(tmp_path: Path) -> None:
    wanted = command.files()
    assert command.stale(wanted) == []
    file = next(iter(wanted))
    assert command.stale({**wanted, file: "{}\n"}) == [f"{file} is stale"]
    missing = tmp_path / "siaga_none_id.json"
    assert command.stale({**wanted, missing: "{}\n"}) == [f"{missing} is missing"]
    assert command.main(["--what"]) == 2


@pytest.mark.parametrize(("uid", "language"), _BOARDS)
def test_a_dashboard_has_each_panel_in_its_place_and_asks_only_what_is_committed(uid: str, language: str) -> None:
    made, definition = board_json(DASHBOARDS[uid], language), DASHBOARDS[uid]
    assert made["uid"] == uid_of(uid, language)
    assert re.fullmatch(r"[a-z0-9_]{1,40}", made["uid"])
    assert "id" not in made
    assert [panel["id"] for panel in made["panels"]] == list(range(1, len(definition.panels) + 1))
    for panel, wanted in zip(made["panels"], definition.panels, strict=True):
        assert panel["title"].startswith(wanted.title.of(language))
        assert panel["gridPos"] == {
            "x": wanted.cell.x,
            "y": wanted.cell.y,
            "w": wanted.cell.width,
            "h": wanted.cell.height,
        }
        assert len(panel.get("targets", [])) == len(wanted.questions)
        for target in panel.get("targets", []):
            assert re.fullmatch(r"\w+", target["datasource"]["uid"])
            assert not re.search(r"\{(policy|time|step)\}(?<!\$\{policy\})", target["query"].replace("${policy}", ""))
            assert ("${policy}" in target["query"]) <= ("policy" in [v["name"] for v in _variables(made)])


@pytest.mark.parametrize(("uid", "language"), _BOARDS)
def test_no_data_is_grey_and_says_so(uid: str, language: str) -> None:
    for panel in board_json(DASHBOARDS[uid], language)["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        first = defaults["thresholds"]["steps"][0]
        assert first == {"value": None, "color": GREY}
        assert defaults["noValue"] in ("tanpa data", "no data")
        null = [each for each in defaults["mappings"] if each["type"] == "special"]
        assert [each["options"]["result"]["color"] for each in null] == [GREY]
        for override in panel["fieldConfig"]["overrides"]:
            for value in override["properties"]:
                if value["id"] == "thresholds":
                    assert value["value"]["steps"][0]["color"] == GREY
    assert GREY not in COLOURS.values()


def test_a_title_tells_the_thresholds_by_marks_too() -> None:
    assert legend((Threshold(0, "good"), Threshold(15.5, "watch")), "ug/m3") == "✓  ≥15.5 ! ug/m3"
    assert legend((), "m") == ""
    assert unit("m/h") == "suffix: m/h"


def _variables(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made["templating"]["list"]
    return found


# As Grafana 9.3's rangeUtil.roundInterval rounds: below the first, the second, in ms.
_ROUNDED = (
    (1_500, 1_000), (3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000),
    (45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000), (750_000, 600_000),
    (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000), (5_400_000, 3_600_000),
    (9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000), (86_400_000, 43_200_000),
    (604_800_000, 86_400_000),
)  # fmt: skip


def _span(range_s: float) -> str:
    """Return what Grafana makes of the variable `span`."""
    ms = next(rounded for below, rounded in _ROUNDED if max(1_000, range_s * 1_000 / SPAN_COUNT) < below)
    for letter, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if ms >= size:
            return f"{ms // size}{letter}"
    raise AssertionError(ms)


def _chosen(range_s: float) -> list[str]:
    pattern = re.compile(POLICY_REGEX.strip("/").replace("${span}", _span(range_s)))
    return [name for name in ("autogen", "hour", "minute", "siaga_other") if pattern.search(name)]


def test_one_retention_policy_passes_for_each_range() -> None:
    for range_s in (1, 60, 3_600, 21_600, 86_400, 172_799):
        assert _chosen(range_s) == ["autogen"]
    for days in (2, 7, 30, 60, 119):
        assert _chosen(days * 86_400) == ["minute"]
    for days in (121, 365, 3_650):
        assert _chosen(days * 86_400) == ["hour"]


def test_it_is_the_board_s_own_choice_for_a_day_a_week_and_a_year() -> None:
    for days in (1, 7, 30, 365):
        assert _chosen(days * 86_400) == [Range(0, days * 86_400_000).policy]
