"""A stranger without log-in, on every route of the wall server and through Grafana: reads the walls, changes nothing.

The data source proxy of the stand-in hands on whatever reaches it, as a Grafana does for a viewer without log-in, to a
real InfluxDB that asks for accounts. Through the wall server not even an admin's account there is of any use.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.guardian.wiring import add_guardian, guardian_of
from dashboards.server.app import make_app
from dashboards.server.settings import load_server
from dashboards.server.wall import Wall
from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from store import InfluxDB1
from tests.dashboards.guardian.beats import grafana as grafana_beat
from tests.dashboards.guardian.grafana import StandIn, stand_in
from tests.dashboards.server.conftest import Walls, walls

PROXY = "api/datasources/proxy/1"
READ = 'SELECT count(*) FROM "telemetry"'
STATEMENTS = (
    "CREATE DATABASE stranger",
    "DROP DATABASE walls",
    "create user stranger with password 'x' with all privileges",
    'DROP SERIES FROM "fleet"',
    'DELETE FROM "fleet"',
    'SELECT * INTO "stranger" FROM "fleet"',
    'SELECT * into "stranger" FROM "fleet"',
    "SHOW DATABASES; CREATE DATABASE stranger",
    "SHOW DATABASES;\nCREATE DATABASE stranger",
    "/* SELECT */ CREATE DATABASE stranger",
    "-- SELECT\nCREATE DATABASE stranger",
    'CREATE RETENTION POLICY "stranger" ON "walls" DURATION 1h REPLICATION 1',
    "KILL QUERY 1",
    "EXPLAIN ANALYZE SELECT * INTO stranger FROM fleet",
)
LINES = b"stranger value=1\n"
WRITES: tuple[tuple[str, str], ...] = (
    ("POST", f"{PROXY}/write?db=walls"),
    ("POST", f"{PROXY}/api/v2/write?bucket=walls&org=x"),
    ("POST", f"{PROXY}/api/v2/delete?bucket=walls&org=x"),
    ("GET", f"{PROXY}/write?db=walls"),
    ("POST", f"{PROXY}/query/../write?db=walls"),
    ("POST", f"{PROXY}/query/%2e%2e/write?db=walls"),
    ("POST", f"{PROXY}/query/%252e%252e/write?db=walls"),
    ("POST", f"{PROXY}/query%2f..%2fwrite?db=walls"),
    ("POST", f"public/../{PROXY}/write?db=walls"),
    ("POST", f"public/%2e%2e/{PROXY}/write?db=walls"),
    ("GET", f"public/..%2f{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("GET", f"public/%252e%252e/{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("GET", f"public/%25252e%25252e/{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("GET", f"/{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("GET", f"{PROXY}/query?db=walls&q=SHOW+DATABASES&q=CREATE+DATABASE+stranger"),
    ("GET", f"{PROXY}/query?db=walls&Q=CREATE+DATABASE+stranger"),
    ("GET", f"{PROXY}/query?db=walls&q=SHOW+DATABASES%00&params=x"),
    ("PUT", f"{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("DELETE", f"{PROXY}/query?db=walls&q=CREATE+DATABASE+stranger"),
    ("POST", "api/dashboards/db"),
    ("POST", "api/datasources"),
    ("DELETE", "api/dashboards/uid/siaga_city_id"),
    ("PUT", "api/user/preferences"),
    ("POST", "api/admin/users"),
    ("POST", "login"),
)


def contents(server: InfluxDB) -> Any:
    """Return what a stranger would have changed: databases, users, policies, measurements and the points in them."""
    asked = ("SHOW DATABASES", "SHOW USERS", "SHOW RETENTION POLICIES ON walls", "SHOW MEASUREMENTS ON walls")
    # What is written all the time, by a test beside this one, is not in this database.
    return [server.administer(text) for text in asked] + [server.query("SELECT count(*) FROM /.*/", database="walls")]


async def ask_everything(client: httpx.AsyncClient, below: str) -> dict[str, int]:
    """Try each way to write there is, below an address of Grafana; return what was answered."""
    got: dict[str, int] = {}
    for text in STATEMENTS:
        parameters = {"db": "walls", "q": text}
        got[f"GET {text}"] = (await client.get(f"{below}{PROXY}/query", params=parameters)).status_code
        answer = await client.post(f"{below}{PROXY}/query", params=parameters, content=LINES)
        got[f"POST {text}"] = answer.status_code
        answer = await client.post(f"{below}{PROXY}/query", data=parameters)
        got[f"form {text}"] = answer.status_code
        query = {"refId": "A", "rawQuery": True, "query": text, "datasource": {"type": "influxdb", "uid": "siaga"}}
        answer = await client.post(f"{below}api/ds/query", json={"queries": [query]})
        got[f"ds {text}"] = answer.status_code
    for method, path in WRITES:
        # httpx would tidy the dots away, so the path goes out as it is.
        url = httpx.URL(below)
        url = url.copy_with(raw_path=url.raw_path + path.encode())
        for headers in ({}, {"content-type": "application/json"}, {"x-http-method-override": "DELETE"}):
            answer = await client.request(method, url, content=LINES, headers=headers)
            got[f"{method} {path} {headers}"] = answer.status_code
    return got


@pytest.mark.slow
async def test_through_the_wall_server_not_even_an_admins_data_source_can_be_written(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    account = ADMIN, city_server.password_file(ADMIN).read_text().strip()
    async with (
        stand_in(StandIn(store=city_server.url, account=account)) as grafana,
        walls(tmp_path, city_server, more=f'[grafana]\nurl = "{grafana.url}"\n') as running,
        httpx.AsyncClient(timeout=20) as client,
    ):
        before = contents(city_server)
        below = f"{running.url}/grafana/"
        answer = await client.get(f"{below}{PROXY}/query", params={"db": "walls", "q": "SHOW RETENTION POLICIES"})
        assert answer.status_code == 200, "a stranger may read"
        assert answer.json()["results"][0]["series"][0]["values"]
        grafana.asked.clear()
        got = await ask_everything(client, below)
        assert {what: status for what, status in got.items() if status < 400} == {}
        passed = [asked for asked in grafana.asked if asked != ("GET", "api/health")]
        assert passed == [], "nothing of it reached Grafana"
        assert contents(city_server) == before


@pytest.mark.slow
async def test_straight_at_grafana_an_account_that_may_only_read_changes_nothing(city_server: InfluxDB) -> None:
    account = READER, city_server.password_file(READER).read_text().strip()
    async with (
        stand_in(StandIn(store=city_server.url, account=account)) as grafana,
        httpx.AsyncClient(timeout=20) as client,
    ):
        before = contents(city_server)
        answer = await client.get(f"{grafana.url}{PROXY}/query", params={"db": "walls", "q": "SHOW RETENTION POLICIES"})
        assert "series" in answer.text, "it may read"
        await ask_everything(client, grafana.url)
        assert ("POST", f"{PROXY}/write") in grafana.asked, "all of it reached the store"
        assert contents(city_server) == before


@pytest.mark.slow
async def test_on_every_route_and_by_every_method_a_stranger_changes_nothing(
    tmp_path: Path, city_server: InfluxDB
) -> None:
    async with walls(tmp_path, city_server) as running, httpx.AsyncClient(timeout=20) as client:
        before = contents(city_server), _files(tmp_path), await _shown(running)
        changed: dict[str, int] = {}
        for path in _paths(tmp_path):
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
                for body in (b"{}", json.dumps({"reload": True, "number": 1}).encode())[: 2 if method == "POST" else 1]:
                    headers = {"content-type": "application/json", "authorization": "Bearer guess"}
                    answer = await client.request(method, running.url + path, content=body, headers=headers)
                    if answer.status_code < 400:
                        changed[f"{method} {path}"] = answer.status_code
        assert changed == {}
        # The one thing a stranger may send is a beat; a good one is no more than a page that somebody opened.
        beat = grafana_beat(kiosk=False).model_dump_json()
        answer = await client.post(
            f"{running.url}/api/screen/1/alive", content=beat, headers={"content-type": "application/json"}
        )
        assert answer.json()["reload"] is False
        assert (contents(city_server), _files(tmp_path), await _shown(running)) == before


def _paths(folder: Path) -> list[str]:
    """Return an address of every route of the wall server."""
    server = load_server(folder / "wall-server.toml")
    wall = Wall(server, InfluxDB1(server.settings.store.url, "walls", None))
    app = make_app(wall)
    add_guardian(app, guardian_of(wall, ()))
    given = {"number": "1", "uid": "siaga_city", "panel": "map", "incident_id": "x", "name:path": "wall.js"}
    found = []
    for route in app.routes:
        path: str = route.path  # type: ignore[attr-defined]
        for name, value in given.items():
            path = path.replace(f"{{{name}}}", value)
        found.append(path.replace("{path:path}", "api/health"))
    assert {"/", "/wall/1", "/metrics", "/api/screen/1/alive"} <= set(found)
    assert not any("{" in path for path in found)
    return found


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


async def _shown(running: Walls) -> Any:
    state = await running.get("/api/screen/1")
    return {key: state[key] for key in ("source", "rotation", "incident", "reload", "language", "theme")}
