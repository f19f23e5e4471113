"""Water level: how high, and how fast it rises. Each gauge's thresholds are the inventory's."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import bars, column, lines, newest
from store.layout import RAW

RISE = (Threshold(-100, "good"), Threshold(0.2, "watch"), Threshold(0.5, "bad"), Threshold(1.0, "critical"))
"""In m an hour; what falls is good."""

BOARD = Dashboard(
    "siaga_water",
    Words("Tinggi muka air", "Water level"),
    (
        bars("level-now", "water_level", "level_m", Cell(0, 0, 14, 14), "15m", maximum=5, decimals=2),
        Panel(
            "rise",
            "bars",
            Words("Kenaikan dalam satu jam", "Rise within an hour"),
            Cell(14, 0, 10, 14),
            (
                Question(
                    "A",
                    f'SELECT last("level_m") - first("level_m") AS "rise_m" FROM "{RAW}"."water_level"'
                    ' WHERE time > now() - 1h GROUP BY "device", "sensor"',
                    Words("{device} {sensor}", "{device} {sensor}"),
                    instant=True,
                ),
            ),
            unit="m/h",
            decimals=2,
            thresholds=RISE,
            minimum=-1,
            maximum=2,
            stale_s=3_600,
            expected="water_level",
        ),
        lines("level", "water_level", "level_m", Cell(0, 14, 16, 13)),
        Panel(
            "gauges",
            "table",
            Words("Papan duga", "Gauges"),
            Cell(16, 14, 8, 13),
            (newest("water_level", ("level_m",), "6h"),),
            columns=(column("water_level", "level_m", decimals=2, heading=Words("Tinggi", "Level")),),
            stale_s=900,
            expected="water_level",
        ),
    ),
    range_s=86_400,
    refresh_s=15,
)
