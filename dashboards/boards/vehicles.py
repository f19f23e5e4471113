"""Official vehicles: where they are, how they move, when they were last heard of."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import BY_DEVICE, column, newest
from store.layout import RAW

SILENT_S = 300
"""From this age on a vehicle is not drawn as moving."""

TRAIL = Question(
    "B",
    f'SELECT first("latitude") AS "latitude", first("longitude") AS "longitude" FROM "{RAW}"."position"'
    ' WHERE time > now() - 10m GROUP BY time(20s), "device" fill(none)',
    Words("{device}", "{device}"),
    instant=True,
)
WHERE = newest("position", ("latitude", "longitude", "speed_mps", "course_deg"), "5m", by=BY_DEVICE)

BOARD = Dashboard(
    "siaga_vehicles",
    Words("Kendaraan dinas", "Official vehicles"),
    (
        Panel(
            "map",
            "map",
            Words("Posisi dan jejak 10 menit", "Positions and trails of 10 minutes"),
            Cell(0, 0, 16, 27),
            (WHERE, TRAIL),
            stale_s=SILENT_S,
            expected="vehicle",
        ),
        Panel(
            "moving",
            "stat",
            Words("Terdengar dalam 5 menit", "Heard within 5 minutes"),
            Cell(16, 0, 8, 5),
            (
                Question(
                    "A",
                    f'SELECT count("latitude") AS "vehicles" FROM (SELECT last("latitude") AS "latitude" FROM'
                    f' "{RAW}"."position" WHERE time > now() - 5m GROUP BY "device")',
                    instant=True,
                ),
            ),
            stale_s=SILENT_S,
            expected="vehicle",
        ),
        Panel(
            "heard",
            "table",
            Words("Terakhir terdengar", "Last heard"),
            Cell(16, 5, 8, 22),
            (newest("position", ("latitude", "longitude", "speed_mps"), "7d", by=BY_DEVICE),),
            columns=(column("position", "speed_mps", decimals=1),),
            thresholds=(Threshold(0, "good"), Threshold(60, "watch"), Threshold(SILENT_S, "bad")),
            stale_s=SILENT_S,
            expected="vehicle",
        ),
    ),
    range_s=3_600,
    refresh_s=5,
)
