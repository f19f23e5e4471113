"""The wall server over HTTP on a real InfluxDB: what it answers, and what it refuses to everybody."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from dashboards.boards import DASHBOARDS
from dashboards.server.asking import FRESH_S
from dashboards.server.settings import load_server
from siaga.stack.influxdb import InfluxDB
from siaga.stack.ports import free_port
from tests.dashboards.server.conftest import TOKEN, walls

CHANGING = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.mark.slow
async def test_every_panel_of_every_dashboard_is_answered_in_both_languages(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    async with walls(tmp_path, city_server) as server:
        for board in DASHBOARDS.values():
            chosen: dict[str, Any] = {"device": "box-3" if board.uid == "siaga_box" else "patrol-1"}
            if "sensor" in board.choices:
                chosen = {"device": "gauge-1", "sensor": "river"}
            told = await server.get(f"/api/dashboard/{board.uid}", language="en")
            assert told["title"] == board.title.en
            assert "SELECT" not in json.dumps(told), "questions stay on the server"
            for panel in board.panels:
                found = await server.get(f"/api/panel/{board.uid}/{panel.key}", language="en", **chosen)
                assert found["no_answer"] is None, (board.uid, panel.key)
                assert found["asked_ms"] > 0
        water = await server.get("/api/panel/siaga_water/level-now")
        levels = {series["label"]: series["level"] for series in water["questions"][0]["series"]}
        assert levels["Cikapundung, Braga"] in ("watch", "bad", "critical"), "the inventory's own thresholds"
        assert [each["name"] for each in water["silent"]] == ["gauge-4/river"]
        fleet = await server.get("/api/panel/siaga_fleet/boxes")
        assert "box-8" in {each["name"] for each in fleet["silent"]}
        gauges = await server.get("/api/panel/siaga_water/gauges")
        [silent] = gauges["silent"]
        assert silent["since_ms"] < gauges["asked_ms"] - 180 * 60_000


@pytest.mark.slow
async def test_a_browsers_words_never_reach_the_store(tmp_path: Path, city_server: InfluxDB) -> None:
    async with walls(tmp_path, city_server) as server, server.client() as client:
        before = (await server.get("/api/panel/siaga_city/open"))["asked_ms"]
        assert before
        for parameters in (
            {"device": "box-1'; DROP DATABASE walls --"},
            {"device": "nobody"},
            {"device": ""},
            {"device": "box-3", "range": "1"},
            {"device": "box-3", "range": "99999999999"},
            {"device": "box-3", "from": "5", "to": "4"},
            {"device": "box-3", "from": "0"},
            {"device": "box-3", "from": "x", "to": "y"},
            {"device": "box-3", "language": "xx"},
            {"device": "x" * 5_000},
        ):
            answer = await client.get("/api/panel/siaga_box/cpu", params=parameters)
            assert answer.status_code in (404, 422), parameters
            assert set(answer.json()) == {"code", "text"}
        for path in ("siaga_box/../x", "siaga_x/cpu", "siaga_box/nothing", "%2e%2e/%2e%2e"):
            assert (await client.get(f"/api/panel/{path}")).status_code == 404
        for name in ("../settings.py", "%2e%2e/app.py", "vendor/../../app.py", ".hidden.js", "vendor/stamp"):
            assert (await client.get(f"/static/{name}")).status_code == 404


@pytest.mark.slow
async def test_a_stranger_changes_nothing_on_any_route(tmp_path: Path, city_server: InfluxDB) -> None:
    async with walls(tmp_path, city_server) as server, server.client() as client:
        app = server.service.app
        assert app is not None
        paths = {str(getattr(route, "path", "")) for route in app.routes}
        assert {"/", "/wall/{number}", "/api/reload/{number}", "/grafana/{path:path}"} <= paths
        for path in sorted(paths):
            concrete = path.replace("{number}", "1").replace("{uid}", "siaga_city").replace("{panel}", "open")
            concrete = concrete.replace("{name:path}", "wall.js").replace("{path:path}", "api/admin/settings")
            concrete = concrete.replace("{incident_id}", "nothing")
            for method in CHANGING:
                answer = await client.request(method, concrete, json={})
                allowed = method == "POST" and path.endswith("/alive")
                assert answer.status_code in (401, 403, 404, 405, 422) or allowed, (method, path, answer.status_code)
                assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/", headers={"host": "evil.example"})).status_code == 421
        assert (await client.get("/", headers={"host": "walls.example"})).status_code == 200
        foreign = {"origin": "http://evil.example", "authorization": f"Bearer {TOKEN}"}
        assert (await client.post("/api/reload/1", json={}, headers=foreign)).status_code == 403
        plain = {"content-type": "text/plain", "authorization": f"Bearer {TOKEN}"}
        assert (await client.post("/api/reload/1", content=b"{}", headers=plain)).status_code == 415
        assert (await client.post("/api/reload/1", content=b"x" * 70_000)).status_code in (413, 415)
        page = await client.get("/wall/1")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.mark.slow
async def test_the_admin_has_a_screen_load_anew_and_nobody_else(tmp_path: Path, city_server: InfluxDB) -> None:
    async with walls(tmp_path, city_server) as server, server.client() as client:
        state = (await client.get("/api/screen/1")).json()
        held = asyncio.create_task(client.get("/api/screen/1", params={"seen": state["version"]}))
        for headers in ({}, {"authorization": "Bearer"}, {"authorization": "Bearer wrong"}):
            assert (await client.post("/api/reload/1", json={}, headers=headers)).status_code == 401
        assert not held.done(), "a screen's question is held while nothing changes"
        given = await client.post("/api/reload/1", json={}, headers={"authorization": f"Bearer {TOKEN}"})
        assert given.status_code == 202
        assert (await held).json()["reload"] == state["reload"] + 1


@pytest.mark.slow
async def test_24_screens_asking_at_once_cost_the_store_one_question_each(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    async with walls(tmp_path, city_server) as server:
        began_s = time.monotonic()
        answers = await asyncio.gather(*(server.get("/api/panel/siaga_water/level-now") for _ in range(24)))
        seconds = (time.monotonic() - began_s) / FRESH_S
        assert all(answer["no_answer"] is None for answer in answers)
        assert len({answer["asked_ms"] for answer in answers}) <= 2 + seconds, (
            "kept for a second; the range may move on"
        )


@pytest.mark.slow
async def test_a_store_that_does_not_answer_is_said_and_old_values_are_stale(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with walls(tmp_path, city_server, store_url=nowhere) as server:
        found = await server.get("/api/panel/siaga_water/level-now")
        assert found["stale"] is True
        assert found["questions"] == []
        assert found["no_answer"]["since_ms"] > 0
        health = await server.get("/api/health/siaga_water")
        assert health["no_answer_since_ms"] == found["no_answer"]["since_ms"]
        assert health["newest_ms"] is None
        overview = await server.get("/api/wall")
        assert overview["no_answer_since_ms"] == found["no_answer"]["since_ms"]


def test_a_wrong_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "wall-server.toml"
    (tmp_path / "wall.toml").write_text('city = "K"\nlanguage = "id"\n[[screens]]\nnumber = 1\ntakeover = true\n')
    (tmp_path / "inventory.toml").write_text("version = 1\n")
    for text, expected in (
        ("", "plan"),
        ('plan = "wall.toml"\ninventory = "none.toml"\n[store]\n', "inventory"),
        ('plan = "wall.toml"\ninventory = "inventory.toml"\n[store]\n', "show"),
        ('plan = "none.toml"\ninventory = "inventory.toml"\n[store]\n', "cannot be read"),
        ('plan = "w"\ninventory = "i"\n[store]\n[traffic]\n', "streets"),
        ('plan = "w"\ninventory = "i"\n[store]\n[grafana]\nurl = "http://x:3000/"\n', "grafana"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=expected) as told:
            load_server(file)
        assert "\n" not in str(told.value).strip()[:80]


def test_whose_map_it_is_is_told_by_the_configuration_or_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "wall.toml").write_text(
        'city = "K"\nlanguage = "id"\n[[screens]]\nnumber = 1\nshow = [{ dashboard = "siaga_city" }]\ntakeover = true\n'
    )
    (tmp_path / "inventory.toml").write_text("version = 1\n")
    (tmp_path / "reader.password").write_text("reader of the store")
    (tmp_path / "reader.password").chmod(0o600)
    top = 'plan = "wall.toml"\ninventory = "inventory.toml"\nstreets = "s.geojson"\n'
    store = '[store]\nusername = "reader"\npassword_file = "reader.password"\n'
    given = 'streets_attribution = "© Kota"\n'
    for said, text, expected in (
        (None, top, None),
        ("© OpenStreetMap contributors", top, "© OpenStreetMap contributors"),
        ("© OpenStreetMap contributors", top + given, "© Kota"),
        (7, top, None),
    ):
        streets = {"type": "FeatureCollection", "features": []} | ({} if said is None else {"attribution": said})
        (tmp_path / "s.geojson").write_text(json.dumps(streets))
        (tmp_path / "wall-server.toml").write_text(text + store)
        assert load_server(tmp_path / "wall-server.toml").attribution == expected
