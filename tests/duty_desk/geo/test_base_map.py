"""A file becomes the base map, or what is wrong with it is told and the map before stays."""

from __future__ import annotations

import copy
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contract.inventory import Inventory
from duty_desk.geo.atlas import known_points, load
from duty_desk.geo.base_map import BaseMap
from duty_desk.geo.cli import app
from duty_desk.geo.errors import MapError
from duty_desk.geo.geojson import MAX_FILE_BYTES, read_streets
from duty_desk.geo.pmtiles import MAX_FILE_BYTES as MAX_TILES_BYTES
from duty_desk.geo.pmtiles import read_header
from tests.duty_desk.conftest import Desk
from tests.duty_desk.geo import tiles
from tests.duty_desk.geo.conftest import BANDUNG, INVENTORY, OWN_STREETS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KNOWN = [(107.6098, -6.9211)]


def street(*points: tuple[float, float], name: str = "Jalan Braga", highway: str = "secondary") -> dict[str, Any]:
    """Return a street as OpenStreetMap's tools export it."""
    geometry = {"type": "LineString", "coordinates": [list(point) for point in points]}
    return {"type": "Feature", "properties": {"name": name, "highway": highway}, "geometry": geometry}


BRAGA = street((107.609, -6.917), (107.6092, -6.919), (107.6095, -6.921))
CITY: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        BRAGA,
        street((107.6095, -6.921), (107.6096, -6.922)),
        street((107.604, -6.9208), (107.613, -6.9218), name="Jalan Asia Afrika", highway="primary"),
        {"type": "Feature", "properties": {"waterway": "river", "name": "Cikapundung"}, "geometry": BRAGA["geometry"]},
        {"type": "Feature", "properties": {"name": "Taman"}, "geometry": {"type": "Polygon", "coordinates": []}},
    ],
}


def city(change: Callable[[dict[str, Any]], object] = lambda _: None) -> bytes:
    """Return the city's file, changed."""
    made = copy.deepcopy(CITY)
    change(made)
    return json.dumps(made).encode()


def test_streets_are_sorted_into_classes_and_joined_where_one_goes_on() -> None:
    read = read_streets(city(), source="city.geojson", known=KNOWN)
    assert (read.lines, read.named, read.streets, read.dropped, read.warnings) == (3, 3, 2, 2, ())
    features = json.loads(read.body)["features"]
    braga, asia = features
    assert braga["properties"] == {"name": "Jalan Braga", "class": "medium"}
    assert asia["properties"]["class"] == "major"
    assert braga["geometry"]["coordinates"] == [
        [[107.609, -6.917], [107.6092, -6.919], [107.6095, -6.921], [107.6096, -6.922]]
    ]


def _scaled(value: Any, by: float) -> Any:
    return [_scaled(each, by) for each in value] if isinstance(value, list) else value * by


def _projected(made: dict[str, Any]) -> None:
    geometry = made["features"][0]["geometry"]
    geometry["coordinates"] = _scaled(geometry["coordinates"], 111_320)


def _swapped(made: dict[str, Any]) -> None:
    for feature in made["features"][:3]:
        feature["geometry"]["coordinates"] = [pair[::-1] for pair in feature["geometry"]["coordinates"]]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "ends in the middle, after 0 bytes; was it copied whole?"),
        (city()[:400], "ends in the middle, after 400 bytes; was it copied whole?"),
        (city()[:-1], "ends in the middle"),
        (b"\xff\xfe\x00{", "not JSON|not UTF-8"),
        (b'{"type": }', "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"[1]", "expected a GeoJSON FeatureCollection, and it is a 'list'"),
        (b'{"type": "Topology"}', "it is a 'Topology'"),
        (city(lambda made: made.update(features="x")), "`features` is no list"),
        (city(lambda made: made.update(features=[])), "no line in it"),
        (city(lambda made: made["features"].__delitem__(slice(0, 3))), "no line in it, only 2 other features"),
        (city(_projected), r"features\[0\]: \[.*\] are no degrees.*ogr2ogr -t_srs EPSG:4326"),
        (city(_swapped), r"features\[0\]: \[-6.917, 107.609\] is latitude first"),
        (
            city(lambda made: made.update(crs={"properties": {"name": "urn:ogc:def:crs:EPSG::23834"}})),
            "another system .*23834.*ogr2ogr",
        ),
        (city(lambda made: made["features"][0]["geometry"].update(coordinates=7)), "coordinates are no list"),
        (
            city(lambda made: made["features"][0]["geometry"].update(coordinates=[[1]])),
            "expected .longitude, latitude.",
        ),
        (city(lambda made: made["features"][0]["geometry"].update(coordinates=[["a", "b"]])), '"a"'),
        (city(lambda made: made["features"][0]["geometry"].update(coordinates=[[None, True]])), "null"),
    ],
)
def test_a_bad_file_is_told_with_what_to_do(body: bytes, told: str) -> None:
    with pytest.raises(MapError, match=told):
        read_streets(body, source="city.geojson", known=KNOWN)


