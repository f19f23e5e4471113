"""A map as Grafana's geomap: the streets that the wall server has, trails, then what stands where. Pure.

The server asks one origin for both pages, so the streets need no permission of another; they are the import of the
desk's map. Without them the map is the points alone, on no background, and nothing is fetched from the internet.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models.geomap import TooltipMode

from dashboards.grafana.marks import GREY, NOTHING, nothing, steps
from dashboards.grafana.question import SOURCE, Target
from dashboards.model import Panel

STREETS = "/map/streets.geojson"
_SYMBOL = "img/icons/marker/{}.svg"
_VEHICLE = "#3f8fd8"
_INCIDENT = "#ff3b6b"
"""Brighter than the level's colour, as its name is drawn in it on the ground."""
_TEXT_PX = 20


def map_panel(definition: Panel, language: str) -> geomap.Panel:
    """Return the panel without its number, title and place."""
    refs = {question.ref: question.influxql for question in definition.questions}
    layers = [_trail(ref) for ref, influxql in refs.items() if "GROUP BY time(" in influxql]
    for ref, influxql in refs.items():
        if "GROUP BY time(" not in influxql:
            named = len(refs) == 1 or not any('"incident"' in each for each in refs.values())
            layers.append(_incidents(ref) if '"incident"' in influxql else _vehicles(ref, named=named))
    made = (
        geomap.Panel()
        .view(geomap.MapViewConfig().id("fit").lat(0).lon(0).zoom(15).padding(8).all_layers(True))
        .controls(
            geomap.ControlsOptions().show_zoom(False).mouse_wheel_zoom(False).show_attribution(True).show_scale(True)
        )
        .basemap(_streets())
        .layers(layers)
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
        .datasource(SOURCE)
        .targets([Target(question, "map", language) for question in definition.questions])
        .thresholds(steps(definition.thresholds))
        .mappings([nothing(language)])
    )
    return made.no_value(NOTHING.of(language))


def _streets() -> builder.Builder[look.MapLayerOptions]:
    style = {"color": {"fixed": GREY}, "lineWidth": 2, "opacity": 0.8, "size": {"fixed": 2, "max": 2, "min": 2}}
    return (
        common.MapLayerOptions().type("geojson").name("streets").config({"src": STREETS, "rules": [], "style": style})
    )


def _points(ref: str, name: str, style: dict[str, object]) -> common.MapLayerOptions:
    return (
        common.MapLayerOptions()
        .type("markers")
        .name(name)
        .config({"showLegend": False, "style": style})
        .filter_data({"id": "byRefId", "options": ref})
        .location(
            common.FrameGeometrySource()
            .mode(look.FrameGeometrySourceMode.COORDS)
            .latitude("latitude")
            .longitude("longitude")
        )
        .tooltip(True)
    )


def _marker(symbol: str, colour: str, size: int) -> dict[str, object]:
    return {
        "color": {"fixed": colour},
        "opacity": 0.9,
        "size": {"fixed": size, "max": size, "min": size},
        "symbol": {"fixed": _SYMBOL.format(symbol), "mode": "fixed"},
        "text": {"field": "device", "fixed": "", "mode": "field"},
        "textConfig": {
            "fontSize": _TEXT_PX,
            "offsetX": 0,
            "offsetY": size + 10,
            "textAlign": "center",
            "textBaseline": "middle",
        },
    }


def _vehicles(ref: str, *, named: bool) -> builder.Builder[look.MapLayerOptions]:
    style = _marker("triangle", _VEHICLE, 9)
    if not named:
        # Sixty names lie over the incidents' own.
        del style["text"], style["textConfig"]
    style["rotation"] = {"field": "course_deg", "fixed": 0, "max": 360, "min": 0, "mode": "mod"}
    return _points(ref, "vehicles", style)


def _incidents(ref: str) -> builder.Builder[look.MapLayerOptions]:
    return _points(ref, "incidents", _marker("star", _INCIDENT, 18))


def _trail(ref: str) -> builder.Builder[look.MapLayerOptions]:
    style = _marker("circle", _VEHICLE, 2)
    del style["text"], style["textConfig"]
    return _points(ref, "trails", {**style, "opacity": 0.5})
