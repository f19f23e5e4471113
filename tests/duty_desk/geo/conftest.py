"""The map's routes on a real HTTP server with the desk's own guard, without the rest of the desk."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from contract.inventory import Inventory, parse_inventory
from duty_desk.settings import Desk, DeskSettings
from duty_desk.web.files import CONSOLE
from duty_desk.web.geo_api import add_geo
from duty_desk.web.guard import Guard
from link import BrokerSettings
from siaga.stack.ports import free_port
from store import Account, StoreSettings

REPO = Path(__file__).parents[3]
OWN_STREETS = REPO / "simulator" / "bandung.geojson"
BANDUNG = REPO.parent / "shared" / "data" / "bandung-roads.geojson"
"""A deployer's file beside the repository, where there is one; the tests pass without."""

INVENTORY = """
version = 1
[[sites]]
id = "alun-alun"
address = "Alun-Alun, Jl. Asia Afrika"
latitude = -6.9217
longitude = 107.6071
[[sites]]
id = "dago"
address = "Simpang Dago"
latitude = -6.8850
longitude = 107.6137
[[devices]]
name = "box-1"
label = "Kotak Alun-Alun"
site = "alun-alun"
[[devices]]
name = "mobil-1"
label = "Patroli 1"
vehicle = "patrol"
[[devices]]
name = "mobil-2"
label = "Patroli 2"
[[buttons]]
device = "box-1"
id = "sos"
address = "Jl. Braga 10, depan Gedung Merdeka"
latitude = -6.9211
longitude = 107.6098
[[cameras]]
id = "cam-1"
site = "alun-alun"
label = "Sudut timur"
link = "https://cctv.example/1"
[[cameras]]
id = "cam-2"
site = "dago"
label = "Simpang"
link = "https://cctv.example/2"
"""

PAGE = '<!doctype html><html lang="id"><head><title>map</title></head><body><div id="place"></div></body></html>'


@dataclass
class MapServer:
    """The map's routes, served."""

    folder: Path
    inventory: Inventory
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def map(self) -> Path:
        """The folder of the base map."""
        return self.folder / "map"

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (names in small letters) and body of a GET."""
        request = urllib.request.Request(self.url + path)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()

    def json(self, path: str) -> Any:
        """Return what a GET answers."""
        status, _, body = self.get(path)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture
def inventory() -> Inventory:
    """Return a small city's inventory."""
    return parse_inventory(INVENTORY, source="inventory.toml")


Serve = Callable[..., Any]


@contextmanager
def serving(
    folder: Path,
    inventory: Inventory,
    *,
    streets: bytes | None = None,
    store: StoreSettings | None = None,
    account: Account | None = None,
) -> Iterator[MapServer]:
    """Serve the map's routes and the pages' files on a free port."""
    broker = BrokerSettings(host="127.0.0.1", port=1, ca=folder / "no.pem", username="x", password_file=folder / "no")
    settings = DeskSettings(data_dir=".", inventory="-", alarm_broker=broker, telemetry_broker=broker, store=store)
    config = Desk(
        settings=settings,
        brokers={},
        ledger=folder / "ledger.db",
        accounts=folder / "accounts.db",
        contacts=folder / "contacts.db",
        push_key=folder / "push.pem",
        roster=folder / "roster.csv",
        synthetic=folder / "synthetic.db",
        inventory=inventory,
        photos=folder,
        streets=OWN_STREETS.read_bytes() if streets is None else streets,
        map=folder / "map",
        store_account=account,
    )
    app = FastAPI()
    add_geo(app, config)

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    app.mount("/static", StaticFiles(directory=CONSOLE))
    made = MapServer(folder, inventory)
    server = uvicorn.Server(
        uvicorn.Config(Guard(app, []), host="127.0.0.1", port=made.port, log_config=None, ws="none", lifespan="off")
    )
    thread = threading.Thread(target=server.run, name="map-server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield made
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def server(tmp_path: Path, inventory: Inventory) -> Iterator[MapServer]:
    """Yield the map's routes with the repository's own streets, and no store."""
    with serving(tmp_path, inventory) as made:
        yield made
