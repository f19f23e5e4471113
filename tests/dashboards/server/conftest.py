"""A wall server in the test's own loop over a real InfluxDB with a small city in it, and Debian's Chromium."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from dashboards.server.service import Service
from dashboards.server.settings import load_server
from siaga.stack.influxdb import ADMIN, READER, InfluxDB
from siaga.stack.ports import free_port
from tests.browsers import CHROMIUM, SHELL
from tests.dashboards.server import city

REPO = Path(__file__).resolve().parents[3]
TOKEN = "a-token-that-only-the-admin-has"
NO_WEBGL = """{
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith("webgl") ? null : given.call(this, kind, ...more);
};
}"""
"""Before a page's own scripts: a screen without WebGL, whose map costs a test much less."""
_DATABASE = "walls"


@dataclass(frozen=True)
class Walls:
    """A running wall server: its address, and the folder its configuration lies in."""

    url: str
    folder: Path
    service: Service

    async def get(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON that a path answers."""
        async with self.client() as client:
            answer = await client.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            return answer.json()

    def client(self) -> httpx.AsyncClient:
        """Return a stranger's client; without certificates, whose loading would be most of a test's time."""
        return httpx.AsyncClient(base_url=self.url, timeout=30, verify=False, trust_env=False)


@pytest.fixture(scope="session")
def city_server(influxdb_server: InfluxDB) -> Iterator[InfluxDB]:
    """Yield this worker's InfluxDB, with a day of the small city in the database `walls`."""
    influxdb_server.create_database(_DATABASE)
    for policy in ("minute", "hour"):
        influxdb_server.administer(
            f'CREATE RETENTION POLICY "{policy}" ON "{_DATABASE}" DURATION 3650d REPLICATION 1 SHARD DURATION 28d'
        )
    now_ns = time.time_ns()
    _write(influxdb_server, city.lines(now_ns), "autogen")
    _write(influxdb_server, city.incident_lines(now_ns), "hour")
    yield influxdb_server
    influxdb_server.drop_database(_DATABASE)


def still_alive(server: InfluxDB) -> None:
    """Write what comes in all the time once more: the city lives, however long ago it was made."""
    _write(server, city.signs_of_life(time.time_ns()), "autogen")


def _write(server: InfluxDB, lines: bytes, policy: str) -> None:
    admin = ADMIN, server.password_file(ADMIN).read_text()
    parameters = {"db": _DATABASE, "rp": policy, "precision": "ns"}
    httpx.post(f"{server.url}/write", params=parameters, content=lines, auth=admin, timeout=30).raise_for_status()


@asynccontextmanager
async def walls(
    folder: Path, server: InfluxDB, *, plan: str = "", more: str = "", store_url: str | None = None
) -> AsyncIterator[Walls]:
    """Yield a running wall server.

    Args:
        folder: Where its configuration goes.
        server: The database.
        plan: What wall.toml has beside the city; empty: eight screens.
        more: Further lines of wall-server.toml.
        store_url: The store's address, if it is another than the server's.
    """
    port = free_port()
    password = server.password_file(READER)
    await asyncio.to_thread(still_alive, server)
    (folder / "wall.toml").write_text('city = "Kota Bandung"\n' + (plan or PLAN))
    (folder / "inventory.toml").write_text(city.inventory_toml())
    (folder / "admin.token").write_text(TOKEN)
    (folder / "admin.token").chmod(0o600)
    streets = REPO / "simulator" / "bandung.geojson"
    (folder / "wall-server.toml").write_text(
        f'plan = "wall.toml"\ninventory = "inventory.toml"\nstreets = "{streets}"\n'
        f'streets_attribution = "Peta: Kota Bandung"\nadmin_token_file = "admin.token"\n'
        f'[http]\nport = {port}\nnames = ["walls.example"]\n'
        f'[store]\nurl = "{store_url or server.url}"\ndatabase = "{_DATABASE}"\n'
        f'username = "{READER}"\npassword_file = "{password}"\n{more}'
    )
    service = Service(load_server(folder / "wall-server.toml"))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(service.run(stop, ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    try:
        yield Walls(f"http://127.0.0.1:{port}", folder, service)
    finally:
        stop.set()
        await running


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Yield Debian's Chromium."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=SHELL, args=[*CHROMIUM])
        try:
            yield running
        finally:
            await running.close()


def shots() -> Path | None:
    """Return where pictures go when they are asked for: SIAGA_SCREENSHOTS=1 for the docs, or a folder."""
    given = os.environ.get("SIAGA_SCREENSHOTS")
    if not given:
        return None
    folder = REPO / "docs" / "assets" / "walls" if given == "1" else Path(given)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_BOARDS = ("city", "alarms", "vehicles", "traffic", "air", "water", "weather", "fleet", "alarm_path")
PLAN = 'language = "id"\nsource = "board"\ntakeover_s = 900\n' + "".join(
    f'[[screens]]\nnumber = {number}\nshow = [{{ dashboard = "siaga_{name}" }}]\ntakeover = {str(number < 3).lower()}\n'
    for number, name in enumerate(_BOARDS, 1)
)
PLAN += """
[[screens]]
number = 10
show = [{ dashboard = "siaga_box" }]
device = "box-3"
[[screens]]
number = 11
show = [{ dashboard = "siaga_vehicle" }]
device = "patrol-1"
[[screens]]
number = 12
show = [{ dashboard = "siaga_sensor" }]
device = "gauge-1"
sensor = "river"
[[screens]]
number = 13
show = [{ dashboard = "siaga_city" }]
language = "en"
theme = "light"
[[screens]]
number = 14
show = [{ dashboard = "siaga_city" }]
source = "grafana"
"""
