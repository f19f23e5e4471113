"""The dashboards' definitions: whole, within the grid, and asking nothing but what they may."""

from __future__ import annotations

import re
from itertools import product

import pytest

from contract.catalogue import KINDS
from contract.chronicle import BOX_REPORT, DESK_BEAT, INCIDENT
from dashboards.boards import DASHBOARDS
from dashboards.model import GRID_COLUMNS, GRID_ROWS, Dashboard, Panel
from dashboards.ranges import Range, ask
from store.beside import BESIDE

_PANELS = [(board, panel) for board in DASHBOARDS.values() for panel in board.panels]
_OWN = {INCIDENT, BOX_REPORT, DESK_BEAT, "street_speed", *(one.into for one in BESIDE)}


def _name(value: object) -> str:
    return value.uid if isinstance(value, Dashboard) else value.key if isinstance(value, Panel) else str(value)


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=_name)
def test_panels_fill_the_screen_and_none_covers_another(board: Dashboard) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in board.panels:
        place = panel.cell
        own = set(product(range(place.x, place.x + place.width), range(place.y, place.y + place.height)))
        assert not own & cells, panel.key
        cells |= own
    assert cells == set(product(range(GRID_COLUMNS), range(GRID_ROWS)))
    keys = [panel.key for panel in board.panels]
    assert len(keys) == len(set(keys))
    assert re.fullmatch(r"[a-z0-9_]{1,40}", board.uid)


@pytest.mark.parametrize(("board", "panel"), _PANELS, ids=_name)
def test_a_panel_asks_only_what_there_is(board: Dashboard, panel: Panel) -> None:
    assert panel.title.id
    assert panel.title.en
    for question in panel.questions:
        text = question.influxql
        assert text.startswith("SELECT ")
        assert ";" not in text
        kinds = re.findall(r'"(?:autogen|hour|\{policy\})"\."(\w+)"', text)
        assert kinds
        for kind in kinds:
            assert kind in KINDS or kind in _OWN
            if kind in KINDS:
                fields = {known.name for known in KINDS[kind].quantities}
                named = set(re.findall(r'"(\w+)"', text.partition(" FROM ")[0].partition("SELECT ")[2]))
                assert named <= fields | {"rise_m", "vehicles", "boxes"}
        assert ("time > now() - " in text) == question.instant or "{time}" not in text
        assert ("{time}" in text) or ("time > now() - " in text), "a question without a bound draws what is long gone"
        for choice in ("device", "sensor"):
            if f"'{{{choice}}}'" in text:
                assert choice in board.choices


@pytest.mark.parametrize(("board", "panel"), _PANELS, ids=_name)
def test_thresholds_rise_and_only_what_can_be_stale_is_coloured(board: Dashboard, panel: Panel) -> None:
    values = [threshold.value for threshold in panel.thresholds]
    assert values == sorted(values)
    if panel.thresholds and any(question.instant for question in panel.questions) and panel.kind != "table":
        # A desk that makes no test presses tells none, and that is no fault of a screen.
        never = board.uid == "siaga_city" or panel.key in ("with-faults", "tests-share", "tests-budget")
        assert panel.stale_s or never, panel.key


def test_a_range_is_drawn_from_what_keeps_a_year_as_fast_as_a_day() -> None:
    day, month, year = (Range(0, days * 86_400_000) for days in (1, 30, 365))
    assert [shown.policy for shown in (day, month, year)] == ["autogen", "minute", "hour"]
    for shown in (day, month, year, Range(0, 60_000), Range(0, 0)):
        assert shown.seconds / shown.step_s <= shown.points
    assert Range(0, 300_000).step_s == 1


@pytest.mark.parametrize(("board", "panel"), _PANELS, ids=_name)
def test_a_question_over_a_range_is_drawn_from_what_keeps_it(board: Dashboard, panel: Panel) -> None:
    for question in (one for one in panel.questions if "{time}" in one.influxql):
        # Readings are kept 30 days: a year of them is none.
        assert '"autogen"' not in question.influxql
        assert ('"{policy}"' in question.influxql) != (f'"hour"."{INCIDENT}"' in question.influxql)


def test_only_a_name_of_the_inventory_comes_into_a_question() -> None:
    shown = Range(1_000, 61_000)
    text = ask('SELECT x FROM "{policy}"."m" WHERE {time} AND "device" = \'{device}\'', shown, device="box-1")
    assert text == 'SELECT x FROM "autogen"."m" WHERE time >= 1000ms AND time < 61000ms AND "device" = \'box-1\''
    with pytest.raises(ValueError, match="not a name"):
        ask("{device}", shown, device="x' OR 'a' = 'a")
