"""What the store is set up for, without a server."""

from __future__ import annotations

import pytest

from contract.catalogue import KINDS
from dashboards.traffic.minutes import MEASUREMENT
from store import layout as module
from store.beside import BESIDE, STREET_SPEED
from store.layout import Layout, is_ours, seconds, select_into, words


def test_each_kind_has_a_value_a_minute_and_an_hour_soon_and_late() -> None:
    queries = Layout().queries("siaga")
    assert len(queries) == 4 * (len(KINDS) + len(BESIDE))
    assert all(
        is_ours(name) and f'CREATE CONTINUOUS QUERY "{name}" ON "siaga" RESAMPLE' in queries[name] for name in queries
    )
    [late] = [text for name, text in queries.items() if name.startswith("siaga_minute_late_position_")]
    assert "EVERY 21600s FOR 86520s" in late
    [near] = [text for name, text in queries.items() if name.startswith("siaga_hour_near_position_")]
    assert "EVERY 3600s FOR 10800s" in near
    assert 'INTO "siaga"."hour"."position" FROM "siaga"."autogen"."position" GROUP BY time(3600s), *' in near


def test_a_query_that_does_something_else_has_another_name() -> None:
    assert not set(Layout().queries("siaga")) & set(Layout().queries("other"))
    same = set(Layout().queries("siaga")) & set(Layout(late_s=7_200).queries("siaga"))
    assert len(same) == 2 * (len(KINDS) + len(BESIDE))
    assert all("_near_" in name for name in same)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("position", 'mean("latitude") AS "latitude"'),
        ("position", 'last("course_deg") AS "course_deg"'),
        ("weather", 'sum("rain_mm") AS "rain_mm"'),
        ("weather", 'max("wind_gust_mps") AS "wind_gust_mps"'),
        ("weather", 'last("wind_direction_deg") AS "wind_direction_deg"'),
        ("position", 'count("clock") AS "readings"'),
    ],
)
def test_a_value_is_made_as_its_quantity_asks(kind: str, part: str) -> None:
    assert part in select_into("siaga", KINDS[kind], "minute", 60)


@pytest.mark.parametrize(
    ("into", "text"),
    [
        (
            "box_history",
            'SELECT max("waiting") AS "waiting", max("dropped") AS "dropped", max("faults") AS "faults", '
            'last("clock") AS "clock" INTO "siaga"."hour"."box_history" FROM "siaga"."autogen"."box_report" '
            'GROUP BY time(3600s), "device"',
        ),
        (
            "fleet",
            'SELECT max("waiting") AS "waiting" INTO "siaga"."hour"."fleet" FROM "siaga"."autogen"."box_report" '
            "GROUP BY time(3600s)",
        ),
        (
            "street_speed",
            'SELECT mean("speed_mps") AS "speed_mps", max("vehicles") AS "vehicles" INTO "siaga"."hour"."street_speed" '
            'FROM "siaga"."autogen"."street_speed" GROUP BY time(3600s), "street"',
        ),
        (
            "desk_history",
            'SELECT count("recording") / 60 AS "beats" INTO "siaga"."hour"."desk_history" FROM '
            '"siaga"."autogen"."desk_beat" GROUP BY time(3600s), "desk" fill(0)',
        ),
    ],
)
def test_what_is_kept_beside_readings_has_values_too(into: str, text: str) -> None:
    [one] = [one for one in BESIDE if one.into == into]
    assert select_into("siaga", one, "hour", 3_600) == text
    assert STREET_SPEED == MEASUREMENT


def test_every_quantity_with_a_rule_of_its_own_is_in_the_catalogue() -> None:
    names = {one.name for kind in KINDS.values() for one in kind.quantities}
    assert names >= module._SUMS | module._LASTS | module._MAXIMA
    turning = {
        one.name for kind in KINDS.values() for one in kind.quantities if (one.unit, one.maximum) == ("deg", 360)
    }
    assert turning <= module._LASTS, "the mean of two directions is none"
    since = {
        one.name for kind in KINDS.values() for one in kind.quantities if "since the reading before" in one.label_en
    }
    assert since == module._SUMS


@pytest.mark.parametrize(
    ("text", "value"), [("30d", 2_592_000), ("720h0m0s", 2_592_000), ("1w", 604_800), ("0s", 0), ("90m", 5_400)]
)
def test_a_duration_is_read_as_people_and_the_server_write_it(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1d ", "٣d", "1e3d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


def test_a_duration_is_told_in_days_or_hours() -> None:
    assert [words(one) for one in (0, 2_592_000, 7_200, 90)] == ["for ever", "30 days", "2 hours", "90 s"]
