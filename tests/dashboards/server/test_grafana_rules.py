"""What of Grafana passes to a screen without log-in: what reads, and nothing else."""

from __future__ import annotations

import json
from itertools import product

import pytest

from dashboards.boards import DASHBOARDS
from dashboards.ranges import Range, ask
from dashboards.server.grafana_rules import may_get, may_post, reads_only

QUERY = "api/datasources/proxy/uid/siaga_store/query"


def test_every_committed_question_passes() -> None:
    for board, days in product(DASHBOARDS.values(), (0.1, 7, 365)):
        for panel in board.panels:
            for question in panel.questions:
                text = ask(question.influxql, Range(0, int(days * 86_400_000)), device="box-1", sensor="river")
                assert may_get(QUERY, [("db", "siaga"), ("q", text), ("epoch", "ms")]), text


@pytest.mark.parametrize(
    "text",
    [
        "DROP DATABASE siaga",
        "CREATE DATABASE x",
        "SELECT * INTO y FROM x",
        "select * into y from x",
        "SELECT * FROM x; DROP DATABASE siaga",
        "SELECT * FROM x WHERE a =~ /'/ ; DROP DATABASE siaga ; SELECT * FROM x WHERE a =~ /'/",
        "SHOW DATABASES;DROP DATABASE x",
        " -- SELECT\nDROP DATABASE x",
        "SELECT\u00a0*",
        "SELECTED",
        "",
        "SELECT " + "a" * 9_000,
    ],
)
def test_a_statement_that_could_change_something_does_not(text: str) -> None:
    assert not reads_only(text)
    assert not may_get(QUERY, [("q", text)])


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
        "render/d/x",
        "api/live/ws",
        "d/siaga_city_id/../../x",
    ],
)
def test_a_path_that_is_no_wall_does_not(path: str) -> None:
    assert not may_get(path, [("q", "SELECT a FROM b")])


def test_two_queries_or_a_parameter_that_is_not_known_do_not() -> None:
    read = ("q", "SELECT a FROM b")
    assert may_get(QUERY, [read])
    assert not may_get(QUERY, [read, ("q", "DROP DATABASE x")])
    assert not may_get(QUERY, [read, ("u", "admin")])
    assert not may_get(QUERY, [])


@pytest.mark.parametrize("path", ["d/siaga_city_id/wall", "public/build/app.js", "api/dashboards/uid/siaga_city_id"])
def test_a_dashboard_and_what_it_needs_pass(path: str) -> None:
    assert may_get(path, [("orgId", "1"), ("kiosk", "")])


def body(**query: object) -> bytes:
    known: dict[str, object] = {
        "datasource": {"type": "influxdb", "uid": "siaga_store"},
        "rawQuery": True,
        "query": "SELECT a FROM b",
    }
    return json.dumps({"queries": [known | query]}).encode()


def test_a_posted_query_passes_only_as_one_that_reads() -> None:
    assert may_post("api/ds/query", body())
    assert not may_post("api/ds/query", body(query="DROP DATABASE x"))
    assert not may_post("api/ds/query", body(rawQuery=False))
    assert not may_post("api/ds/query", body(datasource={"type": "postgres"}))
    assert not may_post("api/annotations", body())
    for junk in (b"", b"[]", b'{"queries": []}', b'{"queries": [1]}', b"[" * 100_000, b'{"queries": {}}'):
        assert not may_post("api/ds/query", junk)
