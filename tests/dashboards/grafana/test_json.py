"""Grafana's JSON: as committed, nothing green without data, and drawn from what keeps a year as fast as a day."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from contract.inventory import parse_inventory
from dashboards.boards import DASHBOARDS
from dashboards.grafana import __main__ as command
from dashboards.grafana.board import LANGUAGES, POLICY_REGEX, SPAN_COUNT, board_json, uid_of
from dashboards.grafana.marks import COLOURS, GREY, LEVEL_WORDS, MARKS, legend, unit
from dashboards.grafana.named import with_names
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
    assert legend((Threshold(0, "good"), Threshold(15.5, "watch")), "ug/m3", "en") == "✓  ≥15.5 ▲ µg/m³"
    assert legend((Threshold(0, "good"), Threshold(15.5, "watch")), "ug/m3", "id") == "✓  ≥15,5 ▲ µg/m³"
    assert legend((), "m") == ""
    assert unit("m/h", "id") == "suffix: m/jam"
    assert unit("m") == "suffix: m", "one gauge in mm beside one in m looks higher"


def test_a_mark_means_the_same_on_every_wall() -> None:
    page = (Path(__file__).parents[3] / "dashboards/server/page/format.js").read_text(encoding="utf-8")
    for level, mark in MARKS.items():
        assert f'{level}: "{mark}"' in page
    words = (Path(__file__).parents[3] / "dashboards/server/page/words.js").read_text(encoding="utf-8")
    for level, word in LEVEL_WORDS.items():
        assert f'{level}: "{word.id}"' in words
        assert f'{level}: "{word.en}"' in words


@pytest.mark.parametrize(("uid", "language"), _BOARDS)
def test_a_coloured_stat_says_its_level_in_a_word_too(uid: str, language: str) -> None:
    for panel, wanted in zip(board_json(DASHBOARDS[uid], language)["panels"], DASHBOARDS[uid].panels, strict=True):
        if wanted.kind != "stat" or not wanted.thresholds or wanted.key == "recording":
            continue
        (override,) = panel["fieldConfig"]["overrides"]
        assert override["matcher"]["options"] == panel["transformations"][0]["options"]["alias"]
        ranges = [each["options"] for each in override["properties"][0]["value"] if each["type"] == "range"]
        # The first that holds counts, and one without an end would hold nothing above 0.
        assert [each["from"] for each in ranges] == sorted((each.value for each in wanted.thresholds), reverse=True)
        assert all(each["to"] > 1e12 for each in ranges)
        assert [each["result"]["text"].split()[1] for each in ranges] == [
            LEVEL_WORDS[each.level].of(language) for each in reversed(wanted.thresholds)
        ]


@pytest.mark.parametrize(("uid", "language"), _BOARDS)
def test_bars_are_as_many_as_can_be_read_the_gravest_first(uid: str, language: str) -> None:
    for panel, wanted in zip(board_json(DASHBOARDS[uid], language)["panels"], DASHBOARDS[uid].panels, strict=True):
        if wanted.kind != "bars":
            continue
        options = {each["id"]: each["options"] for each in panel["transformations"]}
        shown = options["limit"]["limitField"]
        assert shown * (panel["options"]["text"]["valueSize"] + 10) <= wanted.cell.height * 38 - 8 - 32
        (order,) = options["sortBy"]["sort"]
        assert order["desc"] is (wanted.key != "slowest")
        few = f"· {shown} " in panel["title"]
        assert few is not any("top(" in each.influxql or "bottom(" in each.influxql for each in wanted.questions)


def test_the_first_few_of_all_keep_their_names() -> None:
    """`bottom("speed_mps", "street", 15)` is one series: as a time series it would be one nameless bar."""
    panel = next(
        each for each in board_json(DASHBOARDS["siaga_traffic"], "id")["panels"] if "bottom(" in str(each["targets"])
    )
    assert panel["targets"][0]["resultFormat"] == "table"
    mappings = {each["handlerKey"]: each["fieldName"] for each in panel["transformations"][-2]["options"]["mappings"]}
    assert (mappings["field.name"], mappings["field.value"]) == ("street", "speed_mps")


def test_with_an_inventory_gauges_have_names_and_their_own_thresholds() -> None:
    inventory = parse_inventory(_CITY, source="inventory.toml")
    plain = board_json(DASHBOARDS["siaga_water"], "id")
    made = with_names(plain, DASHBOARDS["siaga_water"], inventory, "id")
    assert plain == board_json(DASHBOARDS["siaga_water"], "id"), "what is given is left as it is"
    for panel in (made["panels"][0], made["panels"][2]):
        named = {each["matcher"]["options"]: each["properties"] for each in panel["fieldConfig"]["overrides"]}
        assert named["box-1 river"][0]["value"].rstrip() == "Cikapundung, Braga"
    level, rise = (
        {each["matcher"]["options"]: each["properties"] for each in panel["fieldConfig"]["overrides"]}
        for panel in made["panels"][:2]
    )
    steps = next(each["value"]["steps"] for each in level["box-1 river"] if each["id"] == "thresholds")
    assert [(each["value"], each["color"]) for each in steps] == [
        (None, GREY), (-1e9, COLOURS["good"]), (1.5, COLOURS["watch"]), (2.5, COLOURS["critical"]),
    ]  # fmt: skip
    assert [each["id"] for each in level["box-2 river"]] == ["displayName"], (
        "thresholds below are not drawn upside down"
    )
    assert [each["id"] for each in rise["box-1 river"]] == ["displayName"], "a rise has the panel's own bounds"


def test_with_an_inventory_it_is_told_of_how_many() -> None:
    inventory = parse_inventory(_CITY, source="inventory.toml")
    for uid, key, of in (("siaga_city", "boxes", 3), ("siaga_vehicles", "moving", 1)):
        made = with_names(board_json(DASHBOARDS[uid], "en"), DASHBOARDS[uid], inventory, "en")
        keys = [panel.key for panel in DASHBOARDS[uid].panels]
        panel = made["panels"][keys.index(key)]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] == f"suffix: of {of}"
        assert [(each["value"], each["color"]) for each in defaults["thresholds"]["steps"]] == [
            (None, GREY), (0, COLOURS["watch"]), (of, COLOURS["good"]),
        ]  # fmt: skip
        assert panel["options"]["colorMode"] == "background"
        table = made["panels"][keys.index("map")]["fieldConfig"]["defaults"]["mappings"]
        assert {"text": "Patroli 1", "index": 2} in [each["options"].get("vehicle-1") for each in table]


_CITY = """
[[sites]]
id = "braga"
address = "Jl. Braga"
latitude = -6.9
longitude = 107.6
[[devices]]
name = "box-1"
label = "Kotak 1"
site = "braga"
[[devices]]
name = "box-2"
label = "Kotak 2"
site = "braga"
[[devices]]
name = "vehicle-1"
label = "Patroli 1"
vehicle = "patrol"
[[sensors]]
device = "box-1"
id = "river"
kind = "water_level"
label = "Cikapundung, Braga"
[[sensors.thresholds]]
field = "level_m"
value = 2.5
level = "critical"
[[sensors.thresholds]]
field = "level_m"
value = 1.5
level = "watch"
[[sensors]]
device = "box-2"
id = "river"
kind = "water_level"
label = "Citepus"
thresholds = [{ field = "level_m", value = 0.2, level = "bad", below = true }]
"""


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
