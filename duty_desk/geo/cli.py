"""`siaga desk map …`: import a base map, show what is there, remove it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from duty_desk.geo.base_map import BaseMap, Part
    from duty_desk.settings import Desk

app = typer.Typer(help="The base map under the desk's incidents.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", help="The desk's configuration file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command("import", epilog="Example: siaga desk map import bandung.geojson --config /etc/siaga/desk.toml")
def import_(
    file: Annotated[Path, typer.Argument(help="Streets as GeoJSON, or vector tiles as PMTiles.", show_default=False)],
    config: Config,
    attribution: Annotated[
        str, typer.Option(help="What the map's licence wants to be shown on it, as: © OpenStreetMap contributors")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Take a file as base map. A desk that runs shows it when its page is loaded again."""
    from datetime import UTC, datetime

    from duty_desk.geo.atlas import known_points
    from duty_desk.geo.errors import MapError

    desk, base_map = _open(config)
    try:
        part = base_map.take(file, now=datetime.now(UTC), attribution=attribution, known=known_points(desk.inventory))
    except MapError as error:
        raise _fail(error, as_json=as_json) from None
    if as_json:
        print(json.dumps(asdict(part), ensure_ascii=False))
        return
    print(f"imported {_told(part)}")
    for warning in part.warnings:
        print(f"note: {warning}", file=sys.stderr)
    if not part.attribution:
        print(
            'note: most licences want a line on the map: --attribution "© OpenStreetMap contributors"', file=sys.stderr
        )


@app.command(epilog="Example: siaga desk map show --config /etc/siaga/desk.toml --json")
def show(config: Config, as_json: AsJson = False) -> None:
    """Tell what was imported."""
    from duty_desk.geo.errors import MapError

    desk, base_map = _open(config)
    try:
        parts = base_map.parts()
    except MapError as error:
        raise _fail(error, as_json=as_json) from None
    if as_json:
        told: dict[str, Any] = {kind: asdict(part) for kind, part in parts.items()}
        print(json.dumps({"folder": str(base_map.folder), "streets_setting": desk.settings.streets, **told}))
        return
    for part in parts.values():
        print(_told(part))
    if "streets" not in parts:
        print(f"streets of desk.toml: {desk.settings.streets or 'none'}")


@app.command(epilog="Example: siaga desk map remove --config /etc/siaga/desk.toml")
def remove(config: Config, as_json: AsJson = False) -> None:
    """Remove what was imported; the streets that desk.toml names are shown again."""
    from duty_desk.geo.errors import MapError

    _, base_map = _open(config)
    try:
        removed = base_map.remove()
    except MapError as error:
        raise _fail(error, as_json=as_json) from None
    if as_json:
        print(json.dumps({"removed": [part.source for part in removed]}))
    else:
        print(f"removed {', '.join(part.source for part in removed)}" if removed else "nothing was imported")


def _open(config: Path) -> tuple[Desk, BaseMap]:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.geo.base_map import BaseMap
    from duty_desk.settings import load_desk

    try:
        desk = load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    return desk, BaseMap(desk.map)


def _fail(error: Exception, *, as_json: bool) -> typer.Exit:
    if as_json:
        print(json.dumps({"error": str(error)}, ensure_ascii=False))
    print(f"map: {error}", file=sys.stderr)
    return typer.Exit(1)


def _told(part: Part) -> str:
    west, south, east, north = part.box
    what = f"tiles of {len(part.layers)} layers" if part.layers else f"{part.streets} streets"
    size = f"{part.size_bytes / 1_000_000:.1f} MB" if part.size_bytes >= 1_000_000 else f"{part.size_bytes // 1000} kB"
    where = f"{south:.4f}…{north:.4f} N, {west:.4f}…{east:.4f} E"
    return f"{part.source}: {what}, {size}, {where}, imported {part.imported_at}"
