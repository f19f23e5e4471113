"""What of Grafana passes to a screen without log-in: what our dashboards ask, and nothing else."""

from __future__ import annotations

import json
from itertools import product

import pytest

from dashboards.server.grafana import committed
from dashboards.server.grafana_rules import MAX_POINTS, Rules

QUERY = "api/datasources/proxy/uid/siaga_store/query"
NOW_MS = 1_800_000_000_000
QUESTIONS = tuple(dict.fromkeys(committed()))
RULES = Rules(QUESTIONS)
SPEED = (
    'SELECT mean("speed_mps") AS "speed_mps" FROM "autogen"."position" WHERE time >= now() - 1h and time <= now()'
    ' AND "device" = \'vehicle-1\' GROUP BY time(5s), "device" fill(none)'
)
"""As Grafana 9.3 asked it on 2026-11-22."""


def filled(text: str, time: str, step: str) -> str:
    """Return a question as Grafana fills it in."""
    for place, value in (
        ("${policy}", "minute"),
        ("$timeFilter", time),
        ("$__interval", step),
        ("${device:raw}", "box-1"),
        ("${sensor:raw}", "river"),
    ):
        text = text.replace(place, value)
    return text


def get(text: str, path: str = QUERY) -> bool:
    """Return whether a query may pass as a GET."""
    return RULES.may_get(path, [("db", "siaga"), ("q", text), ("epoch", "ms")], NOW_MS)


def test_every_question_of_every_dashboard_passes_alone_and_joined() -> None:
    assert len(QUESTIONS) > 60
    times = (
        ("time >= now() - 6h and time <= now()", "30s"),
        ("time >= 1799999000000ms and time <= 1800000000000ms", "2s"),
        ("time >= now() - 365d and time <= now()", "1d"),
        ("time >= 1799999000000ms", "1m"),
    )
    for text, (time, step) in product(QUESTIONS, times):
        assert get(filled(text, time, step)), text
    assert get(";".join(filled(text, *times[0]) for text in QUESTIONS[:5]))
    assert get(SPEED)


@pytest.mark.parametrize(
    "text",
    [
        "DROP DATABASE siaga",
        "CREATE DATABASE x",
        "SHOW DATABASES",
        "SELECT * FROM /.*/",
        f"{SPEED};DROP DATABASE siaga",
        f"{SPEED}; {SPEED}",
        f"{SPEED};",
        f";{SPEED}",
        SPEED.replace(" FROM ", " INTO x FROM "),
        SPEED.replace("'vehicle-1'", "'a' OR 'b' = 'b'"),
        SPEED.replace("'vehicle-1'", "'a;b'"),
        SPEED.replace("now() - 1h", "now() - 1h OR time > 0"),
        SPEED.replace("vehicle-1", "véhicule"),
        SPEED.replace("(5s)", "(0s)"),
        SPEED.replace("(5s)", "(1ms)"),
        SPEED.replace("- 1h", "- 3650d"),
        SPEED.replace("now() - 1h and", "0ms and"),
        SPEED + "\n",
        ";".join([SPEED] * 27),
        "",
    ],
)
def test_what_is_no_question_of_ours_or_asks_for_too_much_does_not(text: str) -> None:
    assert not get(text)
    assert not RULES.may_post("api/ds/query", body(query=text), NOW_MS)


def test_a_range_may_have_as_many_groups_as_a_screen_has_dots() -> None:
    assert get(SPEED.replace("- 1h", f"- {5 * MAX_POINTS}s"))
    assert not get(SPEED.replace("- 1h", f"- {5 * MAX_POINTS + 5}s"))


@pytest.mark.parametrize(
    "path",
    [
        "api/datasources/proxy/1/write",
        "api/datasources/proxy/uid/siaga_store/api/v2/write",
        "api/datasources/proxy/uid/siaga_store/../write",
        "api/datasources/proxy/uid/siaga_store/query/../../x",
        "api/datasources/proxy/uid/siaga_store/debug/pprof",
        "api/snapshots-delete/key",
        "api/admin/settings",
        "api/datasources",
        "logout",
        "public/../api/admin/settings",
        "public/%2e%2e/api/datasources/proxy/uid/siaga_store/query",
        "public/x%2f..%2f..",
        "render/d/x",
        "api/live/ws",
        "d/siaga_city_id/../../x",
    ],
)
def test_a_path_that_is_no_wall_does_not(path: str) -> None:
    assert not get(SPEED, path)


def test_two_queries_or_a_parameter_that_is_not_known_do_not() -> None:
    read = ("q", SPEED)
    assert RULES.may_get(QUERY, [read], NOW_MS)
    assert not RULES.may_get(QUERY, [read, ("q", "DROP DATABASE x")], NOW_MS)
    assert not RULES.may_get(QUERY, [read, ("u", "admin")], NOW_MS)
    assert not RULES.may_get(QUERY, [], NOW_MS)


@pytest.mark.parametrize(
    "path",
    [
        "d/siaga_city_id/wall",
        "public/build/app.js",
        "api/dashboards/uid/siaga_city_id",
        "api/annotations",
        "api/prometheus/grafana/api/v1/rules",
    ],
)
def test_a_dashboard_and_what_it_needs_pass(path: str) -> None:
    assert RULES.may_get(path, [("orgId", "1"), ("kiosk", "")], NOW_MS)


def body(**query: object) -> bytes:
    """Return what a later Grafana posts."""
    known: dict[str, object] = {
        "datasource": {"type": "influxdb", "uid": "siaga_store"},
        "rawQuery": True,
        "query": SPEED,
        "maxDataPoints": 1_200,
    }
    return json.dumps({"queries": [known | query]}).encode()


def test_a_posted_query_passes_only_as_a_question_of_ours() -> None:
    def may(path: str, text: bytes) -> bool:
        return RULES.may_post(path, text, NOW_MS)

    assert may("api/ds/query", body())
    assert may("api/ds/query", body(query=filled(QUESTIONS[-1], "$timeFilter", "$__interval")))
    assert not may("api/ds/query", body(rawQuery=False))
    assert not may("api/ds/query", body(datasource={"type": "postgres"}))
    assert not may("api/ds/query", body(datasource="influxdb"))
    assert not may("api/ds/query", body(maxDataPoints=10**9))
    assert not may("api/annotations", body())
    for junk in (b"", b"[]", b'{"queries": []}', b'{"queries": [1]}', b"[" * 100_000, b'{"queries": {}}'):
        assert not may("api/ds/query", junk)
