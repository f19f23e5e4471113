"""One vehicle."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Question, Words
from dashboards.parts import BY_DEVICE, column, lines
from store.layout import RAW

_ONLY = "\"device\" = '{device}'"

BOARD = Dashboard(
    "siaga_vehicle",
    Words("Satu kendaraan", "One vehicle"),
    (
        Panel(
            "map",
            "map",
            Words("Posisi dan jejak", "Position and trail"),
            Cell(0, 0, 12, 27),
            (
                Question(
                    "A",
                    'SELECT last("latitude") AS "latitude", "longitude", "speed_mps", "course_deg"'
                    f' FROM "{RAW}"."position" WHERE time > now() - 5m AND {_ONLY} GROUP BY "device"',
                    Words("{device}", "{device}"),
                    instant=True,
                ),
                Question(
                    "B",
                    'SELECT first("latitude") AS "latitude", first("longitude") AS "longitude"'
                    f' FROM "{{policy}}"."position" WHERE {{time}} AND {_ONLY}'
                    ' GROUP BY time({step}), "device" fill(none)',
                    Words("{device}", "{device}"),
                ),
            ),
            stale_s=300,
        ),
        lines("speed", "position", "speed_mps", Cell(12, 0, 12, 9), where=_ONLY, by=BY_DEVICE),
        lines("satellites", "position", "satellites", Cell(12, 9, 12, 9), where=_ONLY, by=BY_DEVICE),
        Panel(
            "heard",
            "table",
            Words("Terakhir terdengar", "Last heard"),
            Cell(12, 18, 12, 9),
            (
                Question(
                    "A",
                    'SELECT "latitude", "longitude", "speed_mps", "satellites", "hdop"'
                    f' FROM "{RAW}"."position" WHERE time > now() - 30d AND {_ONLY}'
                    ' GROUP BY "device", "sensor" ORDER BY time DESC LIMIT 1',
                    Words("{device} {sensor}", "{device} {sensor}"),
                    instant=True,
                ),
            ),
            columns=(
                column("position", "latitude", decimals=5),
                column("position", "longitude", decimals=5),
                column("position", "speed_mps", decimals=1),
                column("position", "hdop", decimals=1, heading=Words("HDOP", "HDOP")),
            ),
            stale_s=300,
        ),
    ),
    range_s=3_600,
    refresh_s=5,
    choices=("device",),
)