def test_coordinates_swapped_where_both_ways_are_degrees_are_told_by_the_inventory() -> None:
    """Near Singapore neither order leaves the globe; that the buttons lie on it only swapped tells it."""
    swapped = [street((1.30, 70.8), (1.31, 70.9))]
    body = city(lambda made: made.update(features=swapped))
    with pytest.raises(MapError, match="latitude and longitude are swapped"):
        read_streets(body, source="city.geojson", known=[(70.85, 1.305)])


def test_a_map_of_another_city_is_taken_with_a_note() -> None:
    read = read_streets(city(), source="city.geojson", known=[(106.82, -6.17)])
    assert len(read.warnings) == 1
    assert "km away; is it the right city?" in read.warnings[0]


def test_a_line_that_leaps_over_the_land_is_left_out() -> None:
    leaping = street((107.6, -6.9), (108.6, -6.9), name="Lompat")
    read = read_streets(city(lambda made: made["features"].append(leaping)), source="x")
    assert (read.streets, read.dropped) == (2, 3)


def test_names_and_classes_of_other_tools_are_found_and_odd_letters_go() -> None:
    def other(made: dict[str, Any]) -> None:
        made["features"] = [made["features"][0]]
        made["features"][0]["properties"] = {"N": " Jalan\n\u202eBraga ", "h": "motorway_link", "id": 7}

    features = json.loads(read_streets(city(other), source="x").body)["features"]
    assert features[0]["properties"] == {"name": "Jalan Braga", "class": "motorway"}


def test_200_mb_are_refused_before_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "large.geojson"
    with file.open("wb") as opened:
        opened.truncate(200_000_000)
    with pytest.raises(MapError, match=rf"200 MB, at most {MAX_FILE_BYTES // 1_000_000} MB are taken; cut it"):
        BaseMap(tmp_path / "map").take(file, now=NOW)
    assert [path.name for path in (tmp_path / "map").iterdir()] == [".lock"]


def test_an_import_is_whole_or_not_at_all_and_replaces_the_one_before(tmp_path: Path, inventory: Inventory) -> None:
    base_map = BaseMap(tmp_path / "map")
    first, second, bad = tmp_path / "first.geojson", tmp_path / "second.geojson", tmp_path / "bad.geojson"
    first.write_bytes(city())
    second.write_bytes(city(lambda made: made["features"].pop(2)))
    bad.write_bytes(city()[:300])
    assert base_map.parts() == {}
    base_map.take(first, now=NOW, attribution="© A", known=known_points(inventory))
    kept = {path.name: path.read_bytes() for path in base_map.folder.iterdir()}
    with pytest.raises(MapError):
        base_map.take(bad, now=NOW)
    assert {path.name: path.read_bytes() for path in base_map.folder.iterdir()} == kept
    before = base_map.version()
    part = base_map.take(second, now=NOW)
    assert base_map.version() != before
    assert base_map.parts() == {"streets": part}
    names = {path.name for path in base_map.folder.iterdir()}
    assert names == {"map.json", ".lock", part.file, f"{part.file}.gz"}
    assert (
        gzip.decompress((base_map.folder / f"{part.file}.gz").read_bytes())
        == (base_map.folder / part.file).read_bytes()
    )
    assert [one.source for one in base_map.remove()] == ["second.geojson"]
    assert base_map.parts() == {}


def test_two_imports_at_once_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "city.geojson"
    file.write_bytes(city())
    base_map = BaseMap(tmp_path / "map")
    with base_map._locked(), pytest.raises(MapError, match="another import is at work"):
        BaseMap(tmp_path / "map").take(file, now=NOW)


