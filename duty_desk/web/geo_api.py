"""The map over HTTP: what is drawn, where a name is, what is near. Nothing here is on the way of an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from duty_desk.geo.atlas import Atlases
from duty_desk.geo.base_map import BaseMap
from duty_desk.geo.lookout import Lookout, as_json
from duty_desk.geo.search import MAX_RESULTS, PlaceKind
from duty_desk.settings import Desk
from duty_desk.web.faults import Fault

MAX_QUERY: Final = 200
_STREETS_TYPE: Final = "application/geo+json"
_CACHED: Final = {"cache-control": "private, no-cache", "vary": "accept-encoding"}
"""Kept by the browser, and asked about each time: an import is seen at the next load of the page."""
_STREETS_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_STREETS_TYPE: {}}, "description": "GeoJSON"},
    304: {"description": "As the browser has it"},
    404: {"model": Fault},
}


class PlaceView(BaseModel):
    """A place that was found."""

    name: str
    kind: PlaceKind
    latitude: float
    longitude: float


class PlacesView(BaseModel):
    """The places that fit a query best, the best first."""

    places: list[PlaceView]


class TilesView(BaseModel):
    """Imported vector tiles: where they are, their layers, and their zooms."""

    url: str
    layers: list[str]
    box: tuple[float, float, float, float]
    min_zoom: int
    max_zoom: int
    attribution: str


class MapView(BaseModel):
    """What the map is drawn from. `streets`: imported, of desk.toml, or none. `box`: west, south, east, north."""

    streets: str
    box: tuple[float, float, float, float] | None
    attribution: str
    tiles: TilesView | None
    fault: str | None


def add_geo(app: FastAPI, config: Desk, see: Sequence[Any] = ()) -> None:
    """Add the map's routes.

    Args:
        app: The application.
        config: The desk's configuration.
        see: The dependencies that let in who may see the map.
    """
    atlases = Atlases(BaseMap(config.map), config.streets, config.inventory)

    @app.get("/api/map", dependencies=see)
    async def base_map() -> MapView:
        """Tell what the map is drawn from."""
        atlas = await atlases.current()
        tiles = atlas.tiles and TilesView(
            url=f"/api/map/tiles?{atlas.tiles.sha256[:16]}",
            layers=list(atlas.tiles.layers),
            box=atlas.tiles.box,
            min_zoom=atlas.tiles.min_zoom,
            max_zoom=atlas.tiles.max_zoom,
            attribution=atlas.tiles.attribution,
        )
        streets = atlas.streets
        return MapView(
            streets=streets.origin, box=streets.box, attribution=streets.attribution, tiles=tiles, fault=atlas.fault
        )

    @app.get("/api/streets", dependencies=see, response_class=Response, responses=_STREETS_ANSWERS)
    async def streets(request: Request) -> Response:
        """Give the streets as GeoJSON; empty when the desk has none."""
        given = (await atlases.current()).streets
        packed = "gzip" in request.headers.get("accept-encoding", "").lower()
        etags = (given.etag, f'{given.etag[:-1]}-gzip"')
        headers = {**_CACHED, "etag": etags[packed]}
        if _knows(request, etags):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["content-encoding"] = "gzip"
        body = given.packed if packed else given.plain
        if isinstance(body, bytes):
            return Response(body, media_type=_STREETS_TYPE, headers=headers)
        if not body.is_file():
            raise HTTPException(404, "the map was imported anew; load the page again")
        return FileResponse(body, media_type=_STREETS_TYPE, headers=headers)

    @app.get("/api/map/tiles", dependencies=see, response_class=Response, responses={404: {"model": Fault}})
    async def tiles() -> Response:
        """Give the imported vector tiles, one PMTiles file, by HTTP Range."""
        atlas = await atlases.current()
        file = atlas.tiles_file
        if atlas.tiles is None or file is None or not file.is_file():
            raise HTTPException(404, "no tiles were imported: siaga desk map import FILE")
        return _ranged(file, f'"{atlas.tiles.sha256[:20]}"')

    _add_finding(app, atlases, Lookout(config.inventory, config.settings.store, config.store_account), see)


def _add_finding(app: FastAPI, atlases: Atlases, lookout: Lookout, see: Sequence[Any]) -> None:
    @app.get("/api/places", dependencies=see)
    async def places(q: Annotated[str, Query(max_length=MAX_QUERY, description="What was typed.")]) -> PlacesView:
        """Find streets, crossings, buttons and sites by what somebody types."""
        atlas = await atlases.current()
        found = await asyncio.to_thread(atlas.search.find, q, MAX_RESULTS)
        views = [
            PlaceView(name=one.name, kind=one.kind, latitude=one.latitude, longitude=one.longitude) for one in found
        ]
        return PlacesView(places=views)

    @app.get("/api/nearby", dependencies=see)
    async def nearby(
        lat: Annotated[float, Query(ge=-90, le=90, description="Latitude in degrees, WGS 84.")],
        lon: Annotated[float, Query(ge=-180, le=180, description="Longitude in degrees.")],
    ) -> JSONResponse:
        """Tell which vehicles, sensors and cameras are near a place, and whether the store answers."""
        return JSONResponse(as_json(await lookout.near((lon, lat))))


def _ranged(file: Path, etag: str) -> Response:
    # No encoding: a part of a packed file is no part of the file.
    headers = {"etag": etag, "last-modified": formatdate(file.stat().st_mtime, usegmt=True), **_CACHED}
    return FileResponse(file, media_type="application/vnd.pmtiles", headers=headers)


def _knows(request: Request, etags: Sequence[str]) -> bool:
    given = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in (*etags, "*") for one in given.split(","))
