"""Air quality. Levels after the Indonesian air pollution standard index (ISPU, Ministerial Regulation P.14/2020)."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Threshold, Words
from dashboards.parts import bars, column, lines, newest

PM2_5 = (Threshold(0, "good"), Threshold(15.5, "watch"), Threshold(55.4, "bad"), Threshold(150.4, "critical"))
"""ISPU's bounds of PM2.5 in µg/m³: moderate, unhealthy, very unhealthy."""
PM10 = (Threshold(0, "good"), Threshold(50, "watch"), Threshold(150, "bad"), Threshold(350, "critical"))

BOARD = Dashboard(
    "siaga_air",
    Words("Kualitas udara", "Air quality"),
    (
        bars(
            "pm25-now",
            "air_quality",
            "pm2_5_ugm3",
            Cell(0, 0, 12, 13),
            "15m",
            maximum=250,
            decimals=0,
            thresholds=PM2_5,
        ),
        bars(
            "pm10-now", "air_quality", "pm10_ugm3", Cell(12, 0, 12, 13), "15m", maximum=420, decimals=0, thresholds=PM10
        ),
        lines("pm25", "air_quality", "pm2_5_ugm3", Cell(0, 13, 16, 14)),
        Panel(
            "stations",
            "table",
            Words("Stasiun", "Stations"),
            Cell(16, 13, 8, 14),
            (newest("air_quality", ("pm2_5_ugm3", "pm10_ugm3"), "1h"),),
            columns=(
                column("air_quality", "pm2_5_ugm3", decimals=0, heading=Words("PM2,5", "PM2.5")),
                column("air_quality", "pm10_ugm3", decimals=0, heading=Words("PM10", "PM10")),
            ),
            stale_s=900,
            expected="air_quality",
        ),
    ),
    range_s=86_400,
    refresh_s=15,
)
