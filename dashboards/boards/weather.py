"""Weather."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import column, lines, newest
from store.layout import RAW

RAIN_1H = (Threshold(0, "good"), Threshold(10, "watch"), Threshold(20, "bad"), Threshold(50, "critical"))
"""In mm an hour: heavy and very heavy rain after BMKG (10 to 20, above 20); above 50 streets flood."""


def _rain(within: str) -> Question:
    return Question(
        "A",
        f'SELECT sum("rain_mm") AS "rain_mm" FROM "{RAW}"."weather" WHERE time > now() - {within}'
        ' GROUP BY "device", "sensor"',
        Words("{device}", "{device}"),
        instant=True,
    )


BOARD = Dashboard(
    "siaga_weather",
    Words("Cuaca", "Weather"),
    (
        Panel(
            "rain-1h",
            "bars",
            Words("Hujan satu jam terakhir", "Rain in the last hour"),
            Cell(0, 0, 12, 10),
            (_rain("1h"),),
            unit="mm",
            decimals=1,
            thresholds=RAIN_1H,
            minimum=0,
            maximum=80,
            stale_s=3_600,
            expected="weather",
        ),
        Panel(
            "stations",
            "table",
            Words("Stasiun", "Stations"),
            Cell(12, 0, 12, 10),
            (newest("weather", ("temperature_c", "humidity_pct", "wind_speed_mps", "wind_gust_mps"), "1h"),),
            columns=tuple(
                column("weather", field, decimals=decimals, heading=heading)
                for field, decimals, heading in (
                    ("temperature_c", 1, Words("Suhu", "Temperature")),
                    ("humidity_pct", 0, Words("Kelembapan", "Humidity")),
                    ("wind_speed_mps", 1, Words("Angin", "Wind")),
                    ("wind_gust_mps", 1, Words("Embusan", "Gust")),
                )
            ),
            stale_s=900,
            expected="weather",
        ),
        lines("rain", "weather", "rain_mm", Cell(0, 10, 8, 17)),
        lines("temperature", "weather", "temperature_c", Cell(8, 10, 8, 17)),
        lines("gust", "weather", "wind_gust_mps", Cell(16, 10, 8, 17)),
    ),
    range_s=86_400,
    refresh_s=15,
)