def test_a_damaged_note_leaves_the_desk_its_own_streets_and_is_told(tmp_path: Path, inventory: Inventory) -> None:
    file = tmp_path / "city.geojson"
    file.write_bytes(city())
    base_map = BaseMap(tmp_path / "map")
    base_map.take(file, now=NOW)
    note = base_map.folder / "map.json"
    for damage in (b"{", b'{"streets": {}}', b"\xff"):
        note.write_bytes(damage)
        atlas = load(base_map, OWN_STREETS.read_bytes(), inventory)
        assert atlas.streets.origin == "own"
        assert atlas.fault is not None
        assert "map.json" in atlas.fault
    base_map.take(file, now=NOW)
    assert load(base_map, None, inventory).streets.origin == "imported"


def test_tiles_are_told_apart_by_their_first_bytes(tmp_path: Path, inventory: Inventory) -> None:
    file = tmp_path / "city.bin"
    file.write_bytes(tiles.made())
    base_map = BaseMap(tmp_path / "map")
    part = base_map.take(file, now=NOW, known=known_points(inventory))
    assert (part.layers, part.min_zoom, part.max_zoom, part.warnings) == (("roads",), 10, 10, ())
    assert part.attribution == "© Ubin", "as text, without its tags"
    assert (base_map.folder / part.file).read_bytes() == tiles.made()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"PMTiles", "no PMTiles"),
        (b"PMTiles\x02" + bytes(200), "version 2"),
        (tiles.made()[:100], "ends in its header"),
        (tiles.made()[:-5], "ends 5 bytes too early; was it copied whole?"),
        (tiles.made(tile_type=2), "PNG pictures"),
        (tiles.made(compression=4), "zstd"),
        (tiles.made(metadata={}), "no vector layers"),
        (tiles.made(metadata=[1]), "no vector layers"),
    ],
)
def test_a_bad_tile_file_is_told(body: bytes, told: str) -> None:
    with pytest.raises(MapError, match=told):
        read_header(io.BytesIO(body), len(body), source="city.pmtiles")


def test_a_tile_file_beyond_the_bound_is_refused() -> None:
    with pytest.raises(MapError, match="pmtiles extract"):
        read_header(io.BytesIO(tiles.made()), MAX_TILES_BYTES + 1, source="x.pmtiles")


@pytest.mark.slow
@pytest.mark.skipif(not BANDUNG.exists(), reason="the file of a deployer is not on this machine")
def test_a_real_city_is_a_quarter_of_its_size(inventory: Inventory) -> None:
    body = BANDUNG.read_bytes()
    read = read_streets(body, source=BANDUNG.name, known=known_points(inventory))
    assert (read.lines, read.named, read.warnings) == (3_912, 3_515, ())
    assert len(read.body) < len(body) / 4
    assert len(gzip.compress(read.body)) < 60_000


@pytest.mark.slow
def test_the_commands_import_show_and_remove(idle: Desk) -> None:
    runner = CliRunner()
    (idle.folder / "inventory.toml").write_text(INVENTORY)
    file, config = idle.folder / "city.geojson", ["--config", str(idle.config)]
    file.write_bytes(city())
    shown = runner.invoke(app, ["show", *config])
    assert "streets of desk.toml" in shown.stdout
    done = runner.invoke(app, ["import", str(file), *config, "--attribution", "© Peta"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("imported city.geojson: 2 streets, 0 kB")
    shown = runner.invoke(app, ["show", *config, "--json"])
    told = json.loads(shown.stdout)
    assert told["streets"]["attribution"] == "© Peta"
    assert told["folder"] == str(idle.folder / "data" / "map")
    file.write_bytes(city()[:100])
    failed = runner.invoke(app, ["import", str(file), *config, "--json"])
    assert failed.exit_code == 1
    assert "was it copied whole?" in json.loads(failed.stdout)["error"]
    assert runner.invoke(app, ["import", str(file) + "x", *config]).exit_code == 1
    assert runner.invoke(app, ["remove", *config]).stdout == "removed city.geojson\n"
    assert runner.invoke(app, ["remove", *config]).stdout == "nothing was imported\n"
