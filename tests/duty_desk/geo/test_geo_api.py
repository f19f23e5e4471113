"""The map's routes over HTTP."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from duty_desk.geo.base_map import BaseMap
from tests.duty_desk.geo import tiles
from tests.duty_desk.geo.conftest import MapServer
from tests.duty_desk.geo.test_base_map import city

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.slow
def test_streets_are_packed_kept_by_the_browser_and_anew_after_an_import(server: MapServer) -> None:
    status, headers, plain = server.get("/api/streets")
    assert (status, headers["content-type"]) == (200, "application/geo+json")
    assert headers["cache-control"] == "private, no-cache"
    names = {feature["properties"]["name"] for feature in json.loads(plain)["features"]}
    assert "Jalan Asia Afrika" in names
    _, packed_headers, packed = server.get("/api/streets", accept_encoding="gzip, br")
    assert packed_headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert packed_headers["etag"] != headers["etag"], "what is packed is another representation"
    for etag in (headers["etag"], packed_headers["etag"], f'"x", W/{headers["etag"]}'):
        status, _, body = server.get("/api/streets", accept_encoding="gzip", if_none_match=etag)
        assert (status, body) == (304, b"")
    assert server.json("/api/map")["streets"] == "own"

    file = server.folder / "city.geojson"
    file.write_bytes(city())
    BaseMap(server.map).take(file, now=NOW, attribution="© Peta")
    status, fresh, body = server.get("/api/streets", if_none_match=headers["etag"])
    assert (status, fresh["etag"] == headers["etag"]) == (200, False), "without a restart"
    assert len(json.loads(body)["features"]) == 2
    _, _, packed = server.get("/api/streets", accept_encoding="gzip")
    assert gzip.decompress(packed) == body
    told = server.json("/api/map")
    assert (told["streets"], told["attribution"], told["tiles"], told["fault"]) == ("imported", "© Peta", None, None)
    BaseMap(server.map).remove()
    assert server.json("/api/map")["streets"] == "own"


@pytest.mark.slow
def test_tiles_come_in_parts(server: MapServer) -> None:
    assert server.get("/api/map/tiles")[0] == 404
    file = server.folder / "city.pmtiles"
    file.write_bytes(tiles.made())
    BaseMap(server.map).take(file, now=NOW)
    told = server.json("/api/map")["tiles"]
    assert told["layers"] == ["roads"]
    status, headers, body = server.get(told["url"], range="bytes=0-6", accept_encoding="gzip")
    assert (status, body) == (206, b"PMTiles")
    assert headers["content-range"] == f"bytes 0-6/{len(tiles.made())}"
    assert "content-encoding" not in headers, "a part of a packed file is no part of the file"
    assert not headers["etag"].startswith("W/")
    assert server.get(told["url"], range="bytes=9999999-")[0] == 416
    assert server.get(told["url"])[2] == tiles.made()
    (server.map / BaseMap(server.map).parts()["tiles"].file).unlink()
    assert server.get("/api/map/tiles")[0] == 404


@pytest.mark.slow
def test_a_place_is_found_over_http(server: MapServer) -> None:
    [first, *_] = server.json("/api/places?q=braga%20asia%20afrika")["places"]
    assert first["kind"] == "crossing"
    assert set(first) == {"name", "kind", "latitude", "longitude"}
    assert server.json("/api/places?q=gedung+merdeka")["places"][0]["kind"] == "button"
    assert server.json("/api/places?q=")["places"] == []
    for bad in ("/api/places", f"/api/places?q={'a' * 201}"):
        assert server.get(bad)[0] == 422


@pytest.mark.slow
def test_what_is_near_is_told_without_a_store(server: MapServer) -> None:
    told = server.json("/api/nearby?lat=-6.9217&lon=107.6071")
    assert (told["store"], told["vehicles"], told["sensors"]) == ("none", [], [])
    assert told["cameras"][0]["link"] == "https://cctv.example/1"
    assert "places" not in told
    for bad in ("lat=91&lon=0", "lat=0", "lat=nan&lon=0", "lat=inf&lon=0", "lat=a&lon=b"):
        assert server.get(f"/api/nearby?{bad}")[0] == 422


@pytest.mark.slow
def test_everything_else_is_kept_by_nobody(server: MapServer) -> None:
    for path in ("/api/map", "/api/places?q=a", "/api/nearby?lat=0&lon=0"):
        assert server.get(path)[1]["cache-control"] == "no-store"
